"""What a tool says of itself: what it can reach, what it changes, and how it is approved.

These are not notes: a policy hides tools by them, the context of a call enforces them, and an
authorizer decides by them.
"""

import difflib
import re
from typing import Literal, TypeAlias, get_args

import msgspec

from mentra_actors.errors import InvalidTool

__all__ = [
    "ApprovalCategory",
    "Capability",
    "Durability",
    "SideEffects",
    "ToolTraits",
    "require_sound_traits",
]

Capability: TypeAlias = str
"""One of the words below, or a word of your own: lower case letters, digits and `_`.

`read_only`, `filesystem_read`, `filesystem_write`, `process_exec`, `background_exec`,
`task_mutation`, `team_coordination`, `delegation`, `context_compaction`, `memory_write`,
`skill_load`.
"""

SideEffects: TypeAlias = Literal["none", "local_state", "process", "external"]
"""What a call may change: nothing; files, boards and other state of this system; anything that a
process can; anything in the world."""

Durability: TypeAlias = Literal["ephemeral", "persistent"]
"""Whether what a call has changed is still there after the process. What may be done with a call
that was open when its process died is said by `retry`."""

ApprovalCategory: TypeAlias = Literal[
    "default", "read_only", "filesystem", "process", "background", "delegation"
]

_CAPABILITY = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_CHANGING = frozenset(
    {
        "filesystem_write",
        "process_exec",
        "background_exec",
        "task_mutation",
        "team_coordination",
        "delegation",
        "context_compaction",
        "memory_write",
    }
)
_KNOWN = (*sorted(_CHANGING), "read_only", "filesystem_read", "skill_load")
_NEAR = 0.9
"""How much a word is like a known one, at most 1, to be taken for a slip of the pen."""


class ToolTraits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a tool declares. One that says nothing may change anything: `side_effects` external."""

    capabilities: tuple[Capability, ...] = ()
    side_effects: SideEffects = "external"
    durability: Durability = "ephemeral"
    approval: ApprovalCategory = "default"

    @property
    def changes_nothing(self) -> bool:
        """True of a tool that only looks: its context lets it change nothing."""
        return self.side_effects == "none"


def require_sound_traits(name: str, traits: ToolTraits) -> ToolTraits:
    """`traits`, if their words are known and do not contradict each other.

    Raises:
        InvalidTool: they do; the message says how.
    """
    words: tuple[tuple[str, object], ...] = (
        (traits.side_effects, SideEffects),
        (traits.durability, Durability),
        (traits.approval, ApprovalCategory),
    )
    for word, kind in words:
        if word not in get_args(kind):
            known = ", ".join(get_args(kind))
            raise InvalidTool(f"tool {name!r}: {word!r} is not one of {known}")
    capabilities: tuple[object, ...] = traits.capabilities
    for capability in capabilities:
        if not isinstance(capability, str) or _CAPABILITY.fullmatch(capability) is None:
            raise InvalidTool(f"tool {name!r}: a capability is a word, not {capability!r}")
        near = difflib.get_close_matches(capability, _KNOWN, 1, _NEAR)
        if near and capability not in _KNOWN:
            raise InvalidTool(
                f"tool {name!r}: capability {capability!r} is not known; is it {near[0]!r}?"
            )
    _require_consistent(name, traits)
    return traits


def _require_consistent(name: str, traits: ToolTraits) -> None:
    """What it declares of itself is true together: an authorizer may go by any part of it.

    Raises:
        InvalidTool: it is not.
    """
    if not traits.changes_nothing and "read_only" in (*traits.capabilities, traits.approval):
        raise InvalidTool(
            f"tool {name!r} is declared read_only, and may change something: declare "
            "side_effects='none', or leave read_only out"
        )
    changing = _CHANGING & {*traits.capabilities}
    if traits.changes_nothing and changing:
        what = ", ".join(sorted(changing))
        raise InvalidTool(
            f"tool {name!r} is declared without side effects, and can {what}: declare "
            "side_effects='local_state', 'process' or 'external'"
        )

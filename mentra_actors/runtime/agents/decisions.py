"""The decision of a person about a call, as a program gives it."""

from typing import TypedDict, get_args

import msgspec

from mentra_actors.domain.agent.commands import ResolvePermission
from mentra_actors.domain.permission_rules import SCOPES, RuleScope
from mentra_actors.domain.rule_match import RuleMatch
from mentra_actors.domain.storable import as_stored
from mentra_actors.ids import CommandId
from mentra_actors.runtime.plain_arguments import require_known, require_text

__all__ = ["Decision", "Remembering", "checked_match", "checked_scope", "decision"]


class Remembering(TypedDict, total=False):
    """Who decides, and what is remembered of it; see `Agent.allow`."""

    by: str
    remember: RuleScope | None
    match: RuleMatch | None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody has decided about a call that waits."""

    request_id: CommandId
    allow: bool
    reason: str = ""
    by: str = ""
    remember: RuleScope | None = None
    match: RuleMatch | None = None
    command_id: CommandId = CommandId("")

    def command(self, now: float) -> ResolvePermission:
        """It as a command to the agent; `now` is Unix seconds."""
        return ResolvePermission(
            request_id=self.request_id,
            allow=self.allow,
            now=now,
            reason=self.reason,
            resolved_by=self.by,
            remember=self.remember,
            match=self.match,
            command_id=self.command_id,
        )


def decision(request_id: str, *, allow: bool, reason: str, more: Remembering) -> Decision:
    """A decision, checked.

    Raises:
        TypeError, ValueError: an argument is not known, or is no text, scope or match.
    """
    require_known(more, Remembering.__annotations__, "a decision has no argument")
    by, remember, match = more.get("by", ""), more.get("remember"), more.get("match")
    for text, what in ((request_id, "a request_id"), (reason, "a reason"), (by, "a name")):
        require_text(text, what)
    if match is not None and remember is None:
        raise ValueError("match says what is remembered: say remember='session' as well")
    return Decision(
        request_id=CommandId(request_id),
        allow=allow,
        reason=reason,
        by=by,
        remember=None if remember is None else checked_scope(remember),
        match=None if match is None else checked_match(match),
    )


def checked_scope(scope: object) -> RuleScope:
    """A scope that there is.

    Raises:
        ValueError: it is none.
    """
    if scope not in SCOPES:
        raise ValueError(f"a rule is remembered for {', '.join(SCOPES)}, not {scope!r}")
    found: RuleScope = scope
    return found


def checked_match(match: object) -> RuleMatch:
    """A match that can be stored.

    Raises:
        TypeError, ValueError: it is none, or holds what no log can keep.
    """
    if not isinstance(match, get_args(RuleMatch)):
        kinds = ", ".join(one.__name__ for one in get_args(RuleMatch))
        raise TypeError(f"a match is one of {kinds}, not {match!r}")
    return as_stored(match, RuleMatch, "a match")  # type: ignore[arg-type]

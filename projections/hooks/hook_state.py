"""What is remembered of an agent's stream, so that its next events can be told to observers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from mentra_actors.domain.tool_call import AuthorizationOutcome
from mentra_actors.ids import EffectId
from projections.hooks.hook_event import HookEvent

__all__ = [
    "PREVIEW_CHARS",
    "AgentHookState",
    "HookAttempt",
    "HookCall",
    "Outcome",
    "Place",
    "Step",
]

PREVIEW_CHARS = 1_000
"""How much of a result an event shows; the whole stands on the log."""


class HookCall(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a call until it has its result."""

    tool: str
    call_id: str
    arguments: str = ""
    stage: Literal["planned", "waiting", "started"] = "planned"
    outcome: AuthorizationOutcome = "allow"
    reason: str = ""


class HookAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """The attempt to have an answer that is open, or was when its run ended (`is_cut`)."""

    effect_id: EffectId
    model: str
    attempt: int
    is_cut: bool = False


class AgentHookState(msgspec.Struct, frozen=True, kw_only=True):
    """What the next events of an agent's stream are told with.

    `has_answer` says that the open run, or the one that it goes on with, was answered.
    """

    model: str = ""
    has_answer: bool = False
    attempt: HookAttempt | None = None
    calls: Mapping[EffectId, HookCall] = {}


Place: TypeAlias = Mapping[str, Any]
"""The fields that every event has: whose it is, where it stands, when, in which run."""
Outcome: TypeAlias = tuple[AgentHookState, Sequence[HookEvent]]
Step: TypeAlias = Callable[[AgentHookState, Any, Place], Outcome]

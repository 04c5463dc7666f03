"""Who may look at a call before it runs, and change, refuse or hold it: hooks and an authorizer.

The order is: hooks one after the other, each seeing what the one before has made of the arguments;
then the check of the arguments against the tool's schema; then the authorizer. After the run the
hooks see the outcome, the last one first.
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec

from mentra_actors.domain.tool_call import RetryMode, ToolOutcome
from mentra_actors.ids import AgentId, EffectId, RunId, TeamId
from mentra_actors.json_types import JsonObject
from mentra_actors.tools.traits import ToolTraits

__all__ = [
    "Allow",
    "Ask",
    "Authorizer",
    "CallPreview",
    "Deny",
    "HookVerdict",
    "Modify",
    "RememberedRules",
    "RuleAnswer",
    "ToolHook",
    "Verdict",
    "refusal_by_rule",
]


class Allow(msgspec.Struct, frozen=True):
    """The call may go on."""


class Deny(msgspec.Struct, frozen=True):
    """The call is not run; the model is told the reason, and the run goes on."""

    reason: str = ""


class Ask(msgspec.Struct, frozen=True):
    """A person must allow the call; `reason` is what the person is told."""

    reason: str = ""


class Modify(msgspec.Struct, frozen=True):
    """The call goes on with other arguments; the log says which, and why."""

    arguments: JsonObject
    reason: str = ""


HookVerdict: TypeAlias = Allow | Deny | Modify
Verdict: TypeAlias = Allow | Deny | Ask


class CallPreview(msgspec.Struct, frozen=True, kw_only=True):
    """A call that may run soon. Each reviewer has its own copy: changes in it do nothing.

    `structured` says in data what it would do (resolved paths, the parsed command), in the words
    of its tool; hooks see it empty, because they come before. Where it is not `is_by_tool` it is
    what the model has written.
    """

    agent_id: AgentId
    agent_name: str
    team_id: TeamId
    model: str
    run_id: RunId
    key: EffectId
    call_id: str
    tool: str
    arguments: JsonObject
    retry: RetryMode
    parallel: bool
    traits: ToolTraits
    working_directory: str
    structured: JsonObject = {}
    is_by_tool: bool = False


class RuleAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a remembered rule says of a call; `rule` names it, `reason` is for the model."""

    allow: bool
    rule: str
    reason: str = ""


RememberedRules: TypeAlias = Callable[[CallPreview], Awaitable[RuleAnswer | None]]
"""Asked about a call for which the authorizer wants a person; None if no rule speaks of it."""


def refusal_by_rule(reason: str) -> str:
    """What a model is told when a remembered rule refuses its call."""
    if not reason:
        return "blocked by remembered session rule"
    return f"{reason} — remembered from an earlier refusal, so asking again will not change it"


class ToolHook:
    """Looks at calls before and after they run. Subclass it and override what you need.

    Both are awaited on the effects loop, so they must not block. After a crash `before` may be
    asked again about a call that has not started.
    """

    async def before(self, call: CallPreview) -> HookVerdict:
        """Allow the call, refuse it, or change its arguments. What it raises refuses the call."""
        del call
        return Allow()

    async def after(self, call: CallPreview, outcome: ToolOutcome) -> ToolOutcome:
        """The outcome to record, before it is cut to size. What it raises is logged."""
        del call
        return outcome


Authorizer: TypeAlias = Callable[[CallPreview], Awaitable[Verdict] | Verdict]
"""Decides about each call. An async one is awaited on the effects loop and must not block it; any
other one runs on a worker thread. One that raises or is late refuses the call. To wait for a
person answer `Ask`: that takes no thread, and lasts over a restart."""

"""The events of hooks: what a runtime has done and refused, for observers and for audits.

They are read off the log, so they are the same for whoever watches now and whoever looks years
later. As JSON each has its `kind`, which is its name in snake case. What was streamed or is only
in memory is not among them; what an agent says is in `projections.feeds.agent_event`.
"""

from typing import Literal, TypeAlias

from mentra_actors.domain.agent.events.runs import EarlyEnd, RunEnding
from mentra_actors.domain.model_call import TokenUsage
from mentra_actors.domain.permission_rules import RuleScope
from mentra_actors.domain.rule_match import RuleMatch
from mentra_actors.domain.tool_call import AuthorizationOutcome, DecidedBy
from mentra_actors.ids import CommandId, RunId
from projections.hooks.hook_base import Told, kind_of
from projections.hooks.hook_memory_event import (
    MemoryCompactionApplied,
    MemoryCompactionProposed,
    MemoryCompactionSkipped,
    MemoryIngestFinished,
    MemoryIngestStarted,
    MemorySearchFinished,
    MemorySearchStarted,
)

__all__ = [
    "AuthorizationDenied",
    "BackgroundTaskFinished",
    "BackgroundTaskStarted",
    "HookEvent",
    "MemoryCompactionApplied",
    "MemoryCompactionProposed",
    "MemoryCompactionSkipped",
    "MemoryIngestFinished",
    "MemoryIngestStarted",
    "MemorySearchFinished",
    "MemorySearchStarted",
    "ModelRequestFinished",
    "ModelRequestStarted",
    "ModelResponseFinished",
    "PermissionExpired",
    "PermissionRemembered",
    "PermissionRequested",
    "PermissionResolved",
    "PermissionRuleRemembered",
    "PermissionRuleRevoked",
    "PermissionRulesCleared",
    "PolicyDenied",
    "RecoveryPrepared",
    "RunAborted",
    "RunFinished",
    "RunStarted",
    "ToolAuthorizationBlocked",
    "ToolAuthorizationFinished",
    "ToolAuthorizationStarted",
    "ToolCompensationFinished",
    "ToolCompensationStarted",
    "ToolExecutionBlocked",
    "ToolExecutionFinished",
    "ToolExecutionStarted",
    "kind_of",
]


class _OfTool(Told, frozen=True, kw_only=True, omit_defaults=True):
    """Of one call of a tool; `tool_call_id` is the provider's, `key` is unique in the agent."""

    tool_name: str
    tool_call_id: str
    key: str


class _OfModel(Told, frozen=True, kw_only=True, omit_defaults=True):
    """Of one attempt to have an answer; `model` is `provider:name`, attempts count from 1."""

    model: str
    attempt: int


class AuthorizationDenied(Told, frozen=True, kw_only=True, omit_defaults=True):
    """The policy refused an action on this machine, such as `shell_command`.

    A `PolicyDenied` of the same position names the call that had wanted it.
    """

    action: str
    detail: str


class PolicyDenied(_OfTool, frozen=True, kw_only=True, omit_defaults=True):
    """The policy refused what a call wanted; `action` is that of `AuthorizationDenied`."""

    reason: str
    action: str


class ToolAuthorizationStarted(_OfTool, frozen=True, kw_only=True, omit_defaults=True):
    """Hooks and the authorizer are asked about a call. `preview` has its arguments, as JSON."""

    preview: str


class ToolAuthorizationFinished(_OfTool, frozen=True, kw_only=True, omit_defaults=True):
    """They have answered. `digest` is of what they have decided about."""

    outcome: AuthorizationOutcome
    decided_by: DecidedBy
    reason: str = ""
    rule: str = ""
    digest: str = ""


class ToolAuthorizationBlocked(_OfTool, frozen=True, kw_only=True, omit_defaults=True):
    """A call will not run, because it was denied, or because nobody may be asked (`ask`)."""

    outcome: AuthorizationOutcome
    reason: str = ""


class PermissionRequested(_OfTool, frozen=True, kw_only=True, omit_defaults=True):
    """A person must allow a call. `preview` is JSON text that says what it would do."""

    request_id: CommandId
    description: str
    preview: str
    expires_at: float | None = None


class PermissionResolved(_OfTool, frozen=True, kw_only=True, omit_defaults=True):
    """A person has decided about a call."""

    request_id: CommandId
    allow: bool
    reason: str = ""
    resolved_by: str = ""


class PermissionRemembered(_OfTool, frozen=True, kw_only=True, omit_defaults=True):
    """The decision of the same position was made a rule: of a session, a project, or for all."""

    request_id: CommandId
    allow: bool
    scope: str


class PermissionExpired(_OfTool, frozen=True, kw_only=True, omit_defaults=True):
    """Nobody has decided about a call in time; it will not run."""

    request_id: CommandId


class _OfRules(Told, frozen=True, kw_only=True, omit_defaults=True):
    """Of the rules of a scope; `owner` is its agent or its team, `by` who has decided.

    The `agent_id` is that of a session, and empty for the rules of others.
    """

    scope: RuleScope
    owner: str = ""
    by: str = ""


class PermissionRuleRemembered(_OfRules, frozen=True, kw_only=True, omit_defaults=True):
    """A rule holds from now on; it has been made for itself, or of a decision about a call.

    `ToolAuthorizationFinished.rule` is its id. What an exact call was is told by its digest.
    """

    rule_id: str
    tool_name: str
    match: RuleMatch
    allow: bool
    reason: str = ""


class PermissionRuleRevoked(_OfRules, frozen=True, kw_only=True, omit_defaults=True):
    """A rule holds no more; `tool_name` is the tool of which it spoke."""

    rule_id: str
    tool_name: str = ""


class PermissionRulesCleared(_OfRules, frozen=True, kw_only=True, omit_defaults=True):
    """No rule of a scope holds any more; these had held."""

    rule_ids: tuple[str, ...] = ()


class ToolExecutionStarted(_OfTool, frozen=True, kw_only=True, omit_defaults=True):
    """A call begins to run; again after a crash, if `attempt` is above 1."""

    attempt: int = 1


class ToolExecutionFinished(_OfTool, frozen=True, kw_only=True, omit_defaults=True):
    """A call has run. `output_preview` is the beginning of what the model is told of it.

    With `outcome` `unknown` its process died, and nobody knows whether it has happened.
    """

    is_error: bool
    error: str | None = None
    output_preview: str = ""
    details: str = ""
    outcome: Literal["finished", "unknown"] = "finished"


class ToolExecutionBlocked(_OfTool, frozen=True, kw_only=True, omit_defaults=True):
    """A call was not run and never will be: refused, malformed, or its run had ended."""

    reason: str


class ToolCompensationStarted(_OfTool, frozen=True, kw_only=True, omit_defaults=True):
    """A call of a run that is taken back is being undone."""

    attempt: int = 1


class ToolCompensationFinished(_OfTool, frozen=True, kw_only=True, omit_defaults=True):
    """It was undone, or could not be; `output_preview` says how, or why not."""

    is_error: bool
    output_preview: str = ""


class ModelRequestStarted(_OfModel, frozen=True, kw_only=True, omit_defaults=True):
    """A model is asked."""


class ModelRequestFinished(_OfModel, frozen=True, kw_only=True, omit_defaults=True):
    """The provider took the request and began to answer, or it failed before that."""

    success: bool
    error: str | None = None


class ModelResponseFinished(_OfModel, frozen=True, kw_only=True, omit_defaults=True):
    """An answer is whole and recorded, or broke off. `usage` None: nothing was counted.

    Money is in millionths of a US dollar, None where the price is not known.
    """

    success: bool
    error: str | None = None
    stop_reason: str | None = None
    usage: TokenUsage | None = None
    cost_usd_micros: int | None = None


class BackgroundTaskStarted(Told, frozen=True, kw_only=True, omit_defaults=True):
    """A command was started that runs beside the agent."""

    task_id: str
    command: str
    cwd: str


class BackgroundTaskFinished(Told, frozen=True, kw_only=True, omit_defaults=True):
    """Such a command has ended."""

    task_id: str
    status: str


class RunStarted(Told, frozen=True, kw_only=True, omit_defaults=True):
    """A run began; `resumes` is the run with which it goes on, or empty."""

    resumes: RunId = RunId("")


class RunFinished(Told, frozen=True, kw_only=True, omit_defaults=True):
    """A run ended in order."""

    ending: RunEnding
    early_end: EarlyEnd = ""


class RunAborted(Told, frozen=True, kw_only=True, omit_defaults=True):
    """A run was broken off; the `failure` of one that somebody ended is `cancelled`."""

    reason: str
    failure: str


class RecoveryPrepared(Told, frozen=True, kw_only=True, omit_defaults=True):
    """A runtime has the right to write the log, and goes on with what was open on it."""

    runtime_instance_id: str


HookEvent: TypeAlias = (
    AuthorizationDenied
    | PolicyDenied
    | ToolAuthorizationStarted
    | ToolAuthorizationFinished
    | ToolAuthorizationBlocked
    | PermissionRequested
    | PermissionResolved
    | PermissionRemembered
    | PermissionExpired
    | PermissionRuleRemembered
    | PermissionRuleRevoked
    | PermissionRulesCleared
    | ToolExecutionStarted
    | ToolExecutionFinished
    | ToolExecutionBlocked
    | ToolCompensationStarted
    | ToolCompensationFinished
    | ModelRequestStarted
    | ModelRequestFinished
    | ModelResponseFinished
    | MemoryCompactionProposed
    | MemoryCompactionApplied
    | MemoryCompactionSkipped
    | MemorySearchStarted
    | MemorySearchFinished
    | MemoryIngestStarted
    | MemoryIngestFinished
    | BackgroundTaskStarted
    | BackgroundTaskFinished
    | RunStarted
    | RunFinished
    | RunAborted
    | RecoveryPrepared
)

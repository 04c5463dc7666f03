"""Facts about tool calls: the ledger of what touches the world.

These names are the storage format: never rename or re-mean one. A call is named by its `key`,
`tool-{model call}.{index}`, which is unique in the stream: the ids that providers give to calls
are not. Times are Unix seconds.
"""

import msgspec

from mentra_actors.domain.blob import BlobRef
from mentra_actors.domain.content import Attachment
from mentra_actors.domain.permission_rules import Rule
from mentra_actors.domain.tool_call import AuthorizationOutcome, DecidedBy, RetryMode
from mentra_actors.ids import CommandId, EffectId, StreamId

__all__ = [
    "CallPlan",
    "PermissionExpired",
    "PermissionRequested",
    "PermissionResolved",
    "ToolAuthorizationEvaluated",
    "ToolCallCompensated",
    "ToolCallCompensationStarted",
    "ToolCallFinished",
    "ToolCallOutcomeUnknown",
    "ToolCallProbeRequested",
    "ToolCallRestarted",
    "ToolCallReviewed",
    "ToolCallSkipped",
    "ToolCallStarted",
    "ToolCallsPlanned",
]


class CallPlan(msgspec.Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True):
    """How one call of an answer will be run. A `refusal` is its result: it is not run at all.

    With `needs_review` hooks and the authorizer look at it first, and may change the plan.
    `is_output` marks the call that hands over the typed output of its run: nothing is run.
    `denied` names what the policy refuses, if it is the policy.
    """

    key: EffectId
    retry: RetryMode = "never"
    parallel: bool = False
    refusal: str = ""
    needs_review: bool = False
    is_output: bool = False
    can_compensate: bool = False
    denied: str = ""


class ToolCallsPlanned(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.tool_calls_planned.v1",
):
    """The calls of the answer just recorded, in its order.

    `salt` is a random text that makes their idempotency keys unique in the world.
    """

    calls: tuple[CallPlan, ...]
    salt: str = ""


class ToolAuthorizationEvaluated(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.tool_authorization_evaluated.v1",
):
    """What was decided about a call, by whom and why; what follows from it comes next.

    `digest` (SHA-256, hexadecimal) is of exactly what was decided about: the tool, its arguments
    and what they would do. The call starts only as long as it is the same. `rule` names the
    remembered rule that has answered.
    """

    key: EffectId
    outcome: AuthorizationOutcome
    decided_by: DecidedBy
    evaluated_at: float
    tool: str = ""
    call_id: str = ""
    reason: str = ""
    digest: str = ""
    rule: str = ""


class ToolCallReviewed(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.tool_call_reviewed.v1",
):
    """Hooks and authorizer let the call pass. `arguments` replace those of the answer if given."""

    key: EffectId
    arguments: str = ""
    parallel: bool = False
    note: str = ""


class PermissionRequested(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.permission_requested.v1",
):
    """A person must allow the call. `preview` is JSON text that says what it would do.

    Nobody can any more after `expires_at`; None means that it waits for ever. The preview
    `is_by_tool` if the tool has made it; else it is what the model has written.
    """

    key: EffectId
    request_id: CommandId
    tool: str
    call_id: str
    description: str
    preview: str
    requested_at: float
    arguments: str = ""
    parallel: bool = False
    expires_at: float | None = None
    is_by_tool: bool = False


class PermissionResolved(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.permission_resolved.v1",
):
    """Somebody has decided; a refused call is answered with the reason and never runs.

    `remembered` is the scope of the `rule` that was made of it, `session`, `project` or `global`,
    and `rules` its stream: the rule stands there since the same append.
    """

    key: EffectId
    request_id: CommandId
    allow: bool
    resolved_at: float
    tool: str = ""
    call_id: str = ""
    reason: str = ""
    resolved_by: str = ""
    remembered: str = ""
    rules: StreamId = StreamId("")
    rule: Rule | None = None
    command_id: CommandId = CommandId("")


class PermissionExpired(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.permission_expired.v1",
):
    """Nobody has decided in time; the call is refused and never runs."""

    key: EffectId
    request_id: CommandId
    expired_at: float
    tool: str = ""
    call_id: str = ""


class ToolCallStarted(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.tool_call_started.v1",
):
    """The call may touch the world from here on. Its input stands in the answer."""

    key: EffectId
    tool: str
    idempotency_key: str
    retry: RetryMode
    started_at: float
    call_id: str = ""


class ToolCallRestarted(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.tool_call_restarted.v1",
):
    """The process died with the call open, and it is run again with the same key."""

    key: EffectId
    attempt: int
    restarted_at: float


class ToolCallProbeRequested(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.tool_call_probe_requested.v1",
):
    """The process died with the call open, and the tool's probe is asked what became of it."""

    key: EffectId
    attempt: int


class ToolCallFinished(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.tool_call_finished.v1",
):
    """The call has its result; it never runs again.

    `terminate` ends the run, and skips the calls after it; `rest` ends it after the round.
    `has_run` marks an error of a tool that had done its work: then there is something to undo.
    `denied` names what the policy of the runtime has refused.
    """

    key: EffectId
    content: str
    is_error: bool = False
    details: str = ""
    spilled: BlobRef | None = None
    finished_at: float = 0.0
    tool: str = ""
    call_id: str = ""
    terminate: bool = False
    rest: bool = False
    has_run: bool = False
    attachments: tuple[Attachment, ...] = ()
    is_json: bool = False
    denied: str = ""


class ToolCallOutcomeUnknown(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.tool_call_outcome_unknown.v1",
):
    """The call may or may not have happened, and nobody can say; the model is told so."""

    key: EffectId
    reason: str
    tool: str = ""
    call_id: str = ""


class ToolCallSkipped(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.tool_call_skipped.v1",
):
    """The call did not start and never will."""

    key: EffectId
    reason: str
    tool: str = ""
    call_id: str = ""


class ToolCallCompensationStarted(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.tool_call_compensation_started.v1",
):
    """The call is being undone. The attempt counts from 1, and rises when the process dies."""

    key: EffectId
    tool: str
    attempt: int
    started_at: float


class ToolCallCompensated(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.tool_call_compensated.v1",
):
    """The call was undone, or could not be: `content` says how, or why not."""

    key: EffectId
    tool: str
    content: str
    is_error: bool = False
    finished_at: float = 0.0

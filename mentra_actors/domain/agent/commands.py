"""What may be asked of an agent. Every command carries the time, in Unix seconds.

Commands with an id count once: the same id again is accepted and records nothing.
"""

from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.agent.events.calls import CallPlan
from mentra_actors.domain.agent.events.inputs import QueueMode, QueueName
from mentra_actors.domain.agent.events.runs import RoundChoice
from mentra_actors.domain.agent.profile import AgentProfile, ProfileChanges
from mentra_actors.domain.agent.run_options import RunOptions, TerminalOutput
from mentra_actors.domain.content import Attachment
from mentra_actors.domain.inbox import Mail, RunEndOrdered
from mentra_actors.domain.model_call import ModelReply, TokenUsage
from mentra_actors.domain.permission_rules import RuleScope
from mentra_actors.domain.rule_match import RuleMatch
from mentra_actors.domain.tool_call import DecidedBy, ProbeVerdict, ToolOutcome
from mentra_actors.ids import AgentId, CommandId, EffectId, EntryId, RunId

__all__ = [
    "AcceptPrompt",
    "AgentCommand",
    "CancelRun",
    "ClearQueue",
    "CompensateRun",
    "Configure",
    "ExpirePermission",
    "ExpireRun",
    "GiveUpUndoing",
    "HandOverMail",
    "LabelEntry",
    "LeaveResolution",
    "MoveLeaf",
    "PartialAnswer",
    "QueueInput",
    "RecordAbandonedAnswer",
    "RecordBudgetUsedUp",
    "RecordCallReview",
    "RecordCompensation",
    "RecordModelFailure",
    "RecordModelReply",
    "RecordProbeVerdict",
    "RecordRoundDecision",
    "RecordSubagentEnd",
    "RecordToolOutcome",
    "RecoverEffects",
    "ResolvePermission",
    "ResumeRun",
    "RunQueued",
    "SetQueueMode",
    "SpawnSubagent",
    "StopAgent",
    "StopRun",
    "TakeMail",
]


# --- from people and programs -----------------------------------------------------------------


class AcceptPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """Answer this prompt in a run of its own; `options` None means those of the profile.

    `given` names those of the `options` that count, the others are the profile's; None: all of
    them count. With an `output` the run is to end with that value, whatever its options are.
    """

    prompt_id: CommandId
    text: str
    now: float
    options: RunOptions | None = None
    given: tuple[str, ...] | None = None
    output: TerminalOutput | None = None
    attachments: tuple[Attachment, ...] = ()


class HandOverMail(msgspec.Struct, frozen=True, kw_only=True):
    """Let the host read the letters that wait, in the agent's place."""

    command_id: CommandId
    now: float


class QueueInput(msgspec.Struct, frozen=True, kw_only=True):
    """Say this at a boundary of the open run, or of a later one; starts none."""

    queue: QueueName
    item_id: CommandId
    text: str
    now: float
    attachments: tuple[Attachment, ...] = ()


class ClearQueue(msgspec.Struct, frozen=True, kw_only=True):
    """Forget what waits in the queue."""

    queue: QueueName
    now: float


class SetQueueMode(msgspec.Struct, frozen=True, kw_only=True):
    """Take the queue item by item, or all of it at once."""

    queue: QueueName
    mode: QueueMode
    now: float


class RunQueued(msgspec.Struct, frozen=True, kw_only=True):
    """Start a run with what waits in the steering queue; `given` as in `AcceptPrompt`."""

    command_id: CommandId
    now: float
    options: RunOptions | None = None
    given: tuple[str, ...] | None = None


class ResumeRun(msgspec.Struct, frozen=True, kw_only=True):
    """Go on with the run that ended last without an answer; `options` None: with its own.

    `given` names those that count, the others are its own; None: all of them count.
    """

    command_id: CommandId
    now: float
    options: RunOptions | None = None
    given: tuple[str, ...] | None = None


class CancelRun(msgspec.Struct, frozen=True, kw_only=True):
    """End the open run now; without one nothing happens."""

    now: float
    reason: str = "cancelled"


class GiveUpUndoing(msgspec.Struct, frozen=True, kw_only=True):
    """Undo nothing more of the run that was broken off last; the agent can run again."""

    now: float
    reason: str = "given up"


class StopRun(msgspec.Struct, frozen=True, kw_only=True):
    """End the open run in order at its next boundary, whatever still runs after `grace_s`."""

    now: float
    reason: str = "stopped"
    grace_s: float | None = None


class CompensateRun(msgspec.Struct, frozen=True, kw_only=True):
    """Undo the finished calls of the run that ended last without an answer."""

    now: float


class StopAgent(msgspec.Struct, frozen=True, kw_only=True):
    """End the open run and take nothing any more."""

    now: float


class Configure(msgspec.Struct, frozen=True, kw_only=True):
    """Work in another way from the next model call on."""

    changes: ProfileChanges
    now: float


class MoveLeaf(msgspec.Struct, frozen=True, kw_only=True):
    """Go on from another entry of the conversation, 0 for its beginning."""

    to_entry: EntryId
    now: float


class LabelEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Give an entry a name; an empty one takes it away."""

    entry: EntryId
    label: str
    now: float


class ResolvePermission(msgspec.Struct, frozen=True, kw_only=True):
    """Allow a call that waits for a person, or refuse it with a reason for the model.

    With `remember` a rule of that scope is made of it; it speaks of what `match` says, None: of
    exactly this call. The same `command_id` again records nothing.
    """

    request_id: CommandId
    allow: bool
    now: float
    reason: str = ""
    resolved_by: str = ""
    remember: RuleScope | None = None
    match: RuleMatch | None = None
    command_id: CommandId = CommandId("")


class LeaveResolution(msgspec.Struct, frozen=True, kw_only=True):
    """Record a decision about a call, and nothing that follows from it.

    For a process that performs nothing: what follows is left to the next owner of the agent.
    """

    resolution: ResolvePermission
    now: float


class ExpirePermission(msgspec.Struct, frozen=True, kw_only=True):
    """Refuse a call that nobody has decided about in time."""

    request_id: CommandId
    now: float


# --- outcomes of effects ----------------------------------------------------------------------


class PartialAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What has come of an answer that is not whole."""

    text: str = ""
    thinking: str = ""


class TakeMail(msgspec.Struct, frozen=True, kw_only=True):
    """Take what the inbox holds with `after_version < version <= through_version`."""

    mail: tuple[Mail, ...]
    after_version: int
    through_version: int
    now: float
    orders: tuple[RunEndOrdered, ...] = ()


class SpawnSubagent(msgspec.Struct, frozen=True, kw_only=True):
    """Make an agent for the running call `key`; the same id again makes none."""

    key: EffectId
    profile: AgentProfile
    now: float


class RecordSubagentEnd(msgspec.Struct, frozen=True, kw_only=True):
    """The run of a subagent has ended."""

    agent_id: AgentId
    how: Literal["finished", "failed"]
    now: float


class RecordBudgetUsedUp(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `CallModel`: the model was not asked, so much has been spent by all."""

    effect_id: EffectId
    tokens: int
    cost_usd_micros: int
    now: float


class RecordModelReply(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `CallModel`. `plans` are for the calls in `reply`, in order.

    `is_output` and `output_fault` are the verdict on an answer that should be a typed value.
    `salt` is random: it makes the idempotency keys of the calls unique in the world. `queued_s` is
    how long the call had waited for its turn at the provider.
    """

    effect_id: EffectId
    reply: ModelReply
    plans: tuple[CallPlan, ...]
    now: float
    salt: str = ""
    cost_usd_micros: int | None = None
    asked_model: str = ""
    is_output: bool = False
    output_fault: str = ""
    queued_s: float = 0.0


class RecordModelFailure(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `CallModel`: no whole answer came. See `ProviderError` for the fields."""

    effect_id: EffectId
    kind: str
    message: str
    transient: bool
    now: float
    retry_after_s: float | None = None
    partial: PartialAnswer = PartialAnswer()
    usage: TokenUsage = TokenUsage()
    cost_usd_micros: int | None = None
    asked_model: str = ""
    status: int | None = None
    code: str = ""
    request_id: str = ""
    queued_s: float = 0.0


class RecordAbandonedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What had come of an answer when `CallModel` was cancelled because its run had ended."""

    effect_id: EffectId
    partial: PartialAnswer
    now: float
    run_id: RunId = RunId("")
    usage: TokenUsage = TokenUsage()
    cost_usd_micros: int | None = None
    asked_model: str = ""


class RecordCallReview(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `ReviewCall`.

    `allow`: the call may start, with `arguments` if hooks have changed them. `ask`: a person must
    allow it until `expires_at`; `text` says why, `preview` (JSON) what it would do. `refuse`:
    `text` is its result. `digest`, `decided_by`, `reason` and `rule`: see
    `ToolAuthorizationEvaluated`. `denied` names what the policy has refused.
    """

    key: EffectId
    verdict: Literal["allow", "ask", "refuse"]
    now: float
    text: str = ""
    preview: str = ""
    arguments: str = ""
    parallel: bool = False
    note: str = ""
    decided_by: DecidedBy = "nobody"
    reason: str = ""
    digest: str = ""
    rule: str = ""
    expires_at: float | None = None
    denied: str = ""
    is_by_tool: bool = False


class RecordRoundDecision(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `DecideRound`; with a `fault` the strategy could not be asked, or raised."""

    effect_id: EffectId
    now: float
    choice: RoundChoice = "continue"
    text: str = ""
    changes: ProfileChanges = ProfileChanges()
    fault: str = ""


class RecordToolOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `RunTool`. `unknown` says why nobody knows what came of it; else it is empty."""

    key: EffectId
    outcome: ToolOutcome
    now: float
    unknown: str = ""


class RecordProbeVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `ProbeTool` for one attempt; `outcome` counts only with the verdict `done`."""

    key: EffectId
    attempt: int
    verdict: ProbeVerdict
    outcome: ToolOutcome
    now: float


class RecordCompensation(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `CompensateCall`: how the call was undone, or why not."""

    key: EffectId
    attempt: int
    content: str
    now: float
    is_error: bool = False


class ExpireRun(msgspec.Struct, frozen=True, kw_only=True):
    """The deadline of a run is past, or the patience with a stopped one is at its end."""

    run_id: RunId
    limit: Literal["deadline", "stop"]
    now: float


class RecoverEffects(msgspec.Struct, frozen=True, kw_only=True):
    """Settle what an earlier owner had started. `running` is still performed by this process.

    `partials` are what earlier owners had kept of answers that they were hearing.
    """

    running: frozenset[EffectId]
    now: float
    partials: dict[EffectId, PartialAnswer] = {}


AgentCommand: TypeAlias = (
    AcceptPrompt
    | HandOverMail
    | QueueInput
    | ClearQueue
    | SetQueueMode
    | RunQueued
    | ResumeRun
    | CancelRun
    | StopRun
    | CompensateRun
    | GiveUpUndoing
    | StopAgent
    | Configure
    | MoveLeaf
    | LabelEntry
    | ResolvePermission
    | LeaveResolution
    | TakeMail
    | RecordModelReply
    | RecordModelFailure
    | RecordBudgetUsedUp
    | SpawnSubagent
    | RecordSubagentEnd
    | RecordAbandonedAnswer
    | RecordCallReview
    | RecordRoundDecision
    | RecordToolOutcome
    | RecordProbeVerdict
    | RecordCompensation
    | ExpirePermission
    | ExpireRun
    | RecoverEffects
)

"""What effects and the world tell an agent."""

from typing import Literal

import msgspec

from mentra_actors.domain.agent.events.calls import CallPlan
from mentra_actors.domain.agent.events.runs import RoundChoice
from mentra_actors.domain.agent.profile import AgentProfile, ProfileChanges
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.domain.compacted import Compaction
from mentra_actors.domain.inbox import Mail, Order
from mentra_actors.domain.model_call import ModelReply, TokenUsage
from mentra_actors.domain.request_view import RequestView
from mentra_actors.domain.tool_call import DecidedBy, ProbeVerdict, ToolOutcome
from mentra_actors.ids import AgentId, EffectId, MailId, RunId

__all__ = [
    "ExpireRun",
    "PartialAnswer",
    "RecordAbandonedAnswer",
    "RecordBoardCompensation",
    "RecordBudgetUsedUp",
    "RecordCallReview",
    "RecordCompaction",
    "RecordCompensation",
    "RecordContextFull",
    "RecordIdleTimeout",
    "RecordModelFailure",
    "RecordModelReply",
    "RecordProbeVerdict",
    "RecordRoundDecision",
    "RecordStopReported",
    "RecordSubagentEnd",
    "RecordToolOutcome",
    "RecoverEffects",
    "SpawnSubagent",
    "TakeLateLetter",
    "TakeMail",
]


class PartialAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What has come of an answer that is not whole."""

    text: str = ""
    thinking: str = ""


class TakeMail(msgspec.Struct, frozen=True, kw_only=True):
    """Take what the inbox holds with `after_version < version <= through_version`.

    `late` is what came after an order to stop at once, and so too late to be taken.
    """

    mail: tuple[Mail, ...]
    after_version: int
    through_version: int
    now: float
    orders: tuple[Order, ...] = ()
    late: tuple[Mail, ...] = ()


class TakeLateLetter(msgspec.Struct, frozen=True, kw_only=True):
    """Read a letter after all that came too late; always refused. What a dead letter holds of it.

    Its words stand in the inbox.
    """

    mail_id: MailId
    sender: str
    now: float


class SpawnSubagent(msgspec.Struct, frozen=True, kw_only=True):
    """Make an agent for the running call `key`; the same id again makes none.

    Without a key it is one of the host, whose run has these `options`; those of a call have what
    is left of its run.
    """

    key: EffectId
    profile: AgentProfile
    now: float
    options: RunOptions = RunOptions()


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


class RecordContextFull(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `CallModel`: the model was not asked, the request would have so many tokens."""

    effect_id: EffectId
    tokens: int
    limit: int
    now: float


class RecordModelReply(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `CallModel`. `plans` are for the calls in `reply`, in order.

    `is_output` and `output_fault` are the verdict on an answer that should be a typed value.
    `salt` is random: it makes the idempotency keys of the calls unique in the world. `queued_s` is
    how long the call had waited for its turn at the provider, `view` how the request showed the
    conversation.
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
    view: RequestView = RequestView()


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
    view: RequestView = RequestView()


class RecordAbandonedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What had come of an answer when `CallModel` was cancelled because its run had ended."""

    effect_id: EffectId
    partial: PartialAnswer
    now: float
    run_id: RunId = RunId("")
    usage: TokenUsage = TokenUsage()
    cost_usd_micros: int | None = None
    asked_model: str = ""


class RecordCompaction(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of one attempt of `SummarizeConversation`.

    Without a `compaction` the `problem` says why. With `is_error` it was tried and failed; a
    failure that is `transient` may pass, and the provider may ask to wait `retry_after_s`. What a
    failed attempt has used counts.
    """

    effect_id: EffectId
    now: float
    compaction: Compaction | None = None
    problem: str = ""
    is_error: bool = False
    attempt: int = 1
    transient: bool = False
    retry_after_s: float | None = None
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


class RecordBoardCompensation(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `CompensateBoard`; see `BoardCompensated`."""

    run_id: RunId
    now: float
    reverted: int = 0
    conflicts: int = 0
    problem: str = ""


class RecordIdleTimeout(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `ClaimReadyTask`: for as long as the agent waits nothing was to be claimed."""

    effect_id: EffectId
    now: float


class RecordStopReported(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `ReportStop`; see `StopReported`."""

    effect_id: EffectId
    now: float
    problem: str = ""


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

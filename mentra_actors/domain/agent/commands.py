"""What may be asked of an agent. Every command that looks at time carries it, in Unix seconds."""

from typing import TypeAlias

import msgspec

from mentra_actors.domain.agent.events import CallPlan
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.model_call import ModelReply
from mentra_actors.domain.tool_call import ProbeVerdict, ToolOutcome
from mentra_actors.ids import CommandId, EffectId

__all__ = [
    "AcceptPrompt",
    "AgentCommand",
    "CancelRun",
    "RecordModelFailure",
    "RecordModelReply",
    "RecordProbeVerdict",
    "RecordToolOutcome",
    "RecoverEffects",
    "StopAgent",
    "TakeMail",
]


class AcceptPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """Answer this prompt; the same `prompt_id` again is accepted and records nothing."""

    prompt_id: CommandId
    text: str
    now: float


class TakeMail(msgspec.Struct, frozen=True, kw_only=True):
    """Take the mail of the inbox with `after_version < version <= through_version`."""

    mail: tuple[Mail, ...]
    after_version: int
    through_version: int
    now: float


class RecordModelReply(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `CallModel`. `plans` are for the calls in `reply`, in order."""

    effect_id: EffectId
    reply: ModelReply
    plans: tuple[CallPlan, ...]
    now: float


class RecordModelFailure(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `CallModel`: no whole answer came. See `ProviderError` for the fields."""

    effect_id: EffectId
    kind: str
    message: str
    transient: bool
    now: float
    retry_after_s: float | None = None
    partial_text: str = ""


class RecordToolOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `RunTool`."""

    key: EffectId
    outcome: ToolOutcome
    now: float


class RecordProbeVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `ProbeTool` for one attempt; `outcome` counts only with the verdict `done`."""

    key: EffectId
    attempt: int
    verdict: ProbeVerdict
    outcome: ToolOutcome
    now: float


class CancelRun(msgspec.Struct, frozen=True, kw_only=True):
    """End the open run now; without one nothing happens."""

    now: float
    reason: str = "cancelled"


class StopAgent(msgspec.Struct, frozen=True, kw_only=True):
    """End the open run and take nothing any more."""

    now: float


class RecoverEffects(msgspec.Struct, frozen=True, kw_only=True):
    """Settle what an earlier owner had started. `running` is still performed by this process."""

    running: frozenset[EffectId]
    now: float


AgentCommand: TypeAlias = (
    AcceptPrompt
    | TakeMail
    | RecordModelReply
    | RecordModelFailure
    | RecordToolOutcome
    | RecordProbeVerdict
    | CancelRun
    | StopAgent
    | RecoverEffects
)

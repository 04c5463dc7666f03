"""Facts about one agent. These names are the storage format: never rename or re-mean one.

A call of a tool is named by its `key`, `tool-{model call}.{index}`, which is unique in the
stream: the ids that providers give to calls are not. Times are Unix seconds.
"""

from typing import TypeAlias

import msgspec

from mentra_actors.domain.content import AssistantBlock
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.model_call import StopReason, TokenUsage
from mentra_actors.domain.tool_call import BlobRef, RetryMode
from mentra_actors.ids import AgentId, CommandId, EffectId, MailId, RunId, StreamId, TeamId

__all__ = [
    "AgentEvent",
    "AgentProfile",
    "AgentRecovered",
    "AgentSpawned",
    "AgentStopped",
    "CallPlan",
    "InputPlaced",
    "MailSent",
    "MailTaken",
    "ModelCallFailed",
    "ModelCallRequested",
    "ModelReplied",
    "PromptAccepted",
    "RunCancelled",
    "RunFailed",
    "RunFinished",
    "RunStarted",
    "ToolCallFinished",
    "ToolCallOutcomeUnknown",
    "ToolCallProbeRequested",
    "ToolCallRestarted",
    "ToolCallSkipped",
    "ToolCallStarted",
    "ToolCallsPlanned",
]


class AgentProfile(msgspec.Struct, frozen=True, kw_only=True):
    """Who an agent is and how it runs.

    `model` is `provider:name`. `tools` None offers every registered tool, else the named ones;
    a tool in `hidden_tools` is never offered. `lead` is empty for a lead.
    `max_rounds` limits the model calls of one run (0: no limit). `wake_on_mail` starts a run
    when mail arrives while the agent is idle.
    """

    agent_id: AgentId
    name: str
    team_id: TeamId
    role: str
    model: str
    system: str = ""
    lead: str = ""
    tools: tuple[str, ...] | None = None
    hidden_tools: tuple[str, ...] = ()
    max_rounds: int = 50
    wake_on_mail: bool = True
    temperature: float | None = None
    max_output_tokens: int | None = 8192

    def offers(self, tool: str) -> bool:
        """True if the agent may use the tool of this name."""
        return tool not in self.hidden_tools and (self.tools is None or tool in self.tools)


class AgentSpawned(msgspec.Struct, frozen=True, kw_only=True, tag="agent.spawned.v1"):
    """The agent exists."""

    profile: AgentProfile
    spawned_at: float


class PromptAccepted(msgspec.Struct, frozen=True, kw_only=True, tag="agent.prompt_accepted.v1"):
    """A prompt will be answered; it waits while a run is open."""

    prompt_id: CommandId
    text: str
    accepted_at: float


class MailTaken(msgspec.Struct, frozen=True, kw_only=True, tag="agent.mail_taken.v1"):
    """Everything in the inbox up to `through_version` is now the agent's."""

    inbox: StreamId
    mail: tuple[Mail, ...]
    through_version: int


class RunStarted(msgspec.Struct, frozen=True, kw_only=True, tag="agent.run_started.v1"):
    """The agent works until this run finishes, fails or is cancelled."""

    run_id: RunId
    started_at: float


class InputPlaced(msgspec.Struct, frozen=True, kw_only=True, tag="agent.input_placed.v1"):
    """Waiting prompts and mail stand in the transcript from here on, in this order."""

    run_id: RunId
    prompt_ids: tuple[CommandId, ...] = ()
    mail_ids: tuple[MailId, ...] = ()


class ModelCallRequested(
    msgspec.Struct, frozen=True, kw_only=True, tag="agent.model_call_requested.v1"
):
    """The transcript so far goes to the model. `round` and `attempt` count from 1."""

    effect_id: EffectId
    run_id: RunId
    round: int
    attempt: int = 1
    not_before: float = 0.0


class ModelReplied(msgspec.Struct, frozen=True, kw_only=True, tag="agent.model_replied.v1"):
    """A model call was answered, whole."""

    effect_id: EffectId
    blocks: tuple[AssistantBlock, ...]
    stop_reason: StopReason
    raw_stop_reason: str = ""
    usage: TokenUsage = TokenUsage()
    model: str = ""
    response_id: str = ""
    finished_at: float = 0.0


class ModelCallFailed(msgspec.Struct, frozen=True, kw_only=True, tag="agent.model_call_failed.v1"):
    """An attempt ended without a whole answer; `partial_text` is what had arrived of it."""

    effect_id: EffectId
    kind: str
    message: str
    transient: bool
    partial_text: str = ""
    failed_at: float = 0.0


class CallPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How one call of an answer will be run. A `refusal` is its result: it is not run at all."""

    key: EffectId
    retry: RetryMode = "never"
    parallel: bool = False
    refusal: str = ""


class ToolCallsPlanned(
    msgspec.Struct, frozen=True, kw_only=True, tag="agent.tool_calls_planned.v1"
):
    """The calls of the answer just recorded, in its order."""

    calls: tuple[CallPlan, ...]


class ToolCallStarted(msgspec.Struct, frozen=True, kw_only=True, tag="agent.tool_call_started.v1"):
    """The call may touch the world from here on. Its input stands in the answer."""

    key: EffectId
    tool: str
    idempotency_key: str
    retry: RetryMode
    started_at: float


class ToolCallRestarted(
    msgspec.Struct, frozen=True, kw_only=True, tag="agent.tool_call_restarted.v1"
):
    """The process died with the call open, and it is run again with the same key."""

    key: EffectId
    attempt: int
    restarted_at: float


class ToolCallProbeRequested(
    msgspec.Struct, frozen=True, kw_only=True, tag="agent.tool_call_probe_requested.v1"
):
    """The process died with the call open, and the tool's probe is asked what became of it."""

    key: EffectId
    attempt: int


class ToolCallFinished(
    msgspec.Struct, frozen=True, kw_only=True, tag="agent.tool_call_finished.v1"
):
    """The call has its result; it never runs again."""

    key: EffectId
    content: str
    is_error: bool = False
    details: str = ""
    spilled: BlobRef | None = None
    finished_at: float = 0.0


class ToolCallOutcomeUnknown(
    msgspec.Struct, frozen=True, kw_only=True, tag="agent.tool_call_outcome_unknown.v1"
):
    """The call may or may not have happened, and nobody can say; the model is told so."""

    key: EffectId
    reason: str


class ToolCallSkipped(msgspec.Struct, frozen=True, kw_only=True, tag="agent.tool_call_skipped.v1"):
    """The call did not start and never will."""

    key: EffectId
    reason: str


class MailSent(msgspec.Struct, frozen=True, kw_only=True, tag="agent.mail_sent.v1"):
    """Mail left the agent; it lies in the receiver's inbox since the same append."""

    mail: Mail


class RunFinished(msgspec.Struct, frozen=True, kw_only=True, tag="agent.run_finished.v1"):
    """The run ended with an answer; `text` is empty if the model said nothing."""

    run_id: RunId
    text: str
    finished_at: float


class RunFailed(msgspec.Struct, frozen=True, kw_only=True, tag="agent.run_failed.v1"):
    """The run ended without an answer; what it recorded is kept."""

    run_id: RunId
    kind: str
    message: str
    failed_at: float


class RunCancelled(msgspec.Struct, frozen=True, kw_only=True, tag="agent.run_cancelled.v1"):
    """Somebody ended the run."""

    run_id: RunId
    reason: str
    cancelled_at: float


class AgentRecovered(msgspec.Struct, frozen=True, kw_only=True, tag="agent.recovered.v1"):
    """A new owner found these effects open; the events beside this one say what became of them."""

    open_effects: tuple[EffectId, ...]
    recovered_at: float


class AgentStopped(msgspec.Struct, frozen=True, kw_only=True, tag="agent.stopped.v1"):
    """The agent takes no more prompts and no more mail."""

    stopped_at: float


AgentEvent: TypeAlias = (
    AgentSpawned
    | PromptAccepted
    | MailTaken
    | RunStarted
    | InputPlaced
    | ModelCallRequested
    | ModelReplied
    | ModelCallFailed
    | ToolCallsPlanned
    | ToolCallStarted
    | ToolCallRestarted
    | ToolCallProbeRequested
    | ToolCallFinished
    | ToolCallOutcomeUnknown
    | ToolCallSkipped
    | MailSent
    | RunFinished
    | RunFailed
    | RunCancelled
    | AgentRecovered
    | AgentStopped
)

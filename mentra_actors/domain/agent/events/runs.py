"""Facts about runs, their rounds and their model calls.

These names are the storage format: never rename or re-mean one. Times are Unix seconds, money is
in millionths of a US dollar.
"""

from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.domain.content import AssistantBlock
from mentra_actors.domain.model_call import StopReason, TokenUsage
from mentra_actors.domain.request_view import RequestView
from mentra_actors.ids import CommandId, EffectId, EntryId, RunId

__all__ = [
    "AnswerAbandoned",
    "BoardCompensated",
    "Boundary",
    "CompensationRequested",
    "EarlyEnd",
    "ModelCallFailed",
    "ModelCallRequested",
    "ModelReplied",
    "RoundChoice",
    "RoundDecided",
    "RoundDecisionRequested",
    "RunCancelled",
    "RunEnding",
    "RunFailed",
    "RunFinished",
    "RunStarted",
    "RunStopRequested",
]

Boundary: TypeAlias = Literal["start", "tools", "answer"]
"""Where a run stands between two steps: before a model call, after tool results, or after an
answer without calls."""

EarlyEnd: TypeAlias = Literal["", "stop_requested", "token_budget", "cost_budget"]
"""Why a run ended in order before it was done; empty if it was done."""

RunEnding: TypeAlias = Literal["answered", "terminated", "idle", "strategy", "early"]
"""What ended a finished run: an answer, a tool, the wish to rest, its strategy, a limit."""

RoundChoice: TypeAlias = Literal["continue", "inject", "stop"]


class RunStarted(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.run_started.v1",
):
    """The agent works until this run finishes, fails or is cancelled.

    `asked_by` is the command that began it, if that was neither a prompt nor mail. A run that
    `resumes` another one begins at its `boundary`. `baseline` is the entry to which a rollback
    goes back; None is the one at which the conversation stands.
    """

    run_id: RunId
    started_at: float
    options: RunOptions = RunOptions()
    asked_by: CommandId = CommandId("")
    resumes: RunId = RunId("")
    boundary: Boundary = "start"
    baseline: EntryId | None = None


class RunStopRequested(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.run_stop_requested.v1",
):
    """The run ends in order at its next boundary, and at `stop_by` whatever still runs."""

    run_id: RunId
    reason: str
    requested_at: float
    stop_by: float | None = None


class RunFinished(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.run_finished.v2",
):
    """The run ended in order. `answer` names the model call that gave its answer, if one did.

    `output` names what handed over the typed value of a run that was to end with one: the call of
    a tool, whose arguments it is, or the model call, whose text it is. A log says nothing twice:
    `text` is only set where an earlier release has written the answer here as well.
    """

    run_id: RunId
    finished_at: float
    answer: EffectId = EffectId("")
    ending: RunEnding = "answered"
    early_end: EarlyEnd = ""
    output: EffectId = EffectId("")
    text: str = ""


class RunFailed(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.run_failed.v1",
):
    """The run ended without an answer. What it recorded is kept; it can be resumed.

    With `is_rolled_back` the conversation goes on from before it, and what `board_runs` (it, and
    those that it went on from) have changed on the task board is taken back.
    """

    run_id: RunId
    kind: str
    message: str
    failed_at: float
    is_rolled_back: bool = False
    board_runs: tuple[RunId, ...] = ()


class RunCancelled(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.run_cancelled.v1",
):
    """Somebody ended the run; otherwise like `RunFailed`."""

    run_id: RunId
    reason: str
    cancelled_at: float
    is_rolled_back: bool = False
    board_runs: tuple[RunId, ...] = ()


class BoardCompensated(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.board_compensated.v1",
):
    """So many changes of the task board by a run were taken back, and so many are others' now.

    The board itself says which. With a `problem` it could not be asked.
    """

    run_id: RunId
    reverted: int
    conflicts: int
    compensated_at: float
    problem: str = ""


class RoundDecisionRequested(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.round_decision_requested.v1",
):
    """The round strategy of the run is asked how to go on from a boundary."""

    effect_id: EffectId
    run_id: RunId
    boundary: Boundary


class RoundDecided(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.round_decided.v1",
):
    """The strategy has answered."""

    effect_id: EffectId
    run_id: RunId
    choice: RoundChoice


class CompensationRequested(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.compensation_requested.v1",
):
    """Finished calls of a run that ended without an answer are to be undone, the last first."""

    run_id: RunId
    requested_at: float


class ModelCallRequested(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.model_call_requested.v1",
):
    """The transcript so far goes to the model. `round` and `attempt` count from 1.

    `model` is set where it is not the agent's own, but the one of the run's fallbacks with the
    number `fallback`, from 1.
    """

    effect_id: EffectId
    run_id: RunId
    round: int
    attempt: int = 1
    not_before: float = 0.0
    model: str = ""
    fallback: int = 0


class ModelReplied(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.model_replied.v1",
):
    """A model call was answered, whole. `cost_usd_micros` None: the price is not known.

    `wire` is the protocol in which the blocks can go back; `request_id` is what the provider's
    support finds the call by. `queued_s` is how long the call had waited for its turn, where the
    provider has limits.

    `is_output` says that its text is the typed value that was asked for; else `output_fault` may
    say what is wrong with it. `stubbed_through`, `recalled`, `recall_problem`, `reminder` and
    `compacted_by` say how the request showed the conversation: see `RequestView`.
    """

    effect_id: EffectId
    blocks: tuple[AssistantBlock, ...]
    stop_reason: StopReason
    raw_stop_reason: str = ""
    usage: TokenUsage = TokenUsage()
    model: str = ""
    response_id: str = ""
    finished_at: float = 0.0
    cost_usd_micros: int | None = None
    asked_model: str = ""
    is_output: bool = False
    output_fault: str = ""
    wire: str = ""
    request_id: str = ""
    queued_s: float = 0.0
    reminder: str = ""
    recalled: str = ""
    stubbed_through: EntryId = EntryId(0)
    recall_problem: str = ""
    compacted_by: EffectId = EffectId("")

    @property
    def view(self) -> RequestView:
        """How the request showed the conversation."""
        return _view_of(self)


class ModelCallFailed(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.model_call_failed.v1",
):
    """An attempt ended without a whole answer; `partial_text` is what had arrived of it.

    It is shown to people and never sent to a model. `retry_at` is when the next attempt begins,
    None if there is none; `max_attempts` is the retry budget of the run. `status` is that of
    HTTP, `code` the provider's own word. `is_given_up`: another model takes over.
    `stubbed_through`, `recalled`, `recall_problem`, `reminder`, `compacted_by`: see
    `ModelReplied`.
    """

    effect_id: EffectId
    kind: str
    message: str
    transient: bool
    partial_text: str = ""
    failed_at: float = 0.0
    partial_thinking: str = ""
    usage: TokenUsage = TokenUsage()
    cost_usd_micros: int | None = None
    asked_model: str = ""
    attempt: int = 1
    max_attempts: int = 0
    retry_at: float | None = None
    status: int | None = None
    code: str = ""
    request_id: str = ""
    is_given_up: bool = False
    queued_s: float = 0.0
    reminder: str = ""
    recalled: str = ""
    stubbed_through: EntryId = EntryId(0)
    recall_problem: str = ""
    compacted_by: EffectId = EffectId("")

    @property
    def view(self) -> RequestView:
        """How the request showed the conversation."""
        return _view_of(self)


def _view_of(outcome: ModelReplied | ModelCallFailed) -> RequestView:
    return RequestView(
        stubbed_through=outcome.stubbed_through,
        recalled=outcome.recalled,
        reminder=outcome.reminder,
        recall_problem=outcome.recall_problem,
        compacted_by=outcome.compacted_by,
    )


class AnswerAbandoned(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.answer_abandoned.v1",
):
    """What had arrived of an answer when its run was ended from outside."""

    effect_id: EffectId
    partial_text: str
    abandoned_at: float
    run_id: RunId = RunId("")
    partial_thinking: str = ""
    usage: TokenUsage = TokenUsage()
    cost_usd_micros: int | None = None
    asked_model: str = ""

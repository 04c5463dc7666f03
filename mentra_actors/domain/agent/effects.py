"""What an agent asks of the world, as data."""

from typing import TypeAlias

import msgspec

from mentra_actors.domain.agent.events.compactions import CompactionWish
from mentra_actors.domain.agent.events.inputs import LateLetter
from mentra_actors.domain.agent.events.runs import Boundary
from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.domain.timer import WaitUntil
from mentra_actors.ids import EffectId, RunId, StreamId, TeamId

__all__ = [
    "CLAIM",
    "AgentEffect",
    "CallModel",
    "ClaimReadyTask",
    "CompensateBoard",
    "CompensateCall",
    "DecideRound",
    "FinishedCall",
    "ProbeTool",
    "ReportStop",
    "ReviewCall",
    "RoundContext",
    "RunTool",
    "SummarizeConversation",
]

CLAIM = "claim-"
"""The ids of `ClaimReadyTask` begin like this."""


class CallModel(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """Send the transcript to the model, not before `not_before` (Unix seconds).

    With a `budget` what all have spent of it is looked at first. With `remind` the request reminds
    of the tasks of the team that are not completed, if there are any. If it `is_compacted` it has
    waited for a compaction, and is sent however long it is.
    """

    effect_id: EffectId
    run_id: RunId
    profile: AgentProfile
    attempt: int
    not_before: float
    options: RunOptions = RunOptions()
    budget: StreamId = StreamId("")
    remind: bool = False
    is_compacted: bool = False


class ReviewCall(msgspec.Struct, frozen=True, kw_only=True):
    """Ask hooks and authorizer about one call. `arguments` is valid JSON text of an object."""

    key: EffectId
    call_id: str
    run_id: RunId
    profile: AgentProfile
    tool: str
    arguments: str


class RunTool(msgspec.Struct, frozen=True, kw_only=True):
    """Run one call whose start is recorded. `arguments` is valid JSON text of an object.

    With a `digest` it may only be run if it is still what was decided about.
    """

    key: EffectId
    call_id: str
    run_id: RunId
    profile: AgentProfile
    tool: str
    arguments: str
    idempotency_key: str
    attempt: int
    options: RunOptions = RunOptions()
    digest: str = ""


class ProbeTool(msgspec.Struct, frozen=True, kw_only=True):
    """Ask a tool's probe what became of a call."""

    key: EffectId
    tool: str
    idempotency_key: str
    attempt: int


class FinishedCall(msgspec.Struct, frozen=True, kw_only=True):
    """One result of the round, as a round strategy sees it."""

    call_id: str
    tool: str
    is_error: bool


class RoundContext(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run stands, for its round strategy.

    `answer` is the text of the answer (at the boundary `answer` only), `results` are those of
    the round (at `tools` only). `rounds` counts model calls, `model_requests` with retries.
    """

    run_id: RunId
    boundary: Boundary
    answer: str
    results: tuple[FinishedCall, ...]
    rounds: int
    model_requests: int
    transport_retries: int
    tokens: int
    cost_usd_micros: int


class DecideRound(msgspec.Struct, frozen=True, kw_only=True):
    """Ask the round strategy of this name."""

    effect_id: EffectId
    strategy: str
    context: RoundContext


class SummarizeConversation(msgspec.Struct, frozen=True, kw_only=True):
    """Have the older part of the conversation summarised, not before `not_before` (Unix seconds).

    The profile names the model that is asked. `limit` is how many tokens a request may have that
    waits for it (0: none does).
    """

    effect_id: EffectId
    profile: AgentProfile
    attempt: int = 1
    not_before: float = 0.0
    limit: int = 0
    trigger: CompactionWish = "manual"


class CompensateCall(msgspec.Struct, frozen=True, kw_only=True):
    """Undo a call. `is_known` is false if nobody knows whether it happened."""

    key: EffectId
    tool: str
    arguments: str
    idempotency_key: str
    is_known: bool
    attempt: int


class CompensateBoard(msgspec.Struct, frozen=True, kw_only=True):
    """Take back what a run has changed on the task board of the team."""

    run_id: RunId
    team_id: TeamId


class ClaimReadyTask(msgspec.Struct, frozen=True, kw_only=True):
    """Claim a task of the team's board for the agent, as soon as it is free and one is ready.

    The claim is made under the id of the effect, so that it is made once.
    """

    effect_id: EffectId
    profile: AgentProfile


class ReportStop(msgspec.Struct, frozen=True, kw_only=True):
    """Tell the team that the agent has stopped, and a person which letters came too late.

    `is_news` is false if the team was told already. `effect_id` counts the reports.
    """

    effect_id: EffectId
    profile: AgentProfile
    reason: str
    is_news: bool = True
    late: tuple[LateLetter, ...] = ()


AgentEffect: TypeAlias = (
    CallModel
    | ReviewCall
    | RunTool
    | ProbeTool
    | DecideRound
    | SummarizeConversation
    | CompensateCall
    | CompensateBoard
    | ClaimReadyTask
    | ReportStop
    | WaitUntil
)

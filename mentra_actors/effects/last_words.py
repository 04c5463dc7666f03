"""An outcome for every effect, also where whoever performs it breaks: nothing stays open for that.

Performers turn what tools, models, hooks and strategies do wrong into outcomes themselves. What is
left are mistakes in performers, and values that nobody thought of.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from mentra_actors.domain.agent.commands import (
    RecordBoardCompensation,
    RecordCallReview,
    RecordCompaction,
    RecordCompensation,
    RecordModelFailure,
    RecordProbeVerdict,
    RecordRoundDecision,
    RecordStopReported,
    RecordToolOutcome,
)
from mentra_actors.domain.agent.effects import (
    CallModel,
    CompensateBoard,
    CompensateCall,
    DecideRound,
    ProbeTool,
    ReportStop,
    ReviewCall,
    RunTool,
    SummarizeConversation,
)
from mentra_actors.domain.background.events import JobOutput
from mentra_actors.domain.background.jobs import (
    RecordJobEnd,
    RecordJobFailure,
    StartJob,
    StopJob,
    WatchJob,
)
from mentra_actors.domain.schedules.schedules import AwaitMoment, EndSchedule
from mentra_actors.domain.supervision.commands import RecordRedriveEnd
from mentra_actors.domain.supervision.state import DeliverLetter
from mentra_actors.domain.tool_call import ToolOutcome
from mentra_actors.effects.loop import is_cancellation
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.runner import Order, Performer
from mentra_actors.tools.results.rendering import named_words_of

__all__ = ["LAST_WORDS", "with_last_words"]

_log = logging.getLogger(__name__)


def with_last_words(performer: Performer, clock: Clock) -> Performer:
    """`performer`, which raises nothing but a cancellation."""

    async def perform(order: Order) -> object:
        try:
            return await performer(order)
        except BaseException as error:
            if is_cancellation(error):
                raise
            _log.exception("%s of %s was not performed", order.effect_id, order.stream_id)
            said = named_words_of(error)
            return LAST_WORDS[type(order.effect)](order.effect, said, clock.now())

    return perform


def _not_asked(effect: CallModel, said: str, now: float) -> RecordModelFailure:
    return RecordModelFailure(
        effect_id=effect.effect_id,
        kind="internal",
        message=f"the model call broke: {said}",
        transient=False,
        asked_model=effect.profile.model,
        now=now,
    )


def _unknown(effect: RunTool, said: str, now: float) -> RecordToolOutcome:
    return RecordToolOutcome(
        key=effect.key,
        outcome=ToolOutcome(content="", is_error=True),
        now=now,
        unknown=f"what ran it broke ({said})",
    )


LAST_WORDS: Mapping[type[object], Callable[[Any, str, float], object]] = {
    CallModel: _not_asked,
    RunTool: _unknown,
    ReviewCall: lambda effect, said, now: RecordCallReview(
        key=effect.key, verdict="refuse", text=f"Tool execution blocked: {said}", now=now
    ),
    ProbeTool: lambda effect, _said, now: RecordProbeVerdict(
        key=effect.key,
        attempt=effect.attempt,
        verdict="unknown",
        outcome=ToolOutcome(content=""),
        now=now,
    ),
    SummarizeConversation: lambda effect, said, now: RecordCompaction(
        effect_id=effect.effect_id,
        compaction=None,
        problem=f"what summarizes it broke ({said})",
        is_error=True,
        now=now,
    ),
    DecideRound: lambda effect, said, now: RecordRoundDecision(
        effect_id=effect.effect_id, fault=said, now=now
    ),
    CompensateCall: lambda effect, said, now: RecordCompensation(
        key=effect.key, attempt=effect.attempt, content=said, is_error=True, now=now
    ),
    CompensateBoard: lambda effect, said, now: RecordBoardCompensation(
        run_id=effect.run_id, problem=said, now=now
    ),
    ReportStop: lambda effect, said, now: RecordStopReported(
        effect_id=effect.effect_id, problem=said, now=now
    ),
    StartJob: lambda effect, said, now: RecordJobFailure(
        job_id=effect.job.job_id, error=f"what starts it broke ({said})", now=now
    ),
    WatchJob: lambda effect, said, now: RecordJobEnd(
        job_id=effect.job.job_id,
        exit_code=None,
        output=JobOutput(),
        problem=f"what watches it broke ({said})",
        now=now,
    ),
    AwaitMoment: lambda effect, said, now: EndSchedule(
        schedule_id=effect.schedule.schedule_id,
        turn=effect.schedule.turn,
        cause="fault",
        words=said,
        now=now,
    ),
    StopJob: lambda _effect, _said, _now: None,
    DeliverLetter: lambda effect, said, now: RecordRedriveEnd(
        effect_id=effect.effect_id,
        letter_id=effect.letter_id,
        how="failed",
        words=f"what delivers it broke ({said})",
        now=now,
    ),
}
"""By class of effect: what is recorded of one that nobody could perform."""

"""Waits for the moments of schedules."""

import anyio.to_thread

from mentra_actors.domain.agent.state import AgentState
from mentra_actors.domain.schedules.events import Cron, EndCause, Every
from mentra_actors.domain.schedules.schedule import Schedule
from mentra_actors.domain.schedules.schedules import (
    AwaitMoment,
    EndSchedule,
    FireSchedule,
    RewindSchedule,
)
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.runner import Order
from mentra_actors.errors import MentraError
from mentra_actors.ids import agent_stream
from mentra_actors.tools.contract import Commands
from mentra_actors.tools.schedule_moments import due_moment, moment_words, next_due

__all__ = ["LOOK_AGAIN_S", "ScheduleMoments", "is_ahead"]

LOOK_AGAIN_S = 60.0
"""So long a clock that was set, or a machine that slept, may go unnoticed."""
_STEP_S = 1.0
"""By so much a clock is put right without anybody noticing it."""
_DAY_S = 86_400.0


class ScheduleMoments:
    """The performer of `AwaitMoment`. Moments that are past fire at once, all of them as one."""

    def __init__(self, clock: Clock, commands: Commands) -> None:
        self._clock = clock
        self._commands = commands

    async def __call__(self, order: Order) -> FireSchedule | EndSchedule | RewindSchedule:
        """See `Performer`."""
        effect: AwaitMoment = order.effect
        schedule = effect.schedule
        if is_ahead(schedule, self._clock.now()):
            return self._rewound(schedule)
        due_at = next_due(schedule.timing, schedule.after, schedule.until)
        if due_at is None:
            return self._end(schedule, "done" if schedule.until is None else "until")
        while (now := self._clock.now()) < due_at:
            await self._clock.sleep_until(min(due_at, now + LOOK_AGAIN_S))
            if is_ahead(schedule, self._clock.now()):
                return self._rewound(schedule)
        if await self._is_gone(schedule):
            return self._end(schedule, "agent_stopped")
        return await anyio.to_thread.run_sync(_fired, schedule, due_at, self._clock.now())

    async def _is_gone(self, schedule: Schedule) -> bool:
        """True if nobody is left to wake. An agent that cannot be asked is not gone."""
        try:
            state: AgentState = await self._commands.look(agent_stream(schedule.agent_id))
        except MentraError:
            return False
        return state.profile is None or state.stopped

    def _rewound(self, schedule: Schedule) -> RewindSchedule:
        return RewindSchedule(
            schedule_id=schedule.schedule_id, turn=schedule.turn, now=self._clock.now()
        )

    def _end(self, schedule: Schedule, cause: EndCause) -> EndSchedule:
        return EndSchedule(
            schedule_id=schedule.schedule_id,
            turn=schedule.turn,
            cause=cause,
            now=self._clock.now(),
        )


def is_ahead(schedule: Schedule, now: float) -> bool:
    """True if what comes again and again has fired, or begun, on a clock that was wrong.

    What comes each so many seconds is due one period from `now` at the latest. The moments of a
    crontab line are those of the calendar: they come again only if the clock was wrong by days.
    """
    ahead_s = schedule.after - now
    match schedule.timing:
        case Every():
            return ahead_s > _STEP_S
        case Cron():
            return ahead_s > _DAY_S
        case _:
            return False


def _fired(schedule: Schedule, first_due: float, now: float) -> FireSchedule:
    """`now` may lie before `first_due` again, on a clock that was set back a moment ago."""
    timing, now = schedule.timing, max(now, first_due)
    came = due_moment(timing, schedule.after, now, schedule.until)
    if came is None:
        raise ValueError(f"{first_due} is due and is not due")
    zone = timing.time_zone if isinstance(timing, Cron) else "UTC"
    return FireSchedule(
        schedule_id=schedule.schedule_id,
        turn=schedule.turn,
        due_at=came.due_at,
        missed=came.missed,
        next_due=came.next_due,
        due_words=moment_words(came.due_at, zone),
        now=now,
    )

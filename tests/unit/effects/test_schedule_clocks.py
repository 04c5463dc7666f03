"""Schedules on a clock that was wrong: it once was ahead, and is put right."""

import anyio
import msgspec
import pytest

from mentra_actors.domain.schedules.events import Cron, Every, Once, ScheduleRewound
from mentra_actors.domain.schedules.schedules import (
    SCHEDULES,
    AddSchedule,
    FireSchedule,
    RewindSchedule,
)
from mentra_actors.effects.runner import Order
from mentra_actors.effects.team.schedule_moments import LOOK_AGAIN_S, ScheduleMoments, is_ahead
from mentra_actors.testing.given_when_then import given
from mentra_actors.tools.schedule_moments import next_due

pytestmark = pytest.mark.anyio
NOW = 1_800_000_000.0
FIFTY_YEARS_S = 50 * 365.25 * 86_400


@pytest.fixture
def anyio_backend():
    return "asyncio"


def fired(timing, at):
    """A schedule whose last moment came at `at`."""
    added = AddSchedule(
        command_id="a", agent_id="ann", body="Look.", timing=timing, created_by="host", now=NOW
    )
    firing = FireSchedule(
        schedule_id="s1", turn=1, due_at=at, missed=0, next_due=at + 60, due_words="", now=at
    )
    return given(SCHEDULES).when(added).when(firing).after


def only(schedules):
    [schedule] = schedules.state.schedules.values()
    return schedule


def test_what_comes_each_so_many_seconds_goes_on_when_the_clock_is_back():
    """It waited for a moment half a century away."""
    schedules = fired(Every(seconds=60.0, anchor=NOW), NOW + FIFTY_YEARS_S)
    assert is_ahead(only(schedules), NOW + 5.0)
    rewound = schedules.when(RewindSchedule(schedule_id="s1", turn=2, now=NOW + 5.0))

    assert rewound == [ScheduleRewound(schedule_id="s1", rewound_at=NOW + 5.0)]
    one = only(rewound)
    assert next_due(one.timing, one.after) == NOW + 65.0
    assert not is_ahead(one, NOW + 5.0)
    assert rewound.when(RewindSchedule(schedule_id="s1", turn=2, now=NOW + 5.0)) == []
    firing = FireSchedule(
        schedule_id="s1", turn=3, due_at=NOW + 65.0, missed=0, next_due=None, due_words="", now=NOW
    )
    assert rewound.when(firing).events


def test_one_that_was_added_while_the_clock_was_ahead_comes_too():
    timing = Every(seconds=60.0, anchor=NOW + FIFTY_YEARS_S)
    one = only(fired(timing, NOW + FIFTY_YEARS_S + 60.0).when(
        RewindSchedule(schedule_id="s1", turn=2, now=NOW)
    ))  # fmt: skip

    assert next_due(one.timing, one.after) == NOW + 60.0


@pytest.mark.parametrize(
    ("timing", "ahead_s", "is_wrong"),
    [
        (Every(seconds=60.0, anchor=NOW), 0.5, False),
        (Every(seconds=60.0, anchor=NOW), 2.0, True),
        (Cron(expression="0 9 * * *"), 7_200.0, False),
        (Cron(expression="0 9 * * *"), 90_000.0, True),
        (Once(at=NOW + FIFTY_YEARS_S), FIFTY_YEARS_S, False),
    ],
)
def test_only_a_clock_that_was_really_wrong_moves_moments(timing, ahead_s, is_wrong):
    """A moment of the calendar must not come twice because of a few hours."""
    schedule = only(fired(timing, NOW + 1.0))

    assert is_ahead(msgspec.structs.replace(schedule, after=NOW + ahead_s), NOW) == is_wrong


class PutRight:
    """A clock that is half a century ahead until somebody has slept once."""

    def __init__(self):
        self.current = NOW + FIFTY_YEARS_S

    def now(self):
        return self.current

    async def sleep_until(self, at):
        assert at <= self.current + LOOK_AGAIN_S
        self.current = NOW


async def test_a_clock_that_is_put_right_is_noticed_while_a_schedule_waits():
    schedule = only(fired(Every(seconds=3600.0, anchor=NOW), NOW + FIFTY_YEARS_S))
    effect = next(iter(SCHEDULES.pending(fired(schedule.timing, schedule.after).state).values()))
    moments = ScheduleMoments(PutRight(), commands=None)
    order = Order(stream_id="schedule-main", effect_id="await-s1-2", effect=effect, view=None)
    with anyio.fail_after(5):
        outcome = await moments(order)

    assert outcome == RewindSchedule(schedule_id="s1", turn=2, now=NOW)

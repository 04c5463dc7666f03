"""What holds of schedules, whatever happens to them, to clocks and to processes."""

from typing import get_args

from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from mentra_actors.domain.inbox import MailDelivered
from mentra_actors.domain.schedules.events import (
    Every,
    ScheduleEnded,
    ScheduleEvent,
    ScheduleFired,
)
from mentra_actors.domain.schedules.schedules import (
    MAX_OPEN_SCHEDULES,
    SCHEDULES,
    AddSchedule,
    FireSchedule,
    PauseSchedule,
    ResumeSchedule,
    SchedulesState,
)
from mentra_actors.testing.decider_laws import (
    check_pure,
    check_restart,
    check_snapshots,
    check_total,
)
from mentra_actors.testing.given_when_then import given, play, stored
from mentra_actors.testing.schedule_strategies import schedule_histories, timings
from mentra_actors.testing.strategies import any_history
from mentra_actors.tools.schedule_moments import due_moment, next_due

START = 1_774_000_000.0  # nine days before Europe's clocks go forward, in 2026
DAY_S = 86_400.0


@forall(schedule_histories())
def test_schedules_keep_the_laws_of_deciders(commands):
    check_pure(SCHEDULES, [], commands)
    check_restart(SCHEDULES, [], commands)
    check_snapshots(SCHEDULES, [], commands)


@forall(any_history(get_args(ScheduleEvent)))
def test_no_history_makes_schedules_raise(events):
    """A stream of schedules that cannot be loaded wakes nobody ever again."""
    check_total(SCHEDULES, events)


@forall(schedule_histories())
def test_moments_of_a_schedule_fire_in_order_each_once_with_one_letter(commands):
    fired = {}
    for answer in play(given(SCHEDULES), commands):
        firings = [one for one in answer.events if isinstance(one, ScheduleFired)]
        for one in firings:
            fired.setdefault(one.schedule_id, []).append(one)
        letters = [event for sent in answer.companions for event in sent.events]
        assert letters == [MailDelivered(mail=one.notice) for one in firings]
    for one in fired.values():
        moments = [event.due_at for event in one]
        assert moments == sorted(set(moments))
        assert [event.number for event in one] == list(range(1, len(one) + 1))
        assert len({event.notice.mail_id for event in one}) == len(one)


@forall(schedule_histories())
def test_what_is_active_is_awaited_and_nothing_else(commands):
    """After a restart the pending effects are all that is known of what is to come."""
    for answer in play(given(SCHEDULES), commands):
        awaited = {effect.schedule.schedule_id for effect in answer.pending.values()}
        schedules = answer.state.schedules.values()
        assert awaited == {one.schedule_id for one in schedules if one.status == "active"}
        assert sum(one.is_open for one in schedules) <= 2 * MAX_OPEN_SCHEDULES


@forall(schedule_histories())
def test_a_repeated_command_records_nothing(commands):
    """Outcomes come twice after a crash, and so do petitions and the calls of a tool."""
    for answer, command in zip(play(given(SCHEDULES), commands), commands, strict=True):
        if answer.rejection is None and answer.events:
            assert answer.when(command) == []


def outcome_of(effect, now):
    """What the performer says at `now`; None while it waits, or dies before it is heard."""
    one = effect.schedule
    came = due_moment(one.timing, one.after, now, one.until)
    if came is None:
        return None
    return FireSchedule(
        schedule_id=one.schedule_id,
        turn=one.turn,
        due_at=came.due_at,
        missed=came.missed,
        next_due=came.next_due,
        due_words="then",
        now=now,
    )


def moments_between(timing, after, last):
    found = []
    while (after := next_due(timing, after, last)) is not None:
        found.append(after)
    return found


_STEPS = st.lists(
    st.tuples(
        st.sampled_from([1.0, 59.0, 3_601.0, 0.4 * DAY_S, 3 * DAY_S, -2.0, -DAY_S]),
        st.sampled_from(["hear", "hear", "hear", "die", "hear twice"]),
    ),
    max_size=10,
)


@settings(max_examples=60)
@forall(timings(START, START + 2 * DAY_S), _STEPS, st.sampled_from(["", "until", "max_fires"]))
def test_whatever_clocks_and_crashes_do_each_moment_fires_or_is_missed_once(timing, steps, end):
    """A clock jumps both ways, processes die before an outcome is heard, or it is heard twice.

    Firings and missed moments together are all moments until the last firing: none twice, none
    forgotten.
    """
    add = AddSchedule(
        command_id="wish",
        agent_id="lead",
        body="look",
        timing=timing,
        created_by="host",
        now=START,
        until=START + 3 * DAY_S if end == "until" else None,
        max_fires=3 if end == "max_fires" else None,
    )
    events, now = [stored(one) for one in SCHEDULES.decide(add, SchedulesState())], START
    for passed_s, fate in steps:
        now += passed_s
        effects = SCHEDULES.pending(SCHEDULES.fold(events)).values()  # as after a restart
        for command in filter(None, (outcome_of(effect, now) for effect in effects)):
            for _ in range({"die": 0, "hear": 1, "hear twice": 2}[fate]):
                events += map(stored, SCHEDULES.decide(command, SCHEDULES.fold(events)))
    firings = [one for one in events if isinstance(one, ScheduleFired)]
    first = SCHEDULES.fold(events[:1]).schedules["s1"]
    last = firings[-1].due_at if firings else first.after
    counted = min(2_000, sum(1 + one.missed for one in firings))

    assert [one.due_at for one in firings] == sorted({one.due_at for one in firings})
    assert all(one.due_at <= one.fired_at for one in firings)
    if counted < 2_000:
        moments = moments_between(timing, first.after, last)
        assert len(moments) == counted
        assert {one.due_at for one in firings} <= set(moments)
    assert sum(isinstance(one, ScheduleEnded) for one in events) <= 1


@forall(st.lists(st.sampled_from(["pause", "resume", "wait", "fire"]), max_size=12))
def test_no_moment_of_a_pause_fires(steps):
    """Who pauses a schedule does not want what is due in the pause, also not later."""
    add = AddSchedule(
        command_id="wish",
        agent_id="lead",
        body="look",
        timing=Every(seconds=60.0, anchor=START),
        created_by="host",
        now=START,
    )
    events, now, pauses = list(SCHEDULES.decide(add, SchedulesState())), START, []
    for number, step in enumerate(steps):
        now += 100.0 if step == "wait" else 0.0
        state = SCHEDULES.fold(events)
        if step in ("wait", "fire"):
            effects = SCHEDULES.pending(state).values() if step == "fire" else ()
            for command in filter(None, (outcome_of(effect, now) for effect in effects)):
                events += SCHEDULES.decide(command, state)
            continue
        kind = PauseSchedule if step == "pause" else ResumeSchedule
        wish = kind(command_id=f"wish-{number}", schedule_id="s1", by="host", now=now)
        changed = SCHEDULES.decide(wish, state)
        events += changed
        pauses += [now] * len(changed)
    moments = [one.due_at for one in events if isinstance(one, ScheduleFired)]

    for begin, end in zip(pauses[::2], [*pauses[1::2], now], strict=False):
        assert not [due_at for due_at in moments if begin < due_at <= end]

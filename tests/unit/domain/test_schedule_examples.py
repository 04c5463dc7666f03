"""Schedules, by example."""

import pytest

from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.schedules.events import (
    Cron,
    Every,
    Once,
    ScheduleAdded,
    ScheduleEnded,
    ScheduleFired,
    SchedulePaused,
    ScheduleRemoved,
    ScheduleResumed,
)
from mentra_actors.domain.schedules.schedules import (
    MAX_NOTICE_CHARS,
    MAX_OPEN_SCHEDULES,
    REMEMBERED_SCHEDULES,
    SCHEDULES,
    AddSchedule,
    AwaitMoment,
    EndSchedule,
    FireSchedule,
    PauseSchedule,
    RemoveSchedule,
    ResumeSchedule,
    schedule_of,
)
from mentra_actors.ids import inbox_stream
from mentra_actors.testing.given_when_then import given

MINUTE = Every(seconds=60.0, anchor=100.0)
ONCE = Once(at=130.0)


def wish(number=1, timing=MINUTE, body="look", **fields):
    return AddSchedule(
        command_id=f"wish-{number}",
        agent_id="lead",
        body=body,
        timing=timing,
        created_by="lead",
        now=100.0,
        **fields,
    )


def added(number=1, timing=MINUTE, **fields):
    return ScheduleAdded(
        schedule_id=f"s{number}",
        command_id=f"wish-{number}",
        agent_id="lead",
        body="look",
        timing=timing,
        created_by="lead",
        added_at=100.0,
        **fields,
    )


def firing(due_at=160.0, turn=1, missed=0, next_due=220.0, now=161.0):
    return FireSchedule(
        schedule_id="s1",
        turn=turn,
        due_at=due_at,
        missed=missed,
        next_due=next_due,
        due_words="then",
        now=now,
    )


def fired(due_at=160.0, number=1, missed=0, now=161.0):
    told = f", {missed} earlier missed" if missed else ""
    return ScheduleFired(
        schedule_id="s1",
        due_at=due_at,
        fired_at=now,
        number=number,
        missed=missed,
        notice=Mail(
            mail_id=f"wish-1/fired-{number}",
            sender="timer",
            to="lead",
            body=f"look\n\n(s1, set by lead, due then{told})",
            sent_at=now,
            kind="timer",
        ),
    )


def change(kind, number=9, now=200.0):
    return kind(command_id=f"change-{number}", schedule_id="s1", by="ann", now=now)


def paused(number=9, now=200.0):
    return SchedulePaused(
        schedule_id="s1", command_id=f"change-{number}", paused_by="ann", paused_at=now
    )


def resumed(number=10, now=300.0):
    return ScheduleResumed(
        schedule_id="s1", command_id=f"change-{number}", resumed_by="ann", resumed_at=now
    )


def test_schedules_are_numbered_and_each_wish_counts_once():
    first = given(SCHEDULES).when(wish())
    assert first == [added()]
    assert schedule_of(first.state, "wish-1").schedule_id == "s1"
    assert first.when(wish()) == []
    assert first.when(wish(2, ONCE)) == [added(2, ONCE)]


def test_a_moment_that_comes_is_told_in_the_inbox_in_the_same_append():
    answer = given(SCHEDULES, added()).when(firing(missed=3))

    assert answer == [fired(missed=3)]
    (letter,) = answer.companions
    assert letter.stream_id == inbox_stream("lead")
    assert [one.mail for one in letter.events] == [fired(missed=3).notice]
    assert answer.state.schedules["s1"].after == 160.0


def test_the_outcome_of_an_older_turn_records_nothing():
    assert given(SCHEDULES, added(), fired()).when(firing()) == []
    assert given(SCHEDULES, added(), paused()).when(firing()) == []
    assert given(SCHEDULES, added(), paused(), resumed()).when(firing()) == []
    assert given(SCHEDULES, added(), fired()).when(firing(turn=2)).rejects("has fired")


def test_a_schedule_that_fires_once_is_over_when_it_has():
    answer = given(SCHEDULES, added(timing=ONCE)).when(firing(due_at=130.0, next_due=None))

    ended = ScheduleEnded(schedule_id="s1", cause="done", ended_at=161.0)
    assert answer == [fired(due_at=130.0), ended]
    assert answer.pending == {}


@pytest.mark.parametrize(
    ("limits", "next_due", "cause"),
    [({"until": 200.0}, None, "until"), ({"max_fires": 1}, 220.0, "max_fires")],
)
def test_a_schedule_ends_at_its_limits(limits, next_due, cause):
    answer = given(SCHEDULES, added(**limits)).when(firing(next_due=next_due))

    assert answer == [fired(), ScheduleEnded(schedule_id="s1", cause=cause, ended_at=161.0)]


def test_a_schedule_ends_when_there_is_nobody_to_wake():
    end = EndSchedule(schedule_id="s1", turn=1, cause="agent_stopped", now=161.0)
    ended = ScheduleEnded(schedule_id="s1", cause="agent_stopped", ended_at=161.0)

    assert given(SCHEDULES, added()).when(end) == [ended]
    assert given(SCHEDULES, added(), ended).when(end) == []
    assert given(SCHEDULES, added(), fired()).when(end) == []


def test_a_pause_leaves_out_what_is_due_in_it_but_for_the_one_moment_of_once():
    often = given(SCHEDULES, added(), paused(), resumed())
    once = given(SCHEDULES, added(timing=ONCE), paused(), resumed())

    assert [effect.schedule.after for effect in often.pending.values()] == [300.0]
    assert [effect.schedule.after for effect in once.pending.values()] == [0.0]
    assert given(SCHEDULES, added(), paused()).pending == {}


def test_each_turn_is_an_effect_of_its_own():
    """The effect of a pause may still be ending when the schedule is resumed."""
    turns = [
        given(SCHEDULES, *events).pending
        for events in ([added()], [added(), fired()], [added(), paused(), resumed()])
    ]
    assert [list(one) for one in turns] == [["await-s1-1"], ["await-s1-2"], ["await-s1-3"]]
    assert all(isinstance(effect, AwaitMoment) for one in turns for effect in one.values())


def test_pausing_resuming_and_removing_count_once():
    stream = given(SCHEDULES, added())
    assert stream.when(change(ResumeSchedule)) == []
    assert stream.when(change(PauseSchedule)) == [paused()]
    assert stream.when(change(PauseSchedule)).when(change(PauseSchedule, 10)) == []
    again = given(SCHEDULES, added(), paused(), resumed())
    assert again.when(change(PauseSchedule)) == []
    removed = stream.when(change(RemoveSchedule))
    assert removed == [
        ScheduleRemoved(
            schedule_id="s1", command_id="change-9", removed_by="ann", removed_at=200.0
        )
    ]
    assert removed.when(change(RemoveSchedule, 10)) == []
    assert removed.when(change(PauseSchedule, 10)).rejects("is over: removed")


def test_an_unknown_schedule_is_refused_with_those_that_there_are():
    assert given(SCHEDULES).when(change(RemoveSchedule)).rejects("open ones: none")
    command = RemoveSchedule(command_id="c", schedule_id="s7", by="ann", now=1.0)
    assert given(SCHEDULES, added()).when(command).rejects("no schedule 's7'; open ones: s1")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"body": " \n"}, "needs a text"),
        ({"body": "x" * (MAX_NOTICE_CHARS + 1)}, "at most 16,000 characters, found 16,001"),
        (
            {"timing": Every(seconds=0.5, anchor=0.0)},
            "at least 1 s each time and at most 1e+10 s, found 0.5",
        ),
        ({"timing": Every(seconds=float("nan"), anchor=0.0)}, "at least 1 s"),
        ({"max_fires": 0}, "max_fires is at least 1, found 0"),
        ({"max_fires": 10**9 + 1}, "max_fires is at most 1,000,000,000"),
        ({"max_fires": 10**5000}, "max_fires is at most 1,000,000,000"),
        ({"timing": Every(seconds=1e300, anchor=1.0)}, "at most 1e+10 s"),
        ({"until": 99.0}, "would never fire"),
        ({"timing": ONCE, "until": 120.0}, "would never fire"),
    ],
)
def test_what_would_wake_nobody_is_refused(fields, words):
    assert given(SCHEDULES).when(wish(**fields)).rejects(words)


def test_an_agent_has_so_many_schedules_at_most():
    """An agent that sets timers in a loop must not fill the log and the clock."""
    full = [added(number) for number in range(1, MAX_OPEN_SCHEDULES + 1)]
    assert given(SCHEDULES, *full).when(wish(101)).rejects("has 100 schedules")
    ended = ScheduleEnded(schedule_id="s7", cause="done", ended_at=1.0)
    answer = given(SCHEDULES, *full, ended).when(wish(101, Cron(expression="0 9 * * *")))
    assert [one.schedule_id for one in answer.events] == ["s101"]


def test_old_schedules_that_are_over_are_forgotten_and_no_id_comes_again():
    history = []
    for number in range(1, REMEMBERED_SCHEDULES + 3):
        ended = ScheduleEnded(schedule_id=f"s{number}", cause="done", ended_at=1.0)
        history += [added(number), ended]
    stream = given(SCHEDULES, *history)

    assert len(stream.state.schedules) == REMEMBERED_SCHEDULES
    assert "s2" not in stream.state.schedules
    assert [one.schedule_id for one in stream.when(wish(999)).events] == ["s203"]

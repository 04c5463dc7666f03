"""Schedules of every timing: firings in time and late, and each of the ways in which one ends."""

from golden_team import profile

from mentra_actors.domain.schedules.events import Cron, Every, Once
from mentra_actors.domain.schedules.schedules import (
    AddSchedule,
    EndSchedule,
    FireSchedule,
    PauseSchedule,
    RemoveSchedule,
    ResumeSchedule,
)
from mentra_actors.ids import AgentId, schedule_stream

__all__ = ["SCHEDULE_STORIES"]

STREAM = schedule_stream("main")


def add(team, body, timing, **fields):
    command = AddSchedule(
        command_id=team.new_id(),
        agent_id=AgentId("watchman"),
        body=body,
        timing=timing,
        created_by="watchman",
        now=team.now,
        **fields,
    )
    team.send(STREAM, command)


def fire(team, schedule_id, turn, next_due, missed=0):
    command = FireSchedule(
        schedule_id=schedule_id,
        turn=turn,
        due_at=team.now,
        missed=missed,
        next_due=next_due,
        due_words="2027-01-15T08:00:00Z",
        now=team.now,
    )
    team.send(STREAM, command)


def change(team, kind, schedule_id):
    command = kind(command_id=team.new_id(), schedule_id=schedule_id, by="watchman", now=team.now)
    team.send(STREAM, command)


def end(team, schedule_id, cause, **fields):
    command = EndSchedule(schedule_id=schedule_id, turn=1, cause=cause, now=team.now, **fields)
    team.send(STREAM, command)


def rounds(team):
    """A watchman who is woken once, by the hour and by the calendar; and rests in between."""
    team.add(profile("watchman", wake_on_mail=False))
    add(team, "Lock the gate.", Once(at=team.now))
    fire(team, "s1", 1, None)
    add(team, "Walk round the wall.", Every(seconds=3600.0, anchor=team.now), max_fires=3)
    fire(team, "s2", 1, team.now + 3600)
    fire(team, "s2", 2, team.now + 3600, missed=7)
    change(team, PauseSchedule, "s2")
    change(team, ResumeSchedule, "s2")
    fire(team, "s2", 5, team.now + 3600)
    night = Cron(expression="0 22 * * 1-5", time_zone="Europe/Berlin")
    add(team, "Light the lamps.", night, until=team.now + 86_400)
    fire(team, "s3", 1, None)
    add(team, "Feed the dog.", Cron(expression="0 7 * * *"))
    change(team, RemoveSchedule, "s4")
    add(team, "Wind the clock.", Cron(expression="0 0 * * 0", time_zone="Mars/Olympus"))
    end(team, "s5", "fault", words="no such time zone")
    add(team, "Go home.", Once(at=team.now))
    end(team, "s6", "agent_stopped")
    add(team, "Open the gate.", Once(at=team.now + 1e6))


SCHEDULE_STORIES = (rounds,)

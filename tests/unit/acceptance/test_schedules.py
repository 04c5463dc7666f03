"""Agents are woken at moments that the log knows: once each, also if nobody was there in time."""

import json

import pytest

from mentra_actors import CommandRejected, ScriptedModel, call, open_runtime_sync
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.schedules.events import ScheduleEnded, ScheduleFired
from mentra_actors.effects.team.schedule_moments import LOOK_AGAIN_S
from mentra_actors.ids import StreamId
from mentra_actors.providers.scripted import position
from mentra_actors.testing.manual_clock import ManualClock

pytestmark = pytest.mark.anyio

START = 1_800_000_000.0  # Friday, 15 January 2027, 08:00 UTC
STREAM = StreamId("schedule-main")


async def test_an_agent_has_itself_woken(played):
    """It rests until then: a timer that is set keeps nobody from being idle."""
    clock = ManualClock()
    turns = [[call("wake_me", message="Read the log.", in_s=30)], "I wait.", "I have read it."]
    async with played(turns, clock=clock) as team:
        agent = await team.spawn()
        await agent.send("Look again in half a minute.")
        await team.runtime.until_idle()
        ((told, is_error),) = team.results()
        assert not is_error
        assert json.loads(told) == {
            "id": "s1",
            "for": "lead",
            "when": "once at 2027-01-15T08:00:30Z",
            "next": "2027-01-15T08:00:30Z",
            "status": "active",
            "fired": 0,
            "message": "Read the log.",
        }

        clock.advance(31)
        await team.until(e.RunFinished, count=2)
        assert team.requests[-1].messages[-1].text == (
            "<timer>\nRead the log.\n\n(s1, set by lead, due 2027-01-15T08:00:30Z)\n</timer>"
        )
        (listed,) = await agent.schedules.list()
        assert (listed.schedule.status, listed.next_due) == ("ended", None)


async def test_moments_that_were_missed_fire_once_and_then_the_next_one_comes(played):
    clock = ManualClock()
    async with played(["Once.", "Twice."], clock=clock) as team:
        agent = await team.spawn()
        await agent.schedules.add("Count.", every_s=60)
        clock.advance(60 * 10 + 5)
        await team.until(ScheduleFired)
        await team.until(e.RunFinished)
        (listed,) = await agent.schedules.list()
        assert listed.next_due == START + 60 * 11
        clock.advance(55)
        await team.until(e.RunFinished, count=2)

        first, second = team.events(ScheduleFired)
        assert (first.due_at, first.missed, first.number) == (START + 600, 9, 1)
        assert (second.due_at, second.missed, second.number) == (START + 660, 0, 2)
        assert "due 2027-01-15T08:10:00Z, 9 earlier missed" in first.notice.body


def test_a_schedule_outlives_the_process_and_fires_what_came_meanwhile_once(tmp_path):
    clock, path = ManualClock(START), tmp_path / "store"
    with open_runtime_sync(path, providers=[ScriptedModel([])], clock=clock) as runtime:
        lead = runtime.spawn("lead", model="scripted:x")
        added = lead.schedules.add(
            "Report.", cron="0 9 * * *", time_zone="Europe/Berlin", schedule_key="daily"
        )
        runtime.until_idle(timeout_s=20)
    clock.advance(3 * 86_400)

    model = ScriptedModel(["Reported."])
    with open_runtime_sync(path, providers=[model], clock=clock) as runtime:
        assert STREAM in runtime.resumed
        lead = runtime.agent("lead")
        again = lead.schedules.add("Report.", cron="0 9 * * *", schedule_key="daily")
        while not runtime.schedules.list()[0].schedule.fired:
            pass  # the time limit of the test ends it
        runtime.until_idle(timeout_s=20)
        (listed,) = runtime.schedules.list()
    assert added == again == "s1"
    assert (listed.schedule.fired, listed.schedule.missed) == (1, 2)
    assert listed.next_due == START + 4 * 86_400


async def test_a_clock_that_is_set_is_noticed(played):
    """A sleeper counts seconds of its machine: it looks at the clock now and then."""
    clock = ManualClock()
    async with played(["Woken."], clock=clock) as team:
        agent = await team.spawn()
        await agent.schedules.add("Look.", in_s=86_400)
        clock.wait_for_sleeper(START + LOOK_AGAIN_S)


async def test_a_stopped_agent_ends_its_schedules(played):
    clock = ManualClock()
    async with played([], clock=clock) as team:
        agent = await team.spawn()
        await agent.schedules.add("Look.", every_s=60)
        await agent.stop()
        clock.advance(61)
        await team.until(ScheduleEnded)

        assert [one.cause for one in team.events(ScheduleEnded)] == ["agent_stopped"]
        assert team.events(ScheduleFired) == []
        await team.runtime.until_idle()


async def test_schedules_are_paused_resumed_and_removed(played):
    clock = ManualClock()
    async with played(["Woken."], clock=clock) as team:
        agent, schedules = await team.spawn(), team.runtime.schedules
        often = await schedules.add("Look.", to=agent, every_s=60, max_fires=1)
        other = await schedules.add("Other.", to=agent, in_s=90)
        await schedules.pause(often)
        await schedules.remove(other)
        clock.advance(600)
        await team.runtime.until_idle()
        assert team.events(ScheduleFired) == []
        await schedules.resume(often)
        clock.advance(60)
        await team.until(ScheduleEnded)

        (fired,) = team.events(ScheduleFired)
        assert (fired.due_at, fired.missed) == (START + 660, 0)
        statuses = [one.schedule.status for one in await schedules.list()]
        assert statuses == ["ended", "removed"]


LEAD = [
    [call("team_spawn", name="mate", role="gardener", prompt="Try.")],
    [call("wake_me", message="Water the plants.", every_s=3600, to="mate")],
    [call("schedule_list"), call("wake_me", message="x", in_s=5, to="nobody")],
    [call("schedule_cancel", schedule_id="s1")],
    "Done.",
]
MATE = [
    [
        call("wake_me", message="x", in_s=5, to="lead"),
        call("wake_me", message="x", in_s=5, cron="* * * * *"),
        call("schedule_cancel", schedule_id="s1"),
    ],
    "Done.",
]


def gardening(request):
    return (MATE if "teammate 'mate'" in request.system else LEAD)[position(request)]


async def test_a_lead_has_others_woken_and_sees_all_timers(played):
    async with played(gardening, clock=ManualClock()) as team:
        lead = await team.spawn()
        await team.runtime.schedules.add("For the lead.", to=lead, in_s=500)
        await lead.send("Go.")
        await team.runtime.until_idle()
        told = {
            stream_id: [
                one.event.content
                for one in team.recorded
                if one.stream_id == stream_id and isinstance(one.event, e.ToolCallFinished)
            ]
            for stream_id in ("agent-lead", "agent-mate")
        }

    _, _, listed, unknown, cancelled = told["agent-lead"]
    shown = [(one["id"], one["for"], one["when"]) for one in json.loads(listed)]
    assert shown == [
        ("s1", "lead", "once at 2027-01-15T08:08:20Z"),
        ("s2", "mate", "every 3600 s"),
    ]
    assert unknown == "Unknown team recipient 'nobody'. Members are: lead, mate"
    assert cancelled == "Timer s1 fires no more."
    refused, unclear, foreign = told["agent-mate"]
    assert refused == "Failed to set the timer: only a lead can have others woken"
    assert "exactly one of at, in_s, every_s and cron; found in_s, cron" in unclear
    assert foreign == "Failed to cancel: you have no timer 's1'"


def test_what_could_never_fire_is_refused():
    with open_runtime_sync(":memory:", providers=[ScriptedModel([])]) as runtime:
        lead = runtime.spawn("lead", model="scripted:x")
        schedules = runtime.schedules
        with pytest.raises(ValueError, match="no time zone 'Mars'"):
            schedules.add("x", to=lead, cron="0 9 * * *", time_zone="Mars")
        with pytest.raises(TypeError, match="max_fires is a whole number"):
            schedules.add("x", to=lead, in_s=1, max_fires=1.5)
        with pytest.raises(TypeError, match="a schedule has no argument 'hourly'"):
            lead.schedules.add("x", hourly=True)
        with pytest.raises(TypeError, match="none is named"):
            schedules.add("x", to=None, in_s=1)
        with pytest.raises(CommandRejected, match="needs a text"):
            lead.schedules.add(" ", in_s=1)
        with pytest.raises(CommandRejected, match="no schedule 's1'; open ones: none"):
            schedules.pause("s1")
        assert schedules.list() == lead.schedules.list() == ()

"""`mentra schedules` and `mentra schedule …`."""

import time

import pytest

from mentra_actors import ScriptedModel, open_runtime_sync
from mentra_actors.tools.schedule_moments import moment_words


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "store"
    with open_runtime_sync(path, providers=[ScriptedModel([])]) as runtime:
        runtime.spawn("lead", model="scripted:x")
    return path


def test_a_schedule_is_added_shown_paused_and_removed_while_nobody_writes_the_store(mentra, store):
    where = ("--store", store)
    assert mentra("schedules", *where) == 0
    assert mentra.out == "No schedule is open.\n"
    line = ("--cron", "0 9 * * mon-fri", "--time-zone", "Europe/Berlin")
    added = mentra.json("schedule", "add", "lead", "Look  at\nit", *line, "--by", "ann", *where)
    assert (added["id"], added["state"], added["created_by"]) == ("s1", "recorded", "ann")
    assert added["next_due_utc"] == moment_words(added["next_due"])

    assert mentra("schedules", *where) == 0
    local = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(added["next_due"]))
    assert mentra.out.splitlines() == [
        "s1   lead, cron 0 9 * * mon-fri (Europe/Berlin), active",
        f"     next {local} ({added['next_due_utc']})",
        "     Look at it",
    ]
    assert mentra("schedule", "pause", "s1", *where) == 0
    assert mentra.out == "Schedule s1 is paused.\n"
    assert mentra.json("schedules", *where)[0]["next_due"] is None
    assert mentra("schedule", "resume", "s1", *where) == 0
    assert mentra.json("schedule", "remove", "s1", *where)["state"] == "recorded"
    assert mentra.json("schedules", *where) == []
    assert mentra.json("schedules", "--all", *where)[0]["status"] == "removed"
    assert mentra("schedule", "remove", "s1", *where) == 2
    assert "the schedule s1 is over: removed" in mentra.err
    assert mentra("log", "schedule-main", *where) == 0
    assert "schedule s1 removed by" in mentra.out


def test_a_process_that_writes_the_store_takes_the_wish_and_fires_it(mentra, store):
    with open_runtime_sync(store, providers=[ScriptedModel(["Woken."])]) as runtime:
        assert mentra("schedule", "add", "lead", "Look.", "--in-s", 0, "--store", store) == 0
        while not runtime.schedules.list()[0].schedule.fired:
            pass  # the time limit of the test ends it
        runtime.until_idle(timeout_s=20)
        (listed,) = runtime.schedules.list()
        assert "Woken." in repr(runtime.agent("lead").transcript())
    assert (listed.schedule.fired, listed.schedule.status) == (1, "ended")


def test_what_cannot_be_meant_is_refused_with_words_that_help(mentra, store):
    where = ("--store", store)
    assert mentra("schedule", "add", "lead", "x", *where) == 2
    assert "exactly one of at, in_s, every_s and cron; found none" in mentra.err
    assert mentra("schedule", "add", "lead", "x", "--cron", "61 * * * *", *where) == 2
    assert "no cron line: '61 * * * *': Bad minute" in mentra.err
    assert mentra("schedule", "add", "bob", "x", "--in-s", 5, *where) == 2
    assert "no member is named 'bob'; the team has lead" in mentra.err
    assert mentra("schedule", "pause", "s9", *where) == 2
    assert "no schedule 's9'" in mentra.err

"""A runtime whose process hangs is replaced by another one; woken up it does nothing more."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from forked_python import ForkedPython

from mentra_actors import ScriptedModel, call, tool
from mentra_actors.domain.agent.events import RunFinished, ToolCallOutcomeUnknown
from mentra_actors.domain.lease import LeaseAcquired
from mentra_actors.domain.timer import WaitUntil
from mentra_actors.effects.runner import Order
from mentra_actors.errors import MentraError, StoreLocked
from mentra_actors.runtime.sync_runtime import open_runtime_sync
from mentra_actors.store.journal import Journal
from mentra_actors.store.lmdb_reader import LmdbJournalReader, scan_log
from mentra_actors.store.writer_lock import present_holder
from mentra_actors.testing.log_audit import AgentAudit

TERM_S = 1.2
TURNS = [
    [call("look", place="a")],
    [call("charge", euros=5)],
    [call("look", place="b")],
    [call("charge", euros=6)],
    "done",
]
EFFECTS = 2 * len(TURNS) - 1
EVERY = 2 if os.environ.get("MENTRA_CRASH_CAMPAIGN") == "full" else 4

pytestmark = [pytest.mark.crash, pytest.mark.timeout(120)]


def traces(folder):
    """What happened in the world: one line for each time that a tool ran."""
    file = folder / "traces"
    return file.read_text().splitlines() if file.exists() else []


def tools(folder):
    """Tools that leave a line in a file."""

    def leave(line):
        with (folder / "traces").open("a") as file:
            file.write(line + "\n")

    @tool(retry="safe")
    async def look(place: str) -> str:
        """Look."""
        leave(f"look {place}")
        return place

    @tool(retry="never")
    async def charge(euros: int) -> str:
        """Charge."""
        leave(f"charge {euros}")
        return "charged"

    return [look, charge]


def work(folder, wrap_effects=None, **options):
    """Do the work, or go on with it; the last words."""
    with open_runtime_sync(
        folder / "store",
        tools=tools(folder),
        providers=[ScriptedModel(TURNS)],
        wrap_effects=wrap_effects,
        durability="volatile",
        **options,
    ) as runtime:
        lead = runtime.spawn("lead", model="scripted:x", reuse=True)
        return lead.send("Do it.", prompt_id="the-work", timeout_s=60).text


class Stop:
    """Wraps performers so that the process stops, as if suspended, at one of the effects."""

    def __init__(self, store, number, when):
        self.store, self.number, self.when = store, number, when
        self.count = 0

    def __call__(self, performer):
        async def perform(order: Order):
            if isinstance(order.effect, WaitUntil):
                return await performer(order)
            self.count += 1
            is_it = self.count == self.number
            if is_it and self.when == "before":
                self.hang()
            outcome = await performer(order)
            if is_it and self.when == "after":
                self.hang()
            return outcome

        return perform

    def hang(self):
        while present_holder(self.store).is_committing:
            pass
        # This thread first, so that it does not run on until another one has taken the signal.
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def hang_at(folder, number, when, term_s=TERM_S):
    """A process that works until it stops at an effect; when it is continued it says its end."""
    process = ForkedPython(
        [sys.executable, __file__, str(folder), str(number), when, str(term_s)],
        stdout=subprocess.PIPE,
        text=True,
    )
    status = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    assert status.si_code == os.CLD_STOPPED
    return process


def go_on(process):
    """Wake it up; its last line."""
    os.kill(process.pid, signal.SIGCONT)
    said, _ = process.communicate()
    return said.splitlines()[-1]


def wait_for_the_end_of_the_lease(folder):
    """Until the time from which on the process may be taken for one that hangs."""
    with pytest.raises(StoreLocked) as refusal:
        work(folder, take_over="never")
    free_at = refusal.value.free_at or 0.0
    reader = LmdbJournalReader.open(folder / "store")
    while (left := free_at - time.time()) > 0:
        reader.wait_for_position(reader.last_position() + 1, timeout_s=left)
    reader.close()


def work_when_free(folder):
    """Go on with the work as soon as nobody else may."""
    while True:
        try:
            return work(folder)
        except StoreLocked:
            wait_for_the_end_of_the_lease(folder)


def recorded_in(folder):
    reader = LmdbJournalReader.open(folder / "store")
    scan_log(reader)
    recorded = list(Journal(reader).through())
    reader.close()
    return recorded


def check(recorded):
    """What must hold of the log, whoever wrote it."""
    positions = [one.global_position for one in recorded]
    assert positions == list(range(1, len(positions) + 1))
    audit = AgentAudit()
    for one in recorded:
        if one.stream_id.startswith("agent-"):
            audit.read(one.event)
    assert audit.at_rest() == []
    epochs = [one.epoch for one in recorded]
    assert epochs == sorted(epochs)
    assert sum(isinstance(one.event, RunFinished) for one in recorded) == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(2, EFFECTS + 1, EVERY))
def test_a_hung_runtime_is_replaced_and_ends(tmp_path, number, when):
    """A payment is made once at most, and a team goes on, though its process sleeps for a day."""
    hung = hang_at(tmp_path, number, when)
    assert work_when_free(tmp_path) == "done"
    log, world = recorded_in(tmp_path), traces(tmp_path)
    assert go_on(hung) == "Fenced"
    assert hung.returncode == 0

    assert traces(tmp_path) == world  # it has done nothing after it woke up
    assert recorded_in(tmp_path) == log
    check(log)
    ran = Counter(world)
    assert ran["charge 5"] <= 1
    assert ran["charge 6"] <= 1
    unknown = sum(isinstance(one.event, ToolCallOutcomeUnknown) for one in log)
    assert ran["charge 5"] + ran["charge 6"] + unknown >= 2
    taken = [one.event.taken_from for one in log if isinstance(one.event, LeaseAcquired)]
    assert f"/{hung.pid}/" in taken[1]


def test_a_runtime_that_wakes_in_time_goes_on(tmp_path):
    """A process that slept for less than its term has lost nothing, and must not give up."""
    hung = hang_at(tmp_path, 3, "before", term_s=60.0)
    with pytest.raises(StoreLocked, match="may be taken over at") as refusal:
        work(tmp_path)
    assert f"is written by process {hung.pid};" in str(refusal.value)
    assert time.time() + 40 < refusal.value.free_at < time.time() + 80
    assert go_on(hung) == "done"

    check(recorded_in(tmp_path))
    assert Counter(traces(tmp_path))["charge 5"] == 1


def test_a_runtime_that_nobody_replaced_goes_on_late(tmp_path):
    """After a night in a closed laptop a team must go on by itself, once its lease is renewed."""
    hung = hang_at(tmp_path, 4, "before")
    wait_for_the_end_of_the_lease(tmp_path)
    with pytest.raises(StoreLocked, match="end that process, or allow to take over"):
        work(tmp_path, take_over="never")
    assert go_on(hung) == "done"

    recorded = recorded_in(tmp_path)
    check(recorded)
    assert sum(isinstance(one.event, LeaseAcquired) for one in recorded) == 1


def test_a_killed_runtime_is_replaced_at_once(tmp_path):
    """After a crash nobody waits for a lease: the system has given the lock free."""
    hung = hang_at(tmp_path, 4, "before")
    hung.kill()
    hung.communicate()

    assert work(tmp_path) == "done"
    check(recorded_in(tmp_path))


def say_the_end(folder, number, when, term_s):
    """Work as the process that will hang."""
    stop = Stop(folder / "store", number, when)
    try:
        print(work(folder, stop, lease_term_s=term_s))
    except MentraError as error:
        print(type(error).__name__)


if __name__ == "__main__":
    say_the_end(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], float(sys.argv[4]))

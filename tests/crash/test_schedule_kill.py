"""The process is killed before a moment comes, and the next one is there after it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from forked_python import ForkedPython

import mentra_actors
from mentra_actors import ScriptedModel, open_runtime_sync
from mentra_actors.testing.manual_clock import ManualClock

pytestmark = [pytest.mark.crash, pytest.mark.timeout(180)]

LIFE = Path(__file__).with_name("schedule_life.py")


def test_a_moment_that_nobody_was_there_for_fires_once_after_a_kill(tmp_path):
    store, at = tmp_path / "store", time.time() + 3_600
    life = ForkedPython(
        [sys.executable, str(LIFE), str(store), str(at)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(mentra_actors.__file__).parents[1])},
    )
    with life:
        assert life.stdout.readline() == b"added\n"
        life.kill()

    model, clock = ScriptedModel(["I look."]), ManualClock(at + 60)
    for _ in range(2):  # the second process finds nothing left to do
        with open_runtime_sync(store, providers=[model], clock=clock) as runtime:
            while not runtime.schedules.list()[0].schedule.fired:
                pass  # the time limit of the test ends it
            runtime.until_idle(timeout_s=60)
            (listed,) = runtime.schedules.list()
            said = runtime.agent("lead").transcript()
        assert repr(said).count("I look.") == 1
        assert (listed.schedule.status, listed.schedule.fired) == ("ended", 1)
        assert listed.schedule.last_due_at == at

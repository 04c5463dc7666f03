"""A process that is killed while it forks a store leaves nothing, and hurts nobody."""

import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from mentra_actors import ScriptedModel, open_history, open_runtime_sync

FORKER = """
import sys
from pathlib import Path
from mentra_actors.store.branches.branch_file import BranchRecord, make_branch

def prepare(draft):
    (draft / "half").write_text("made")
    print(draft, flush=True)
    sys.stdin.read()

make_branch(Path(sys.argv[1]), BranchRecord(name="try", created_at=1.0), prepare)
"""


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "team.mentra"
    model = ScriptedModel(["ready"], repeat=True)
    with open_runtime_sync(path, providers=[model], durability="volatile") as runtime:
        runtime.spawn("lead", model="scripted:words")
    return path


@contextmanager
def forking(store):
    """A process in the middle of a fork."""
    command = [sys.executable, "-c", FORKER, str(store / "branches")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            assert ".new-try-" in process.stdout.readline()
            yield process
        finally:
            process.kill()


def left(store):
    return [one.name for one in (store / "branches").glob(".new-*")]


def listed(store):
    with open_history(store) as history:
        assert "try" not in [one.name for one in history.branches()]


def forked(store):
    with open_history(store) as history:
        history.fork("other")


def test_what_a_killed_fork_has_left_is_removed_by_the_next_look(store):
    """While it is alive it is left alone: a lock in the kernel says so."""
    with forking(store) as process:
        listed(store)
        forked(store)
        assert len(left(store)) == 1, "a fork that goes on was taken for a dead one"
        process.send_signal(signal.SIGKILL)
        process.wait()
        listed(store)
    assert left(store) == []

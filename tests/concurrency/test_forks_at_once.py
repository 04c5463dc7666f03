"""Processes that fork, and delete, the branches of one store at the same time."""

import subprocess
import sys

import pytest
from forked_python import ForkedPython

from mentra_actors import open_history
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import StreamId
from mentra_actors.store.opening import open_event_store
from mentra_actors.store.ports import AppendRequest, EncodedEvent, StreamAppend

PROCESSES = 4
ROUNDS = 12
A = StreamId("agent-a")


def append(store, payload):
    part = StreamAppend(stream_id=A, events=(EncodedEvent("test.said.v1", payload),))
    store.append(AppendRequest(streams=(part,), recorded_at_ns=1))


def fork_again_and_again(name, number):
    """Ask for the same names as all others, and for some that nobody else wants.

    The last line tells which of the contested ones were made here.
    """
    won = []
    print("ready", flush=True)
    sys.stdin.readline()
    with open_history(name) as history:
        for turn in range(ROUNDS):
            try:
                history.fork(f"all-{turn}", label=number)
                won.append(f"all-{turn}")
            except CommandRejected as refused:  # anything else ends the process with an error
                if "already" not in str(refused):
                    raise
            history.fork(f"own-{number}-{turn}", label=number)
            if turn % 2:
                history.branch(f"own-{number}-{turn}").delete()
            assert not any(one.problem for one in history.branches())
    print(*won, flush=True)


@pytest.mark.parametrize("kind", ["lmdb", "sqlite"])
def test_one_of_all_makes_a_branch_and_nobody_is_in_the_way_of_another(tmp_path, kind):
    """While the store is written, too: each branch ends where the log did at that moment."""
    name = tmp_path / "team" if kind == "lmdb" else f"sqlite:{tmp_path / 'team.sqlite'}"
    store = open_event_store(name, durability="volatile")
    append(store, b"0")
    pipe = subprocess.PIPE
    children = [
        ForkedPython(
            [sys.executable, __file__, str(name), str(number)],
            stdin=pipe,
            stdout=pipe,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    for number in range(1, 40):
        append(store, b"%d" % number)
    won = {}
    for number, child in enumerate(children):
        told, _ = child.communicate(timeout=60)
        assert child.returncode == 0
        won |= dict.fromkeys(told.split(), str(number))
    store.close()

    with open_history(name) as history:
        found = {one.name: one for one in history.branches()}
        assert {one: found[one].label for one in won} == won
        assert sorted(won) == sorted(f"all-{turn}" for turn in range(ROUNDS))
        assert len(found) == ROUNDS + PROCESSES * ROUNDS / 2
        for one in found.values():
            with open_history(one.path) as branch:
                assert branch.last_position == one.cut <= 40
                log = list(branch._reader.read_journal())
                assert log == list(history._reader.read_journal(through=one.cut))


if __name__ == "__main__":
    fork_again_and_again(*sys.argv[1:])

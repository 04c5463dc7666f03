"""Views of a process that is killed while it follows the log."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from forked_python import ForkedPython

from mentra_actors.domain.agent.events import PromptAccepted, RunStarted
from mentra_actors.ids import StreamId
from mentra_actors.store.journal import Journal
from mentra_actors.store.lmdb_reader import LmdbJournalReader
from mentra_actors.store.lmdb_store import LmdbEventStore
from mentra_actors.store.ports import AppendRequest
from projections import TIMELINE, TRANSCRIPT, fold_view, projection
from projections.lmdb_views import LmdbViews
from projections.runner import ProjectionRunner

ROUNDS = 6 if os.environ.get("MENTRA_CRASH_CAMPAIGN") == "full" else 3
STREAMS = [StreamId(f"agent-{n}") for n in range(5)]
TIMEOUT_S = 30.0


@projection(name="count", initial=int, view_type=int)
def count(view, _recorded):
    """How many events: one that counts twice, or not at all, shows."""
    return view + 1


@projection(name="positions", initial=tuple, view_type=tuple[int, ...])
def positions(view, recorded):
    """Which events, in which order."""
    return (*view, recorded.global_position)


class CountByStream:
    """How many events of each stream, a part for each."""

    name, version, handles, view_type = "by_stream", 1, None, int

    def keys(self, recorded):
        """See `Projection.keys`."""
        return [recorded.stream_id]

    def initial(self, key):
        """See `Projection.initial`."""
        return 0

    def apply(self, view, key, recorded):
        """See `Projection.apply`."""
        return view + 1


PROJECTIONS = (count, positions, CountByStream(), TRANSCRIPT, TIMELINE)


def follow(path):
    """Keep views until killed; says when it has begun."""
    reader = LmdbJournalReader.open(path)
    runner = ProjectionRunner(reader, LmdbViews.open(path / "views"), PROJECTIONS, page_events=3)
    with runner.follow():
        print("following", flush=True)
        while runner.wait_for(runner.checkpoint() + 1, timeout_s=TIMEOUT_S):
            pass


def started_follower(path):
    """A process that follows the store at `path`."""
    return ForkedPython([sys.executable, __file__, str(path)], stdout=subprocess.PIPE, text=True)


def kill(follower):
    """End a process as a power button does."""
    follower.kill()
    follower.stdout.close()

    assert follower.wait() == -signal.SIGKILL


def append(store, numbers):
    """Appends of one or more events."""
    journal = Journal(store)
    for number in numbers:
        events = [PromptAccepted(prompt_id=str(number), text="hi", accepted_at=1.0)]
        events += [RunStarted(run_id=str(number), started_at=1.0)] * (number % 3)
        part = journal.stream_append(STREAMS[number % len(STREAMS)], events, None)
        store.append(AppendRequest(streams=(part,), recorded_at_ns=1))


def assert_views_are_folds(store, views):
    """Every view has exactly the events up to its checkpoint."""
    runner = ProjectionRunner(store, views, PROJECTIONS)
    log = Journal(store).read_journal(limit=100_000)
    for found, status in zip(PROJECTIONS, runner.status(), strict=True):
        prefix = [recorded for recorded in log if recorded.global_position <= status.checkpoint]

        assert runner.parts(found.name) == fold_view(found, prefix)


@pytest.mark.crash
@pytest.mark.parametrize("followers", [1, 2])
def test_a_killed_follower_loses_and_doubles_nothing(tmp_path, followers):
    """Wherever the process dies, each event is in the views once, or will be."""
    chance = random.Random(followers)
    store = LmdbEventStore.open(tmp_path / "log", durability="volatile")
    append(store, [0])
    for round_number in range(ROUNDS):
        children = [started_follower(tmp_path / "log") for _ in range(followers)]
        for child in children:
            assert child.stdout.readline()
        append(store, range(round_number, round_number + chance.randrange(1, 120)))
        for child in children:
            kill(child)
        views = LmdbViews.open(tmp_path / "log" / "views")
        assert_views_are_folds(store, views)
        views.close()
    views = LmdbViews.open(tmp_path / "log" / "views")
    runner = ProjectionRunner(store, views, PROJECTIONS)
    runner.catch_up()

    assert runner.view("count") == store.last_position()
    assert runner.view("positions") == tuple(range(1, store.last_position() + 1))
    assert_views_are_folds(store, views)
    views.close()
    store.close()


if __name__ == "__main__":
    follow(Path(sys.argv[1]))

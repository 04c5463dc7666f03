"""A process that is killed leaves events, positions and rows that belong together."""

import os
import random
import subprocess
import sys
import textwrap
from uuid import UUID

import pytest
from eventsourcing.dcb.api import DCBQuery, DCBQueryItem
from eventsourcing.persistence import IntegrityError, OperationalError, StoredEvent, Tracking
from forked_python import ForkedPython

from mentra_actors.store.lmdb import (
    LMDBApplicationRecorder,
    LMDBDatastore,
    LMDBDCBRecorder,
    LMDBProcessRecorder,
    LMDBTrackingRecorder,
)

KILLS = 50 if os.environ.get("MENTRA_CRASH_CAMPAIGN") == "full" else 5
EACH = 3
WRITE_UNTIL_KILLED = """
    import itertools, os, sys, threading
    from uuid import UUID
    from eventsourcing.dcb.api import DCBEvent
    from eventsourcing.persistence import StoredEvent, Tracking
    from mentra_actors.store.lmdb import (
        LMDBDatastore, LMDBDCBRecorder, LMDBProcessRecorder, LMDBTrackingRecorder
    )

    datastore = LMDBDatastore(sys.argv[1], durability=sys.argv[2], map_size=1 << 16)
    process = LMDBProcessRecorder(datastore)
    view = LMDBTrackingRecorder(LMDBDatastore(sys.argv[1], name="view", durability=sys.argv[2]))
    tagged = LMDBDCBRecorder(datastore)

    def count(rows):
        rows.put(b"count", b"%d" % (int(rows.get(b"count") or b"0") + 1))

    def process_events():
        for n in itertools.count((process.max_tracking_id("up") or 0) + 1):
            events = [StoredEvent(UUID(int=i), n, "topic", b"%d" % n * 50) for i in range(3)]
            process.insert_events(events, tracking=Tracking("up", n))
            os.write(1, b"process %d\\n" % n)

    def view_events():
        for n in itertools.count((view.max_tracking_id("up") or 0) + 1):
            view.insert_tracking_with(Tracking("up", n), count)
            os.write(1, b"view %d\\n" % n)

    def append_tagged():
        for n in itertools.count(len(list(tagged.read())) + 1):
            tagged.append([DCBEvent("type", b"%d" % n, ["all", "odd" if n % 2 else "even"])])
            os.write(1, b"tagged %d\\n" % n)

    for target in (process_events, view_events, append_tagged):
        threading.Thread(target=target).start()
"""


def written_until_killed(path, durability, lines_wanted):
    """The last number that each thread acknowledged before the process was killed."""
    command = [sys.executable, "-c", textwrap.dedent(WRITE_UNTIL_KILLED), str(path), durability]
    with ForkedPython(command, stdout=subprocess.PIPE, text=True) as writer:
        lines = [writer.stdout.readline() for _ in range(lines_wanted)]
        with pytest.raises(OperationalError, match=f"process {writer.pid}"):
            LMDBDatastore(path)  # one process writes a store
        writer.kill()
        lines += writer.stdout.readlines()
    whole = [line.split() for line in lines if line.endswith("\n")]
    return {name: int(number) for name, number in whole}


def assert_whole(datastore):
    """Each event is found by its aggregate and in its order; each position has its effect."""
    process = LMDBProcessRecorder(datastore)
    last = process.max_tracking_id("up") or 0
    notifications = process.select_notifications(None, 10**6)
    assert len(notifications) == EACH * last
    for number in range(EACH):
        found = process.select_events(UUID(int=number))
        assert [event.originator_version for event in found] == list(range(1, last + 1))
    if last:
        with pytest.raises(IntegrityError):
            process.insert_events([StoredEvent(UUID(int=0), last, "topic", b"")])

    tagged = LMDBDCBRecorder(datastore)
    events = [int(one.event.data) for one in tagged.read()]
    odd = tagged.read(DCBQuery(items=[DCBQueryItem(types=["type"], tags=["odd", "all"])]))
    assert events == list(range(1, len(events) + 1))
    assert [int(one.event.data) for one in odd] == events[::2]
    return last, len(events)


@pytest.mark.crash
@pytest.mark.timeout(600)
@pytest.mark.parametrize("durability", ["sync", "volatile"])
def test_a_kill_leaves_events_positions_and_rows_together(tmp_path, durability):
    """What was acknowledged is there, and nothing is there by half."""
    path = tmp_path / "store"
    moments = random.Random(f"kill {durability}")  # the same moments each time, as far as it goes
    for _ in range(KILLS):
        acknowledged = written_until_killed(path, durability, moments.randrange(3, 200))

        datastore = LMDBDatastore(path, durability=durability)
        last, count = assert_whole(datastore)
        view_datastore = LMDBDatastore(path, name="view", durability=durability)
        view = LMDBTrackingRecorder(view_datastore)
        viewed = view.max_tracking_id("up") or 0
        assert int(view.row(b"count") or b"0") == viewed
        assert last >= acknowledged.get("process", 0)
        assert viewed >= acknowledged.get("view", 0)
        assert count >= acknowledged.get("tagged", 0)
        if viewed:
            with pytest.raises(IntegrityError):
                view.insert_tracking(Tracking("up", viewed))
        datastore.close()
        view_datastore.close()


def test_an_application_recorder_reads_what_a_process_recorder_wrote(tmp_path):
    """Both keep the events of one application; which one wrote them makes no difference."""
    datastore = LMDBDatastore(tmp_path / "store", durability="volatile")
    LMDBProcessRecorder(datastore).insert_events([StoredEvent(UUID(int=1), 1, "topic", b"")])

    assert len(LMDBApplicationRecorder(datastore).select_notifications(1, 10)) == 1
    datastore.close()

"""Opens stores that a power loss left and says what they hold; run by `test_power_loss.py`.

    python power_loss_reopener.py SEED BATCHES

Each line of standard input is the path of a store, each line of standard output the answer:

    {"kind": "intact", "job": 17, "detail": ""}

* intact: the store is exactly as it was after that many jobs of the load, and can be written.
* refused: it could not be opened, and the error says that it is damaged.
* noticed: it was opened, and a read said of what it should give that it is damaged; or a snapshot
  or a tick is gone, which is the same for a thing that only saves time.
* corrupt: anything else; `detail` says what. A process that dies has no answer.
"""

import importlib
import importlib.util
import json
import sys
import traceback
from pathlib import Path

from power_loss_load import CATEGORY, RESOURCE, STREAMS, KnownStates, batches_of

from mentra_actors.errors import StoreCorrupted
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.ports import Appended, AppendRequest, EncodedEvent, StreamAppend
from mentra_actors.store.store_directory import DATA_FILE


class Damaged(Exception):
    """The store differs from every state that it may have."""


def expect(*, found, expected, what):
    if found != expected:
        raise Damaged(f"{what}: found {str(found)[:200]}, expected {str(expected)[:200]}")


def structure_problems(path):
    """What a walk over all pages finds; nothing where this release of `lmdb` has no walker."""
    if importlib.util.find_spec("lmdb.verify") is None:
        return []
    walker = importlib.import_module("lmdb.verify")
    return list(walker.verify(str(path / DATA_FILE)))


def read_all(store):
    found = []
    while page := store.read_journal(after=len(found), limit=500):
        found += page
    return found


def check_events(store, known):
    """The log is a prefix of what was submitted, and the index says the same; its length."""
    journal = read_all(store)
    expect(found=store.last_position(), expected=len(journal), what="last position")
    for event, expected in zip(journal, known.events, strict=False):
        expect(found=event, expected=expected, what=f"position {expected.global_position}")
    if len(journal) > len(known.events):
        raise Damaged("events that nobody submitted")
    by_stream = {}
    for event in journal:
        by_stream.setdefault(event.stream_id, []).append(event)
    expect(found=list(store.stream_ids(CATEGORY)), expected=sorted(by_stream), what="stream ids")
    for stream_id in STREAMS:
        events = by_stream.get(stream_id, [])
        expect(found=list(store.read_stream(stream_id)), expected=events, what=stream_id)
        expect(found=store.stream_version(stream_id), expected=len(events), what=stream_id)
    return len(journal)


def difference(store, known, state):
    """The first thing apart from events that differs from a state, or None."""
    if set(store.open_streams()) != state.open_streams:
        return "open streams"
    if store.fence_epoch(RESOURCE) != state.epoch:
        return "epoch"
    for stream_id in STREAMS:
        if store.load_snapshot(stream_id) not in (None, state.snapshots.get(stream_id)):
            return f"snapshot of {stream_id}"
    if any(state.ticks.get(tick.number) != tick for tick in store.load_ticks()):
        return "ticks"
    for number, (digest, content) in enumerate(known.blobs):
        if store.read_blob(digest) != (content if number < state.blobs else None):
            return f"blob {number}"
    return None


def lost(store, state):
    """Snapshots and ticks that are gone."""
    ticks = state.ticks.keys() - {tick.number for tick in store.load_ticks()}
    snapshots = [one for one in state.snapshots if store.load_snapshot(one) is None]
    return [*snapshots, *sorted(ticks)]


def job_of(store, known, last_position):
    """The last job after which the store was as it is now; one that lost nothing, if there is."""
    differences, with_losses = [], []
    for job, state in reversed(list(enumerate(known.states))):
        if state.last_position == last_position:
            differs = difference(store, known, state)
            if differs is None and not lost(store, state):
                return job
            with_losses += [job] if differs is None else []
            differences.append(f"job {job}: {differs}")
    if with_losses:
        return with_losses[0]
    raise Damaged(f"as after no job: {', '.join(differences)}")


def check_writable(store, known, state):
    """An append lands after the last one, and an earlier request id is answered as before."""
    if state.requests:
        request, answer = known.requests[state.requests - 1]
        appended = store.append(request)
        expect(found=appended, expected=Appended(*answer), what=request.request_id)
    stream_id = STREAMS[0]
    version = store.stream_version(stream_id)
    events = (EncodedEvent("a.after.v1", b"after" * 1000),)
    part = StreamAppend(stream_id=stream_id, events=events, expected_version=version)
    position = state.last_position + 1
    appended = store.append(AppendRequest(streams=(part,)))
    expect(found=appended, expected=Appended(position, position, (version + 1,)), what="append")
    written = store.read_journal(after=position - 1)
    expect(found=[one.payload for one in written], expected=[b"after" * 1000], what="append")


def found_in(path, known):
    """The answer for one store: kind, job, detail."""
    try:
        store = LmdbEventStore.open(path)
    except StoreCorrupted as error:
        return "refused", -1, str(error)
    try:
        expect(found=structure_problems(path), expected=[], what="structure")
        job = job_of(store, known, check_events(store, known))
        state = known.states[job]
        losses = lost(store, state)
        check_writable(store, known, state)
    except StoreCorrupted as error:
        return "noticed", -1, str(error)
    finally:
        store.close()
    expect(found=structure_problems(path), expected=[], what="structure after an append")
    return ("noticed", job, f"without {losses}") if losses else ("intact", job, "")


def main(seed, batches):
    known = KnownStates(batches_of(int(seed), int(batches)))
    for line in sys.stdin:
        try:
            kind, job, detail = found_in(Path(line.rstrip("\n")), known)
        except Exception as error:  # noqa: BLE001 - whatever it is, the store is not as it should be
            lines = traceback.format_exception_only(error)
            kind, job, detail = "corrupt", -1, "".join(lines).strip()
        print(json.dumps({"kind": kind, "job": job, "detail": detail}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Writes parts of the load into a store and notes what happens; run by `test_power_loss.py`.

    python power_loss_writer.py FOLDER SEED FIRST COUNT SESSION...

The store is FOLDER/store. Each session, `sync` for one, opens it with that durability, writes the
next COUNT batches of the load, from FIRST on, and closes it; after the session `sync!` the process
ends without closing. Notes are lines of FOLDER/notes, one write each, so that they stand in the
recording between the writes and flushes of the store:

    opening DURABILITY     before the store is opened
    open                   it is open
    done N                 the append that is the Nth job of the load was acknowledged
    closed                 the store is closed

The next batch is submitted by the acknowledgement of the last one, on the writer's thread, so
that the writer finds it whole and commits it as one group.
"""

import os
import queue
import sys
import traceback
from pathlib import Path

from power_loss_load import SavedTick, batches_of

from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.ports import Appended, AppendRequest, StateSnapshot

SMALL_MAP_BYTES = 1 << 20  # so that the map has to grow


class Writing:
    """Submits batch after batch."""

    def __init__(self, store, batches, first_job, note):
        self._store = store
        self._batches = iter(batches)
        self._job = first_job
        self._note = note
        self.ended = queue.SimpleQueue()
        """Has an entry when the last batch is acknowledged."""

    def submit_next(self):
        batch = next(self._batches, None)
        if batch is None:
            self.ended.put(True)
            return
        for job in batch:
            self._job += 1
            self._submit(job, self._job, is_last=job is batch[-1])

    def _submit(self, job, number, *, is_last):
        match job:
            case bytes():
                self._store.put_blob(job)
            case StateSnapshot():
                self._store.save_snapshot(job)
            case SavedTick():
                self._store.save_tick(job.tick, drop_below=job.drop_below)
            case AppendRequest():
                self._store.submit(job, lambda answer: self._on_appended(answer, number, is_last))

    def _on_appended(self, answer, number, is_last):
        try:
            if not isinstance(answer, Appended):
                raise answer
            self._note(f"done {number}")
            if is_last:
                self.submit_next()
        except Exception:  # noqa: BLE001 - the store's thread would go on, and nobody would know
            traceback.print_exc()
            os._exit(3)


def write_session(path, durability, writing_of, note):
    """Open the store and write; the store, still open, when all is acknowledged."""
    note(f"opening {durability}")
    store = LmdbEventStore.open(path, durability=durability, map_size=SMALL_MAP_BYTES)
    note("open")
    writing = writing_of(store)
    writing.submit_next()
    writing.ended.get()
    return store


def main(folder, seed, first, count, *sessions):
    notes = os.open(Path(folder) / "notes", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    first, count = int(first), int(count)
    batches = batches_of(int(seed), first + count * len(sessions))

    def note(line):
        os.write(notes, f"{line}\n".encode())

    for number, session in enumerate(sessions):
        start = first + number * count
        jobs_before = sum(len(batch) for batch in batches[:start])
        part = batches[start : start + count]
        store = write_session(
            Path(folder) / "store",
            session.rstrip("!"),
            lambda store: Writing(store, part, jobs_before, note),  # noqa: B023 - called at once
            note,
        )
        if session.endswith("!"):
            os._exit(0)  # as a kill does: nothing is flushed, and the kernel still has it all
        store.close()
        note("closed")


if __name__ == "__main__":
    main(*sys.argv[1:])

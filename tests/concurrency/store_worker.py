"""A process that does with a store what it is told, line by line.

The fixture `worker` starts it. It answers each line with one line: a value, or the name of an
error and its message.
"""

import signal
import sys
import threading
import time
from pathlib import Path

from mentra_actors.domain.lease import LeaseAcquired, LeaseReleased, LeaseRenewed
from mentra_actors.errors import MentraError
from mentra_actors.ids import lease_stream
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore, LmdbJournalReader
from mentra_actors.store.journal import Journal
from mentra_actors.store.ownership.process_name import process_name
from mentra_actors.store.ports import AppendRequest, StateSnapshot
from mentra_actors.testing.append_contract import A, request_for, stream_append


class _StopInTheCommit:
    """An extension that stops its process in the middle of a commit."""

    def check(self, txn, side):
        """See `CommitExtension.check`."""

    def write(self, txn, side, appended):
        """See `CommitExtension.write`."""
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


class _Work:
    def __init__(self, path):
        self.path = path
        self.store = None
        self.reader = None
        self.txn = None

    def move(self, path):
        """Go on at another place; nothing may be open."""
        self.path = Path(path)

    def open(self, durability="sync"):
        self.store = LmdbEventStore.open(self.path, durability=durability)
        return self.store.writer_epoch()

    def take(self, epoch, durability="sync"):
        self.store = LmdbEventStore.open(
            self.path, durability=durability, take_over_from=int(epoch)
        )
        return self.store.writer_epoch()

    def append(self, size="1"):
        return self.store.append(request_for(stream_append(A, b"x" * int(size)))).last_position

    def append_and_stop(self):
        request = request_for(stream_append(A, b"x"))
        return self.store.append_with(request, _StopInTheCommit()).last_position

    def snapshot(self):
        self.store.save_snapshot(
            StateSnapshot(stream_id=A, stream_version=1, fold_version=1, payload=b"stale")
        )
        return self.store.put_blob(b"stale")

    def lease(self, expires_in_s, term_s="60", holder=""):
        """Hold a lease, as a runtime does."""
        now = time.time()
        event = LeaseAcquired(
            holder=holder or process_name(),
            epoch=1,
            term_s=float(term_s),
            acquired_at=now,
            expires_at=now + float(expires_in_s),
        )
        return self._append_to_lease([event])

    def renew(self, count, expires_in_s):
        """Renew it again and again."""
        at = time.time() + float(expires_in_s)
        return self._append_to_lease([LeaseRenewed(epoch=1, expires_at=at)] * int(count))

    def release(self):
        return self._append_to_lease([LeaseReleased(epoch=1)])

    def _append_to_lease(self, events):
        part = Journal(self.store).stream_append(lease_stream("writer"), events, None)
        return self.store.append(AppendRequest(streams=(part,))).last_position

    def close(self):
        self.store.close()

    def read(self):
        reader = LmdbJournalReader.open(self.path)
        try:
            return reader.last_position()
        finally:
            reader.close()

    def hold(self, count="1"):
        """Begin reads and do not end them."""
        self.reader = self.reader or LmdbJournalReader.open(self.path)
        for _ in range(int(count)):
            self.txn = self.reader._env._gated.begin(write=False)
            _HELD.append(self.txn)
        return len(_HELD)

    def wait(self, position):
        self.reader = self.reader or LmdbJournalReader.open(self.path)
        return self.reader.wait_for_position(int(position), timeout_s=20)

    def scan(self):
        self.reader = self.reader or LmdbJournalReader.open(self.path)
        events = self.reader.read_journal(limit=100_000)
        assert [event.global_position for event in events] == list(range(1, len(events) + 1))
        return len(events)


_HELD = []


def _serve(path):
    work = _Work(path)
    for line in sys.stdin:
        name, *arguments = line.split()
        try:
            answer = getattr(work, name)(*arguments)
        except MentraError as error:
            answer = f"{type(error).__name__}: {error}"
        print(answer, flush=True)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))

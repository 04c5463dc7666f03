"""The own log of a branch for reading, also before the first thing is recorded there."""

import threading
import time
from collections.abc import Callable, Collection, Sequence

from mentra_actors.errors import StoreClosed
from mentra_actors.ids import StreamId
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import JournalReader, StoredEvent, payloads_of
from mentra_actors.store.sealing.part_seal import PartSeal

__all__ = ["LateLog"]

_LOOK_S = 0.05


class LateLog:
    """See `JournalReader`: nothing, until there is a log; from then on what it holds."""

    def __init__(self, open_log: Callable[[], JournalReader | None]) -> None:
        """`open_log` gives None as long as there is none."""
        self._open_log = open_log
        self._found: JournalReader | None = None
        self._nothing = MemoryEventStore()
        self._opening = threading.Lock()
        self._is_closed = False
        self._log()

    def _log(self) -> JournalReader:
        if self._found is not None:
            return self._found
        with self._opening:
            if self._is_closed:
                raise StoreClosed("the reader of the branch is closed")
            if self._found is None:
                self._found = self._open_log()
            return self._found or self._nothing

    @property
    def part_seal(self) -> PartSeal | None:
        """See `BranchReader.part_seal`."""
        found: PartSeal | None = getattr(self._log(), "part_seal", None)
        return found

    def read_stream(
        self, stream_id: StreamId, *, after: int = 0, through: int | None = None
    ) -> Sequence[StoredEvent]:
        """See `JournalReader.read_stream`."""
        return self._log().read_stream(stream_id, after=after, through=through)

    def read_payloads(
        self, stream_id: StreamId, *, after: int = 0, through: int | None = None
    ) -> tuple[list[tuple[str, bytes]], bool]:
        """See `PayloadReader.read_payloads`."""
        return payloads_of(self._log(), stream_id, after=after, through=through)

    def read_journal(
        self,
        *,
        after: int = 0,
        limit: int = 1000,
        through: int | None = None,
        categories: Collection[str] = (),
        event_types: Collection[str] = (),
    ) -> Sequence[StoredEvent]:
        """See `JournalReader.read_journal`."""
        return self._log().read_journal(
            after=after,
            limit=limit,
            through=through,
            categories=categories,
            event_types=event_types,
        )

    def stream_version(self, stream_id: StreamId) -> int:
        """See `JournalReader.stream_version`."""
        return self._log().stream_version(stream_id)

    def stream_ids(self, category: str) -> Sequence[StreamId]:
        """See `JournalReader.stream_ids`."""
        return self._log().stream_ids(category)

    def last_position(self) -> int:
        """See `JournalReader.last_position`."""
        return self._log().last_position()

    def wait_for_position(self, position: int, *, timeout_s: float) -> int:
        """See `JournalReader.wait_for_position`."""
        until = time.monotonic() + timeout_s
        while (log := self._log()) is self._nothing:
            left = until - time.monotonic()
            if position <= 0 or left <= 0:
                return 0
            self._nothing.wait_for_position(1, timeout_s=min(left, _LOOK_S))
        return log.wait_for_position(position, timeout_s=max(until - time.monotonic(), 0.0))

    def read_blob(self, digest: str) -> bytes | None:
        """See `JournalReader.read_blob`."""
        return self._log().read_blob(digest)

    def close(self) -> None:
        """See `JournalReader.close`."""
        with self._opening:
            self._is_closed = True
            self._nothing.close()
            if self._found is not None:
                self._found.close()

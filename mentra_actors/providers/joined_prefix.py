"""The beginning of a conversation as bytes, which the next request of it begins with again."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import islice

from mentra_actors.domain.content import Message

__all__ = ["JoinedPrefix"]

SEGMENT_BYTES = 256 * 1024


class JoinedPrefix:
    """Items of the first messages of a conversation, each with a comma before it.

    It keeps the messages alive, and knows them again. The bytes are cut where another
    request begins to differ, and grow by what is new. They lie in segments that are never changed,
    so requests share them, and only the last one is copied for each.
    """

    def __init__(self) -> None:
        self._segments: list[bytes] = []
        self._segment_ends: list[int] = []
        self._tail = bytearray()
        self._messages: list[Message] = []
        self._ends: list[int] = []

    @property
    def size_bytes(self) -> int:
        """About what it takes: the bytes, and two words a message."""
        return self._length + 16 * len(self._ends)

    @property
    def parts(self) -> Sequence[bytes]:
        """All items, in parts that stay as they are whatever becomes of this."""
        return [*self._segments, bytes(self._tail)] if self._tail else [*self._segments]

    def follow(
        self, messages: Sequence[Message], count: int, encoded: Callable[[Message], bytes]
    ) -> None:
        """Become the items of the first `count` of these messages.

        `encoded` gives the items of one without brackets, empty if it has none; it is asked for
        those that were not there.
        """
        same = self._same(messages, count)
        del self._messages[same:], self._ends[same:]
        self._cut(self._ends[-1] if self._ends else 0)
        for place in range(same, count):
            message = messages[place]
            fragment = encoded(message)
            if fragment:
                self._tail += b","
                self._tail += fragment
            self._messages.append(message)
            self._ends.append(self._length)
            if len(self._tail) >= SEGMENT_BYTES:
                self._seal()

    @property
    def _sealed(self) -> int:
        return self._segment_ends[-1] if self._segment_ends else 0

    @property
    def _length(self) -> int:
        return self._sealed + len(self._tail)

    def _cut(self, length: int) -> None:
        """Leave only the first bytes."""
        whole = bisect_right(self._segment_ends, length)
        if whole < len(self._segments):
            self._tail = bytearray(self._segments[whole])
            del self._segments[whole:], self._segment_ends[whole:]
        del self._tail[length - self._sealed :]

    def _seal(self) -> None:
        end = self._length
        self._segments.append(bytes(self._tail))
        self._segment_ends.append(end)
        self._tail = bytearray()

    def _same(self, messages: Sequence[Message], count: int) -> int:
        """How many messages of the beginning are those that it has."""
        most = min(count, len(self._messages))
        mine, theirs = self._messages[:most], list(islice(messages, most))
        same = 0
        while same < most:  # lists of the same objects are compared without looking at these
            middle = (same + most + 1) // 2
            if mine[same:middle] == theirs[same:middle]:
                same = middle
            else:
                most = middle - 1
        return same

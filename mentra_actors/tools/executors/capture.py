"""Keeps the beginning and the end of a stream, however much comes between."""

from collections import deque

from mentra_actors.tools.executors.port import Captured

__all__ = ["StreamCapture"]


class StreamCapture:
    """Takes the pieces of a stream in; holds `max_bytes` of them and one piece more, at most."""

    def __init__(self, max_bytes: int) -> None:
        self._head = bytearray()
        self._head_bytes = max_bytes - max_bytes // 2
        self._tail: deque[bytes] = deque()
        self._tail_bytes = max_bytes // 2
        self._in_tail = 0
        self._total = 0

    def add(self, piece: bytes) -> None:
        """Take the next piece in."""
        self._total += len(piece)
        missing = self._head_bytes - len(self._head)
        if missing > 0:
            self._head += piece[:missing]
            piece = piece[missing:]
        if not piece:
            return
        self._tail.append(piece)
        self._in_tail += len(piece)
        while self._in_tail - len(self._tail[0]) >= self._tail_bytes:
            self._in_tail -= len(self._tail.popleft())
            if not self._tail:
                return

    @property
    def captured(self) -> Captured:
        """What is kept of it so far."""
        tail = b"".join(self._tail)
        tail = tail[max(0, len(tail) - self._tail_bytes) :]
        return Captured(head=bytes(self._head), tail=tail, total_bytes=self._total)

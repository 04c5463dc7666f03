"""Commands that nobody could handle: visible, and deliverable again."""

import threading
from collections import deque
from dataclasses import dataclass
from typing import Any

from mentra_actors.ids import StreamId

__all__ = ["DeadLetter", "DeadLetters"]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A command, where it was sent, and of what its actor died."""

    stream_id: StreamId
    command: Any
    cause: str
    deliveries: int


class DeadLetters:
    """The last dead letters, oldest first. Safe from any thread."""

    def __init__(self, capacity: int = 1000) -> None:
        self._letters: deque[DeadLetter] = deque(maxlen=capacity)
        self._lock = threading.Lock()

    def add(self, letter: DeadLetter) -> None:
        """Keep a letter; beyond the capacity the oldest one goes."""
        with self._lock:
            self._letters.append(letter)

    def list(self) -> tuple[DeadLetter, ...]:
        """All letters, oldest first."""
        with self._lock:
            return tuple(self._letters)

    def take(self, stream_id: StreamId) -> tuple[DeadLetter, ...]:
        """Remove and return the letters of a stream, oldest first."""
        with self._lock:
            taken = tuple(letter for letter in self._letters if letter.stream_id == stream_id)
            rest = [letter for letter in self._letters if letter.stream_id != stream_id]
            self._letters.clear()
            self._letters.extend(rest)
        return taken

"""The beginning of a conversation as bytes, which the next request of it begins with again."""

from collections.abc import Callable, Sequence
from operator import is_

from mentra_actors.domain.content import Message

__all__ = ["JoinedPrefix"]


class JoinedPrefix:
    """Items of the first messages of a conversation, each with a comma before it.

    It knows the messages by identity and keeps them alive. The bytes are cut where another
    request begins to differ, and grow by what is new.
    """

    def __init__(self) -> None:
        self.joined = bytearray()
        self._messages: list[Message] = []
        self._ends: list[int] = []

    @property
    def size_bytes(self) -> int:
        """About what it takes: the bytes, and two words a message."""
        return len(self.joined) + 16 * len(self._ends)

    def follow(
        self, messages: Sequence[Message], count: int, encoded: Callable[[Message], bytes]
    ) -> None:
        """Become the items of the first `count` of these messages.

        `encoded` gives the items of one without brackets, empty if it has none; it is asked for
        those that were not there.
        """
        same = self._same(messages, count)
        del self._messages[same:], self._ends[same:]
        del self.joined[self._ends[-1] if self._ends else 0 :]
        for place in range(same, count):
            message = messages[place]
            fragment = encoded(message)
            if fragment:
                self.joined += b","
                self.joined += fragment
            self._messages.append(message)
            self._ends.append(len(self.joined))

    def _same(self, messages: Sequence[Message], count: int) -> int:
        """How many messages of the beginning are those that it has."""
        most = min(count, len(self._messages))
        agreeing = list(map(is_, self._messages[:most], messages))
        return agreeing.index(False) if False in agreeing else most

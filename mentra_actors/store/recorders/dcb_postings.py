"""Which events match a query, by their tags and types, without reading the events.

For each tag and for the type of an event there is a row that ends with its position. So the rows
of one tag are a list of positions, and so are all appends of a recorder. A query is answered by
walking these lists side by side: each is asked for its first position that is not below the one at
which the others stand.
"""

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from eventsourcing.dcb.api import DCBQuery, DCBQueryItem

from mentra_actors.store.recorders.own_appends import appends_from
from mentra_actors.store.recorders.side_keys import (
    PostingKind,
    posting_prefix,
    row_key,
    row_position,
    unpack_count,
)

if TYPE_CHECKING:
    import lmdb

__all__ = ["Place", "Positions", "open_matches"]

Place: TypeAlias = tuple[int, int]
"""Position of an event, and its place in its append."""


class Positions(Protocol):
    """Places in order of their positions."""

    def at_or_after(self, position: int) -> Place | None:
        """The first one whose position is not below `position`; asked with growing positions."""
        ...


class _Posted:
    """The events with one tag, or of one type."""

    def __init__(self, cursor: "lmdb.Cursor", prefix: bytes) -> None:
        self._cursor = cursor
        self._prefix = prefix
        self._found: Place | None = (0, 0)

    def at_or_after(self, position: int) -> Place | None:
        if self._found is not None and self._found[0] < position:
            self._found = self._seek(position)
        return self._found

    def _seek(self, position: int) -> Place | None:
        if not self._cursor.set_range(row_key(self._prefix, position)):
            return None
        key = bytes(self._cursor.key())
        if not key.startswith(self._prefix):
            return None
        return row_position(key), unpack_count(bytes(self._cursor.value()))


class _Everything:
    """All events of a recorder."""

    def __init__(self, cursor: "lmdb.Cursor", sequence: str) -> None:
        self._cursor = cursor
        self._sequence = sequence

    def at_or_after(self, position: int) -> Place | None:
        for first, _ in appends_from(self._cursor, self._sequence, position):
            return max(first, position), max(first, position) - first
        return None


class _AnyOf:
    """What is in one of several lists."""

    def __init__(self, lists: Sequence[Positions]) -> None:
        self._lists = lists

    def at_or_after(self, position: int) -> Place | None:
        places = [one.at_or_after(position) for one in self._lists]
        return min((place for place in places if place is not None), default=None)


class _AllOf:
    """What is in each of several lists."""

    def __init__(self, lists: Sequence[Positions]) -> None:
        self._lists = lists

    def at_or_after(self, position: int) -> Place | None:
        agreed: Place | None = None
        while agreed is None:
            for one in self._lists:
                place = one.at_or_after(position)
                if place is None:
                    return None
                if place[0] > position:
                    position, agreed = place[0], None
                    break
                agreed = place
        return agreed


def open_matches(
    stack: contextlib.ExitStack,
    txn: "lmdb.Transaction[Any]",
    side: "lmdb._Database",
    sequence: str,
    query: DCBQuery | None,
) -> Positions:
    """The events that match at least one item of `query`; all if it has none.

    The cursors that it reads with are closed by `stack`, which must end before `txn`.
    """

    def cursor() -> "lmdb.Cursor[bytes]":
        return stack.enter_context(txn.cursor(side))

    def posted(kind: PostingKind, texts: Sequence[str]) -> list[Positions]:
        prefixes = [posting_prefix(sequence, kind, text) for text in dict.fromkeys(texts)]
        return [_Posted(cursor(), prefix) for prefix in prefixes]

    def matching(item: DCBQueryItem) -> Positions:
        lists = posted("tag", item.tags)
        if item.types:
            lists.append(_AnyOf(posted("type", item.types)))
        return _AllOf(lists) if lists else _Everything(cursor(), sequence)

    items = [] if query is None else query.items
    return _AnyOf([matching(item) for item in items]) if items else _Everything(cursor(), sequence)

"""What a database must offer to hold a log, and what may happen while it is written.

Statements are written once for all databases: `?` stands for a parameter, `{events}`,
`{position}` and the names of the side tables for what the database calls them, and `{each}` for
the rows of a parameter that is a list (one column, `value`).
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol, TypeAlias

import msgspec
from eventsourcing.persistence import Notification, NotSupportedError, StoredEvent

from mentra_actors.errors import StoreError
from mentra_actors.store.sql.position_watch import PositionWatch
from mentra_actors.store.sql.side_tables import SIDE_TABLES, SideTable

__all__ = [
    "CommitInterrupted",
    "GroupRows",
    "Question",
    "Row",
    "SqlLog",
    "SqlTransaction",
    "TableChange",
    "with_positions",
    "written_for",
]


class CommitInterrupted(StoreError):
    """The database went away during the commit; whether it was made can still be found out."""


class Row(Protocol):
    """One row of an answer, by the names of its columns."""

    def __getitem__(self, name: str, /) -> Any:
        """The value of a column."""
        ...


Question: TypeAlias = tuple[str, Sequence[Any]]
"""A statement and its parameters."""


class TableChange(msgspec.Struct, frozen=True):
    """Rows of one side table, each key once: `put` replaces, `add` keeps what is there.

    `drop` needs the keys only.
    """

    table: SideTable
    how: Literal["put", "add", "drop"]
    rows: Sequence[tuple[object, ...]]


class GroupRows(msgspec.Struct, frozen=True, kw_only=True):
    """All that one transaction writes: first it cleans, then it changes.

    The id of an event is its global position.
    """

    events: Sequence[Notification]
    cleanings: Sequence[Question]
    changes: Sequence[TableChange]
    last_position: int


class SqlTransaction(Protocol):
    """The one transaction that writes the log; nobody else does until it has ended."""

    def rows(self, *questions: Question) -> Sequence[Sequence[Row]]:
        """The answers, one for each question."""
        ...

    def write(self, group: GroupRows) -> None:
        """Write all of it."""
        ...


class SqlLog(Protocol):
    """One log in one database. Safe from any thread until it is closed."""

    name: str
    """For messages; no password is in it."""
    watch: PositionWatch
    marks_groups: bool
    """Whether a commit can be interrupted, so that each writer must mark what it commits."""

    def rows(self, statement: str, *parameters: object) -> Sequence[Row]:
        """The answer to one question, all from one moment.

        Raises:
            StoreError: there is none.
        """
        ...

    def writing(self) -> AbstractContextManager[SqlTransaction]:
        """A transaction that is committed with the block, or rolled back if the block raises.

        Raises:
            CommitInterrupted, CommitOutcomeUnknown: see there.
            StoreError: nothing was written.
        """
        ...

    def pauses(self) -> Iterator[float]:
        """Seconds to wait between looks at the last position, if nothing is announced."""
        ...

    def close(self) -> None:
        """Release everything; nothing is in use any more."""
        ...


def with_positions(stored_events: Sequence[StoredEvent]) -> Iterator[Notification]:
    """The events, if each says at which position it belongs.

    Raises:
        NotSupportedError: the library was asked to write this log; only its event store may.
    """
    for one in stored_events:
        if not isinstance(one, Notification):
            raise NotSupportedError("this log is written through its event store")
        yield one


def written_for(statement: str, names: dict[str, str]) -> str:
    """A statement in the words of a database; `names` has those that differ."""
    return statement.format_map({table.name: table.name for table in SIDE_TABLES} | names)

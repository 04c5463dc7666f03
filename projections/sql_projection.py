"""Read models in tables of one's own, written in the transaction of their checkpoint.

    class Calls(SqlProjection, handles=[events.ModelReplied]):
        '''Every answer of a model, a row for each.'''

        def create(self, cursor: Any) -> None:
            cursor.execute("CREATE TABLE calls (agent TEXT, tokens INTEGER)")

        def drop(self, cursor: Any) -> None:
            cursor.execute("DROP TABLE IF EXISTS calls")

        def write(self, cursor: Any, recorded: RecordedEvent[Any]) -> None:
            tokens = recorded.event.usage.output_tokens
            cursor.execute("INSERT INTO calls VALUES (?, ?)", (recorded.stream_id, tokens))

The rows of an event and the position of it are committed together, so each event counts once,
wherever a process dies. It is kept in a database:
`runtime.project(Calls(), into="sqlite:calls.db")` or `into="postgresql://…"`; the cursor is that
of `sqlite3` or of `psycopg`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from mentra_actors.envelope import RecordedEvent
from projections.contract import ProjectionFailed, sees
from projections.declared import Declared
from projections.running.page_reading import Page

__all__ = ["RowWriter", "SqlProjection", "rows_of"]

RowWriter: TypeAlias = Callable[[Any], None]
"""Writes rows with a cursor, inside of a transaction."""


class SqlProjection(Declared, ABC):
    """Inherit from it: `class Mine(SqlProjection, handles=[…])`; the module shows one.

    Arguments of the class: `name` (else that of the class, in snake case) and `version`, and which
    events it sees (`handles`, `categories`, `streams`). When the version is raised the tables are
    dropped and made anew, in one transaction with the first rows. No method may end that.
    """

    @abstractmethod
    def create(self, cursor: Any) -> None:
        """Make the tables; none of them is there."""

    @abstractmethod
    def drop(self, cursor: Any) -> None:
        """Remove the tables, those that are there."""

    @abstractmethod
    def write(self, cursor: Any, recorded: RecordedEvent[Any]) -> None:
        """Write what one event says."""

    def keys(self, recorded: RecordedEvent[Any]) -> Sequence[str]:  # noqa: ARG002
        """None: its rows are no parts."""
        return ()

    def initial(self, key: str) -> None:  # noqa: ARG002
        """It has no parts; see `Projection.initial`."""
        return

    def apply(self, view: None, key: str, recorded: RecordedEvent[Any]) -> None:  # noqa: ARG002
        """It has no parts; see `Projection.apply`."""
        return


def rows_of(projection: SqlProjection, page: Page, *, is_first: bool) -> RowWriter:
    """What writes the rows of a page; the first page makes the tables before.

    It raises `ProjectionFailed` for what the projection raises.
    """

    def write(cursor: Any) -> None:
        position = page.events[0].global_position if page.events else page.through
        try:
            if is_first:
                projection.drop(cursor)
                projection.create(cursor)
            for recorded in filter(sees(projection), page.events):
                position = recorded.global_position
                projection.write(cursor, recorded)
        except Exception as error:
            cause = f"{type(error).__name__}: {error}"
            raise ProjectionFailed(projection.name, position=position, cause=cause) from error

    return write

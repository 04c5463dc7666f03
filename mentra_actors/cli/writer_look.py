"""Does a process work on what is open in a store? Asked from outside."""

from pathlib import Path

from mentra_actors.cli.reading import OpenStore
from mentra_actors.errors import StoreError
from mentra_actors.runtime.clock import SystemClock
from mentra_actors.store.ownership.writer_lock import has_writer
from mentra_actors.store.sql.opening import is_sql_url
from projections.views.health import writer_of

__all__ = ["is_worked_on", "writer_is_gone"]


def is_worked_on(team: OpenStore) -> bool:
    """True while a process holds the lease of the writer, and lives.

    Who was killed has no lock any more, and is found out at once; in a database, and on a file
    system without locks, that takes until the end of the lease.
    """
    writer = writer_of(team.reader, team.journal)
    is_in_term = bool(writer.holder) and writer.until >= SystemClock().now()
    return is_in_term and not writer_is_gone(team.path)


def writer_is_gone(store: Path) -> bool:
    """True if no process has the store open for writing; False also where that is not known."""
    try:
        return not is_sql_url(store) and not has_writer(store)
    except StoreError:
        return False

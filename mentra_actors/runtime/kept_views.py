"""Views that are kept beside the log: caught up, followed, read."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from mentra_actors.store.opening import MEMORY, open_journal_reader, part_seal_of
from mentra_actors.store.ports import JournalReader
from mentra_actors.store.sealing.options import Sealing
from mentra_actors.store.sql.opening import is_sql_url
from projections.built_in import BUILT_IN
from projections.contract import ONE_PART, Projection
from projections.lmdb_views import LmdbViews
from projections.memory_views import MemoryViews
from projections.runner import OnProgress, ProjectionRunner, ProjectionStatus
from projections.view_store import ViewStore
from projections.views_env import can_keep_views

__all__ = [
    "KeptViews",
    "followed_views",
    "open_views",
    "views_beside",
    "views_directory",
    "views_on_demand",
]


class KeptViews:
    """Views of some projections, kept up to date. Safe from any thread; reading does file I/O."""

    def __init__(self, reader: JournalReader, runner: ProjectionRunner) -> None:
        """Made by `Runtime.project` and `open_views`."""
        self._reader = reader
        self._runner = runner

    def view(self, projection: Projection[Any], key: str = ONE_PART) -> Any | None:
        """One part of a view, or None if no event has touched it.

        Raises:
            KeyError: the projection is not among those that are kept.
        """
        return self._runner.view(projection.name, key)

    def parts(self, projection: Projection[Any], prefix: str = "") -> Mapping[str, Any]:
        """All parts whose keys begin with `prefix`, as of one moment."""
        return self._runner.parts(projection.name, prefix)

    def wait(self, *, timeout_s: float = 10.0) -> bool:
        """Wait until the views contain everything recorded so far.

        False if that took too long, or if a projection has failed: `status` says which.
        """
        is_there = self._runner.wait_for(self._reader.last_position(), timeout_s=timeout_s)
        return is_there and not any(one.failure for one in self._runner.status())

    def status(self) -> Sequence[ProjectionStatus]:
        """How far each projection is, and which have failed."""
        return self._runner.status()


def views_directory(store: str | Path) -> Path:
    """Where the views of a store lie."""
    return Path(store) / "views"


@contextmanager
def followed_views(
    reader: JournalReader, store: str | Path, projections: Sequence[Projection[Any]]
) -> Iterator[KeptViews]:
    """Keep views of an open log until the end of the block, on a thread of their own."""
    views = views_beside(reader, store)
    with ExitStack() as stack:
        stack.callback(views.close)
        runner = ProjectionRunner(reader, views, projections)
        follower = runner.follow()
        stack.callback(follower.stop)
        yield KeptViews(reader, runner)


@contextmanager
def views_on_demand(
    reader: JournalReader, store: str | Path, projections: Sequence[Projection[Any]]
) -> Iterator[KeptViews]:
    """Views of an open log for the length of a block; `wait` carries them on, on its thread."""
    views = views_beside(reader, store)
    try:
        yield KeptViews(reader, ProjectionRunner(reader, views, projections))
    finally:
        views.close()


@contextmanager
def open_views(
    store: str | Path,
    projections: Sequence[Projection[Any]] = BUILT_IN,
    *,
    progress: OnProgress | None = None,
    sealing: Sealing | None = None,
) -> Iterator[KeptViews]:
    """Read the views of a store from any process, while another one may be writing it.

    They are caught up before the block begins; `progress` is told how far that is. What was
    folded is kept, so the next reader begins where this one ended; where this user may not write
    beside the store it is folded in memory each time. `sealing` has the key of a store that is
    encrypted; its views are sealed as well.

    Raises:
        StoreError: there is no store at the path, or it cannot be read; nothing was changed.
    """
    with ExitStack() as stack:
        reader = open_journal_reader(store, sealing=sealing)
        stack.callback(reader.close)
        is_kept = is_sql_url(store) or can_keep_views(views_directory(store))
        views = views_beside(reader, store) if is_kept else MemoryViews()
        stack.callback(views.close)
        runner = ProjectionRunner(reader, views, projections)
        runner.catch_up(progress=progress)
        yield KeptViews(reader, runner)


def views_beside(reader: JournalReader, store: str | Path) -> ViewStore:
    """The views of a store; where it is no directory, they end with the process."""
    if store == MEMORY or is_sql_url(store):
        return MemoryViews()
    return LmdbViews.open(views_directory(store), seal=part_seal_of(reader, store))

"""Views that are kept beside the log: caught up, followed, read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mentra_actors.late_module import LateModule
from mentra_actors.runtime.plain_arguments import require_text
from mentra_actors.runtime.views.store_places import views_directory
from mentra_actors.store.opening import MEMORY, open_journal_reader, part_seal_of
from mentra_actors.store.ports import JournalReader
from mentra_actors.store.sealing.options import Sealing
from mentra_actors.store.sql.opening import is_sql_url
from projections.contract import ONE_PART, AnyProjection, Projection
from projections.declared import checked_projection
from projections.running.rebuilding import OnProgress
from projections.running.runner import ProjectionRunner, ProjectionStatus
from projections.stores.lmdb_views import LmdbViews
from projections.stores.memory_views import MemoryViews
from projections.stores.view_store import ViewStore
from projections.stores.views_env import can_keep_views
from projections.views.built_in import BUILT_IN

if TYPE_CHECKING:
    from projections.stores import sql_opening
else:
    sql_opening = LateModule("projections.stores.sql_opening")

__all__ = [
    "KeptViews",
    "followed_views",
    "open_views",
    "require_own_names",
    "views_beside",
    "views_in",
    "views_on_demand",
]

V = TypeVar("V")

_BUILT_IN = {one.name: type(one) for one in BUILT_IN}


class KeptViews:
    """Views of some projections, kept up to date. Safe from any thread; reading does file I/O."""

    def __init__(self, reader: JournalReader, runner: ProjectionRunner) -> None:
        """Made by `Runtime.project` and `open_views`."""
        self._reader = reader
        self._runner = runner

    def view(self, projection: Projection[V], key: str = ONE_PART) -> V | None:
        """One part of a view, or None if no event has touched it.

        Raises:
            KeyError: the projection is not among those that are kept.
        """
        found: V | None = self._runner.view(_name_of(projection), key)
        return found

    def parts(
        self,
        projection: Projection[V],
        prefix: str = "",
        *,
        after: str | None = None,
        limit: int | None = None,
    ) -> Mapping[str, V]:
        """All parts whose keys begin with `prefix`, in order of keys, as of one moment.

        A page of them: at most `limit`, those behind the key `after`.
        """
        return self._runner.parts(_name_of(projection), prefix, after=after, limit=limit)

    def keys(self, projection: AnyProjection, prefix: str = "") -> Sequence[str]:
        """The keys of the parts of a view that begin with `prefix`, in order."""
        return self._runner.keys(_name_of(projection), prefix)

    def wait(self, *, timeout_s: float = 10.0) -> bool:
        """Wait until the views contain everything recorded so far.

        False if that took too long, or if a projection has failed or is paused before that:
        `status` says which. Nobody waits for such a one, only for the others.
        """
        return self.wait_for(self._reader.last_position(), timeout_s=timeout_s)

    def wait_for(self, position: int, *, timeout_s: float = 10.0) -> bool:
        """Wait until the views contain a position of the log, so that you read your own writes.

        `Reply.position` is that of the end of a run. False as for `wait`.
        """
        is_there = self._runner.wait_for(position, timeout_s=timeout_s)
        return is_there and not any(one.failure for one in self._runner.status())

    def catch_up(self, *, progress: OnProgress | None = None) -> None:
        """Carry the views on to the present end of the log, on this thread."""
        self._runner.catch_up(progress=progress)

    def pause(self, projection: AnyProjection) -> None:
        """Carry a view on no more until `resume`, or until it is opened again; it is read."""
        self._runner.pause(_name_of(projection))

    def resume(self, projection: AnyProjection) -> None:
        """Carry a view on from where it was paused."""
        self._runner.resume(_name_of(projection))

    def retry(self, projection: AnyProjection) -> None:
        """Let a projection that has failed go on, mended, in the place of that of its name.

        It goes on before the event that it failed at; with a higher version its view is made anew.

        Raises:
            ValueError: the one that is kept has a higher version, or it has the name of a
                built-in view and is none.
        """
        require_own_names((projection,))
        self._runner.retry(projection)

    def rebuild(self, projection: AnyProjection, *, progress: OnProgress | None = None) -> None:
        """Make a view anew from the first event, then put it in the place of the present one.

        Until then the present one is read and carried on. It blocks; `progress` is told how far
        it is.

        Raises:
            ProjectionFailed: it raised; the view is as it was.
        """
        self._runner.rebuild(_name_of(projection), progress=progress)

    def status(self) -> Sequence[ProjectionStatus]:
        """How far each projection is, and which have failed or are paused."""
        return self._runner.status()


def _name_of(projection: AnyProjection) -> str:
    """The name of a projection.

    Raises:
        TypeError: it is no projection, but perhaps its name or its class.
    """
    checked_projection(projection)
    return projection.name


def require_own_names(projections: Iterable[object]) -> None:
    """Refuse another view in the place of a built-in one: what is kept is found by its name.

    Raises:
        ValueError: one has the name of a built-in view, and is not that one.
    """
    for one in projections:
        name = getattr(one, "name", "")
        built_in = _BUILT_IN.get(name) if isinstance(name, str) else None
        if built_in is not None and not isinstance(one, built_in):
            raise ValueError(
                f"{name!r} is the name of a built-in view, which would be kept in the same "
                "place: give yours another name"
            )


@contextmanager
def followed_views(
    reader: JournalReader,
    store: str | Path,
    projections: Sequence[AnyProjection],
    *,
    into: str = "",
) -> Iterator[KeptViews]:
    """Keep views of an open log until the end of the block, on a thread of their own.

    `into` is the address of a database for them; without it they are beside the log.
    """
    require_own_names(projections)
    views = views_in(reader, store, into)
    with ExitStack() as stack:
        stack.callback(views.close)
        runner = ProjectionRunner(reader, views, projections)
        follower = runner.follow()
        stack.callback(follower.stop)
        yield KeptViews(reader, runner)


@contextmanager
def views_on_demand(
    reader: JournalReader,
    store: str | Path,
    projections: Sequence[AnyProjection],
    *,
    into: str = "",
) -> Iterator[KeptViews]:
    """Views of an open log for the length of a block; `wait` carries them on, on its thread."""
    require_own_names(projections)
    views = views_in(reader, store, into)
    try:
        yield KeptViews(reader, ProjectionRunner(reader, views, projections))
    finally:
        views.close()


@contextmanager
def open_views(
    store: str | Path,
    projections: Sequence[AnyProjection] = BUILT_IN,
    *,
    into: str = "",
    progress: OnProgress | None = None,
    sealing: Sealing | None = None,
) -> Iterator[KeptViews]:
    """Read the views of a store from any process, while another one may be writing it.

    They are caught up before the block begins; `progress` is told how far that is. What was
    folded is kept, so the next reader begins where this one ended: beside the log, or `into` a
    database (`sqlite:FILE`, `postgresql://…`); where this user may not write beside the store it
    is folded in memory each time. `sealing` has the key of a store that is encrypted; its views
    are sealed as well.

    Raises:
        StoreError: there is no store at the path, or it cannot be read; nothing was changed.
        ValueError: a projection that is not built in has the name of one that is.
    """
    require_own_names(projections)
    with ExitStack() as stack:
        reader = open_journal_reader(store, sealing=sealing)
        stack.callback(reader.close)
        views = views_in(reader, store, into)
        stack.callback(views.close)
        runner = ProjectionRunner(reader, views, projections)
        runner.catch_up(progress=progress)
        yield KeptViews(reader, runner)


def views_in(reader: JournalReader, store: str | Path, into: str) -> ViewStore:
    """The views of a store in the database at an address, or beside the store if there is none.

    Raises:
        ConfigurationError: it is no address of a database, or the extra for it is not installed.
        StoreError: they cannot be used.
    """
    require_text(into, "the address of a database")
    if not into:
        return views_beside(reader, store)
    seal = None if store == MEMORY else part_seal_of(reader, store)
    return sql_opening.open_sql_views(into, seal=seal)


def views_beside(reader: JournalReader, store: str | Path) -> ViewStore:
    """The views of a store; in memory where it is no directory that this user may write."""
    if store == MEMORY or is_sql_url(store) or not can_keep_views(views_directory(store)):
        return MemoryViews()
    return LmdbViews.open(views_directory(store), seal=part_seal_of(reader, store))

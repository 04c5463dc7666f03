"""Carries views on by a page of events, and keeps a broken one from stopping the others."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from projections.contract import AnyProjection, ProjectionFailed, fold_parts
from projections.running.page_reading import Page
from projections.running.rebuild import own_view, swap_if_caught_up
from projections.sql_projection import SqlProjection, rows_of
from projections.stores.part_codec import PartCodec
from projections.stores.view_store import (
    CheckpointMoved,
    ViewCommit,
    ViewDamaged,
    ViewId,
    ViewStore,
)

__all__ = ["PageFold"]

_WARM_PARTS = 4096
"""How many parts of a view are kept decoded, unless one page touches more."""
_LOG = logging.getLogger(__name__)

_Parts: TypeAlias = dict[str, Any]


class PageFold:
    """Folds pages into stored views. One thread at a time.

    Parts of the last pages are kept decoded, with the checkpoint that they belong to.
    """

    def __init__(
        self,
        views: ViewStore,
        projections: Mapping[str, AnyProjection],
        fingerprint_at: Callable[[int], int],
        *,
        view_of: Callable[[AnyProjection], ViewId] = own_view,
    ) -> None:
        """`fingerprint_at` gives that of the event at a position of the log."""
        self.failed: dict[str, ProjectionFailed] = {}
        """Projections that raised, by name; they are left alone."""
        self._views = views
        self._fingerprint_at = fingerprint_at
        self._view_of = view_of
        self._codecs: dict[str, PartCodec[Any]] = {
            name: PartCodec(found) for name, found in projections.items()
        }
        self._warm: dict[str, tuple[int, _Parts]] = {}
        self._rebuilt: set[str] = set()

    def carry_on(self, group: Sequence[AnyProjection], page: Page, checkpoint: int) -> None:
        """Fold `page` into the views of `group`, whose checkpoint is `checkpoint`.

        Raises:
            StoreError: nothing was written.
        """
        folded: dict[str, tuple[int, _Parts]] = {}
        commits = []
        try:
            for projection in group:
                if isinstance(projection, SqlProjection):
                    self._write_rows(projection, page, checkpoint)
                    continue
                commit, parts = self._outcome(projection, page, checkpoint)
                if commit is not None:
                    commits.append(commit)
                    folded[projection.name] = (commit.checkpoint, parts)
            self._views.commit(commits)
        except CheckpointMoved:
            return  # somebody else was faster: the next page starts where they are
        self._warm.update(folded)
        for projection in group:
            if self._view_of(projection) == own_view(projection):
                swap_if_caught_up(self._views, projection)

    def rebuild(self, projection: AnyProjection, damage: ViewDamaged) -> None:
        """Drop a view that cannot be read; it is folded again. The second time it has failed."""
        name = projection.name
        if name in self._rebuilt:
            self._fail(ProjectionFailed(name, position=0, cause=str(damage)))
            return
        _LOG.warning("view %s is rebuilt from the log: %s", name, damage)
        self._rebuilt.add(name)
        self._warm.pop(name, None)
        self._views.drop(self._view_of(projection))

    def take_up(self, projection: AnyProjection) -> None:
        """Fold this one from now on, under a name that is there; it has not failed any more."""
        name = projection.name
        self._codecs[name] = PartCodec(projection)
        self._warm.pop(name, None)
        self._rebuilt.discard(name)
        self.failed.pop(name, None)

    def _outcome(
        self, projection: AnyProjection, page: Page, checkpoint: int
    ) -> tuple[ViewCommit | None, _Parts]:
        """What to commit of one view; None if it cannot be carried on."""
        name = projection.name
        warm_checkpoint, warm = self._warm.pop(name, (0, {}))
        try:
            return self._folded(
                projection, page, checkpoint, warm if warm_checkpoint == checkpoint else {}
            )
        except ViewDamaged as damage:
            self.rebuild(projection, damage)
            return None, {}
        except ProjectionFailed as failure:
            self._fail(failure)
            sound = page.before(failure.position)
        try:
            return self._folded(projection, sound, checkpoint, {})
        except (ProjectionFailed, ViewDamaged):
            return None, {}

    def _folded(
        self, projection: AnyProjection, page: Page, checkpoint: int, warm: _Parts
    ) -> tuple[ViewCommit | None, _Parts]:
        if page.through <= checkpoint:
            return None, {}
        before = self._part_before(projection, checkpoint, warm)
        parts = fold_parts(projection, page.events, before)
        commit = ViewCommit(
            view=self._view_of(projection),
            parts=self._encoded(projection, parts, page),
            checkpoint=page.through,
            expected_checkpoint=checkpoint,
            fingerprint=self._fingerprint_at(page.through),
        )
        warm.update(parts)
        return commit, warm if len(warm) <= _WARM_PARTS else parts

    def _write_rows(self, projection: SqlProjection, page: Page, checkpoint: int) -> None:
        """Commit the rows of a page, or those before the event at which it raises."""
        try:
            self._views.commit([self._rows_commit(projection, page, checkpoint)])
        except ProjectionFailed as failure:
            self._fail(failure)
            sound = page.before(failure.position)
            if sound.through > checkpoint:
                self._views.commit([self._rows_commit(projection, sound, checkpoint)])

    def _rows_commit(self, projection: SqlProjection, page: Page, checkpoint: int) -> ViewCommit:
        return ViewCommit(
            view=self._view_of(projection),
            parts={},
            checkpoint=page.through,
            expected_checkpoint=checkpoint,
            fingerprint=self._fingerprint_at(page.through),
            write=rows_of(projection, page, is_first=checkpoint == 0),
        )

    def _part_before(
        self, projection: AnyProjection, checkpoint: int, warm: _Parts
    ) -> Callable[[str], object | None]:
        view, codec = self._view_of(projection), self._codecs[projection.name]

        def part_before(key: str) -> Any | None:
            if key in warm:
                return warm[key]
            data = self._views.load(view, key, expected_checkpoint=checkpoint)
            return None if data is None else codec.decode(data)

        return part_before

    def _encoded(self, projection: AnyProjection, parts: _Parts, page: Page) -> dict[str, bytes]:
        codec = self._codecs[projection.name]
        try:
            return {key: codec.encode(part) for key, part in parts.items()}
        except Exception as error:
            cause = f"its view cannot be stored: {type(error).__name__}: {error}"
            position = page.events[0].global_position
            raise ProjectionFailed(projection.name, position=position, cause=cause) from error

    def _fail(self, failure: ProjectionFailed) -> None:
        _LOG.error("%s; its view stops there", failure, exc_info=failure)
        self.failed[failure.name] = failure

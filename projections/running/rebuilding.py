"""Makes a view anew beside the one that people read, and puts it in its place at once.

The draft is a view of its own until it has all that the other has; it is dropped if anything goes
wrong, and one that a dying process has left is begun again.
"""

import threading
from collections.abc import Callable
from typing import TypeAlias

from projections.contract import AnyProjection
from projections.running.page_fold import PageFold
from projections.running.page_reading import PageReading
from projections.running.rebuild import own_view
from projections.stores.view_store import DRAFT_VERSIONS, CheckpointMoved, ViewId, ViewStore

__all__ = ["OnProgress", "draft_view", "rebuild_beside"]

OnProgress: TypeAlias = Callable[[int, int], None]
"""Called with the lowest checkpoint and the position aimed at, on the thread that catches up."""


def draft_view(projection: AnyProjection) -> ViewId:
    """Where a view is made anew."""
    return ViewId(projection.name, projection.version + DRAFT_VERSIONS)


def rebuild_beside(
    views: ViewStore,
    projection: AnyProjection,
    pages: PageReading,
    fingerprint_at: Callable[[int], int],
    *,
    folding: threading.Lock,
    progress: OnProgress | None = None,
) -> None:
    """Fold the view of a projection from the first event on; whoever holds `folding` goes on.

    Raises:
        ProjectionFailed: it raised; the view is as it was.
        StoreError: the log or the views cannot be used; the view is as it was.
    """
    own, draft = own_view(projection), draft_view(projection)
    fold = PageFold(views, {projection.name: projection}, fingerprint_at, view_of=draft_view)
    views.drop(draft)
    try:
        while not _is_in_place(views, own, draft, folding):
            at, target = views.checkpoint(draft), views.checkpoint(own)
            page = pages.page([projection], after=at, through=max(target, at + 1))
            fold.carry_on([projection], page, at)
            for failure in fold.failed.values():
                raise failure
            if progress is not None:
                progress(min(page.through, target), target)
    finally:
        views.drop(draft)


def _is_in_place(views: ViewStore, own: ViewId, draft: ViewId, folding: threading.Lock) -> bool:
    with folding:
        if views.checkpoint(draft) < views.checkpoint(own):
            return False
        try:
            views.replace(own, draft)
        except CheckpointMoved:  # another process has carried it on
            return False
        return True

"""When a view is made anew, and which version of it is read meanwhile.

A projection whose version was raised is folded from position 0 under its new version. Until it
has everything that the older view had, the older one serves readers; then the new one does, and
the older is dropped. So what people see never goes back. A process of an older release that
still runs keeps a view of its own version for itself.

A log can lose its tail: a backup was put back, or a power loss took the last commit. A view whose
checkpoint is beyond the end then knows things that did not happen. So does one whose checkpoint
lies in what the log has got since; there the event is another one than that of its fingerprint.
"""

import logging
from collections.abc import Sequence

from mentra_actors.store.ports import JournalReader
from projections.contract import AnyProjection
from projections.running.fingerprint import fingerprint_at
from projections.stores.view_store import ViewId, ViewStore

__all__ = [
    "drop_views_beyond_log",
    "drop_views_of_another_past",
    "own_view",
    "served_view",
    "swap_if_caught_up",
]

_LOG = logging.getLogger(__name__)


def own_view(projection: AnyProjection) -> ViewId:
    """The view that this version of the projection writes."""
    return ViewId(projection.name, projection.version)


def served_view(views: ViewStore, projection: AnyProjection) -> ViewId:
    """The view to read: the older one that serves still, else the own one."""
    serving = views.serving(projection.name)
    is_older = 0 < serving < projection.version
    return ViewId(projection.name, serving) if is_older else own_view(projection)


def swap_if_caught_up(views: ViewStore, projection: AnyProjection) -> None:
    """Let the own view serve, if it has reached the older one that does."""
    own = own_view(projection)
    serving = views.serving(projection.name)
    if serving >= projection.version:
        return
    if views.checkpoint(own) >= views.checkpoint(ViewId(projection.name, serving)):
        views.serve(own)


def drop_views_beyond_log(
    views: ViewStore, reader: JournalReader, projections: Sequence[AnyProjection]
) -> Sequence[ViewId]:
    """Drop each view, own or older, that is ahead of the log; which ones that were."""
    stored = _views_of(views, projections)
    # Checkpoints first: whoever wrote one had read its position in the log before.
    checkpoints = {view: views.checkpoint(view) for view in stored}
    last_position = reader.last_position()
    ahead = [view for view, checkpoint in checkpoints.items() if checkpoint > last_position]
    for view in ahead:
        _LOG.warning(
            "view %s (version %d) has position %d and the log ends at %d: it lost its tail, "
            "and the view is rebuilt",
            view.name,
            view.version,
            checkpoints[view],
            last_position,
        )
        views.drop(view)
    return ahead


def drop_views_of_another_past(
    views: ViewStore, reader: JournalReader, projections: Sequence[AnyProjection]
) -> Sequence[ViewId]:
    """Drop each view, own or older, whose last event the log does not have; which ones.

    To be asked once, before anything is folded: while a process follows a log, nothing is lost.
    """
    dropped = []
    for view in _views_of(views, projections):
        mark = views.marked_checkpoint(view)
        if mark.position and fingerprint_at(reader, mark.position) != mark.fingerprint:
            _LOG.warning(
                "view %s (version %d) has another event at position %d than the log: it lost its "
                "tail and has grown again, and the view is rebuilt",
                view.name,
                view.version,
                mark.position,
            )
            views.drop(view)
            dropped.append(view)
    return dropped


def _views_of(views: ViewStore, projections: Sequence[AnyProjection]) -> set[ViewId]:
    return {view for p in projections for view in (served_view(views, p), own_view(p))}

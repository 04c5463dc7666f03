"""When a view is made anew, and which version of it is read meanwhile.

A projection whose version was raised is folded from position 0 under its new version. While a
view of an older version is still stored, that one is read. It is dropped when the new one has
everything that it had, so what people see never goes back.

A checkpoint beyond the end of the log means that the log has lost its tail (a backup was put
back, or a power loss took the last commit): the view knows things that did not happen.
"""

import logging
from collections.abc import Sequence
from typing import Any

from mentra_actors.store.ports import JournalReader
from projections.contract import Projection
from projections.view_store import ViewId, ViewStore

__all__ = ["drop_views_beyond_log", "own_view", "served_view", "swap_if_caught_up"]

_LOG = logging.getLogger(__name__)


def own_view(projection: Projection[Any]) -> ViewId:
    """The view that this version of the projection writes."""
    return ViewId(projection.name, projection.version)


def served_view(views: ViewStore, projection: Projection[Any]) -> ViewId:
    """The view to read: the newest older one while it is stored, else the own one."""
    older = _older_views(views, projection)
    return older[-1] if older else own_view(projection)


def swap_if_caught_up(views: ViewStore, projection: Projection[Any]) -> bool:
    """Drop the older views if the own one has reached them; True if it serves now."""
    own_checkpoint = views.checkpoint(own_view(projection))
    older = _older_views(views, projection)
    if any(views.checkpoint(view) > own_checkpoint for view in older):
        return False
    # The newest one goes last: until then it is the one that is read.
    for view in older:
        views.drop(view)
    return True


def drop_views_beyond_log(
    views: ViewStore, reader: JournalReader, projections: Sequence[Projection[Any]]
) -> Sequence[ViewId]:
    """Drop each view, own or older, that is ahead of the log; which ones that were."""
    stored = [view for p in projections for view in (*_older_views(views, p), own_view(p))]
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


def _older_views(views: ViewStore, projection: Projection[Any]) -> Sequence[ViewId]:
    versions = views.versions(projection.name)
    return [ViewId(projection.name, v) for v in versions if v < projection.version]

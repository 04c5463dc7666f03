"""Some views at one position, carried on in memory, and what has changed in them. Pure.

What is told of a page of the log is each part that it touched, once, as it is in the end: a
reader that is far behind is told no more than there are parts.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mentra_actors.envelope import RecordedEvent
from projections.contract import AnyProjection, ProjectionFailed, fold_parts, sees
from projections.running.view_changes import ViewChange, ViewFailed, ViewSnapshot

__all__ = ["WatchedViews"]


class WatchedViews:
    """The views of some projections, all as of `position`. One thread at a time."""

    def __init__(
        self,
        projections: Sequence[AnyProjection],
        position: int = 0,
        parts: Mapping[str, Mapping[str, object]] | None = None,
    ) -> None:
        """`parts` are the views as of `position`, by the name of their projection.

        Raises:
            ValueError: two projections have the same name.
        """
        self.projections = tuple(projections)
        if len({one.name for one in projections}) != len(projections):
            raise ValueError("two projections have the same name; one may have several prefixes")
        self.position = position
        self._parts = {one.name: dict((parts or {}).get(one.name, {})) for one in projections}
        self._failed: dict[str, ProjectionFailed] = {}

    def parts(self, name: str) -> Mapping[str, Any]:
        """The parts of one view, by key."""
        return self._parts[name]

    def snapshot(self, names: Sequence[str]) -> ViewSnapshot:
        """These views as they are."""
        return ViewSnapshot(
            position=self.position, views={name: dict(self._parts[name]) for name in names}
        )

    def advance(
        self, events: Sequence[RecordedEvent[object]], through: int
    ) -> list[ViewChange | ViewFailed]:
        """Fold the next events, all up to position `through`; what has changed, by position."""
        changes: list[ViewChange | ViewFailed] = []
        for one in self.projections:
            if one.name not in self._failed:
                changes += self._folded(one, events)
        self.position = through
        return sorted(changes, key=lambda change: change.position)

    def touched_since(
        self, name: str, events: Sequence[RecordedEvent[object]]
    ) -> list[ViewChange]:
        """The parts of a view that these events, which are folded already, have touched."""
        projection = next(one for one in self.projections if one.name == name)
        parts, places = self._parts[name], _places(projection, events)
        return [
            ViewChange(view=name, key=key, position=place, part=parts[key])
            for key, place in places.items()
            if key in parts
        ]

    def _folded(
        self, projection: AnyProjection, events: Sequence[RecordedEvent[object]]
    ) -> Sequence[ViewChange | ViewFailed]:
        failed: list[ViewFailed] = []
        parts = self._parts[projection.name]
        try:
            touched = fold_parts(projection, events, parts.get)
        except ProjectionFailed as failure:
            self._failed[projection.name] = failure
            failed.append(
                ViewFailed(view=failure.name, position=failure.position, cause=failure.cause)
            )
            events = [one for one in events if one.global_position < failure.position]
            touched = fold_parts(projection, events, parts.get)
        changed = {
            key: part for key, part in touched.items() if key not in parts or parts[key] != part
        }
        parts.update(touched)
        places = _places(projection, events) if changed else {}
        return [
            *(
                ViewChange(view=projection.name, key=key, position=places[key], part=part)
                for key, part in changed.items()
            ),
            *failed,
        ]


def _places(
    projection: AnyProjection, events: Sequence[RecordedEvent[object]]
) -> Mapping[str, int]:
    """Position of the last event that touches each part, by key."""
    return {
        key: one.global_position
        for one in filter(sees(projection), events)
        for key in projection.keys(one)
    }

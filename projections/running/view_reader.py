"""Reads views as their projections' types, the older view while a raised version is rebuilt."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from projections.contract import ONE_PART, AnyProjection
from projections.running.rebuild import own_view, served_view
from projections.stores.part_codec import PartCodec
from projections.stores.view_store import ViewDamaged, ViewId, ViewStore

__all__ = ["ViewReader"]

R = TypeVar("R")


class ViewReader:
    """Reads from a view store, never writes; safe from any thread."""

    def __init__(self, views: ViewStore, projections: Mapping[str, AnyProjection]) -> None:
        self._views = views
        self._projections = projections
        self._codecs = {name: (found, PartCodec(found)) for name, found in projections.items()}

    def view(self, name: str, key: str = ONE_PART) -> Any | None:
        """One part of a view, or None.

        Raises:
            KeyError: no such projection.
            ViewDamaged: the stored part cannot be read.
        """

        def part_of(view: ViewId) -> object | None:
            data = self._views.load(view, key)
            return None if data is None else self._codec(name).decode(data)

        return self._served(name, part_of)

    def parts(
        self, name: str, prefix: str = "", *, after: str | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """All parts whose keys begin with `prefix`, in order of keys, as of one moment.

        With `after` only those behind that key, with `limit` no more than so many.

        Raises:
            KeyError: no such projection.
            ViewDamaged: a stored part cannot be read.
        """

        def parts_of(view: ViewId) -> dict[str, object]:
            stored = self._views.load_prefix(view, prefix, after=after, limit=limit)
            codec = self._codec(name)
            return {key: codec.decode(data) for key, data in stored.items()}

        return self._served(name, parts_of)

    def keys(self, name: str, prefix: str = "") -> Sequence[str]:
        """Keys of the parts that `parts` would give.

        Raises:
            KeyError: no such projection.
        """
        return self._served(name, lambda view: self._views.keys(view, prefix))

    def _codec(self, name: str) -> PartCodec[Any]:
        """Of the projection that has the name by now."""
        known, codec = self._codecs[name]
        found = self._projections[name]
        if known is not found:
            codec = PartCodec(found)
            self._codecs[name] = (found, codec)
        return codec

    def _served(self, name: str, read: Callable[[ViewId], R]) -> R:
        """From the older view if it is there and still readable, else from the own one."""
        projection = self._projections[name]
        served, own = served_view(self._views, projection), own_view(projection)
        if served != own:
            try:
                found = read(served)
            except ViewDamaged:
                return read(own)  # its type has changed with the version
            if found:
                return found
        return read(own)

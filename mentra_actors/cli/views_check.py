"""Views beside a store: no view may have seen more than the log has."""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from mentra_actors.errors import StoreError
from mentra_actors.runtime.views.store_places import views_directory
from mentra_actors.store.care import Finding
from mentra_actors.store.care.store_image import held_file
from mentra_actors.store.embedded.walk import FileWalk
from mentra_actors.store.store_directory import DATA_FILE
from projections.stores.view_store import DRAFT_VERSIONS

__all__ = ["ViewsLook", "look_at_views", "views_findings"]

_POSITION = struct.Struct(">Q")
_VERSION = struct.Struct(">I")
_SERVING = 0
"""The row of this version says which version of a view serves, and is no checkpoint."""
_AGAIN = "delete {path}: views are made again from the log"

ViewsLook = Mapping[str, int] | str
"""The last position that each view has seen; or why that is not known."""


def look_at_views(store: Path) -> ViewsLook:
    """How far the views of a store are; empty if it has none.

    To be asked before the log is read: views follow the log, and not the other way round.
    """
    path = views_directory(store)
    if not (path / DATA_FILE).is_file():
        return {}
    try:
        with held_file(path) as held:
            walk = FileWalk(held.file, held.meta)
            rows = list(walk.rows("checkpoints", walk.tables()["checkpoints"]))
    except (StoreError, KeyError) as error:
        return f"cannot be read: {error}"
    found = {}
    for key, value in rows:
        name, (version,) = key[: -_VERSION.size - 1], _VERSION.unpack(key[-_VERSION.size :])
        is_view = version != _SERVING and version < DRAFT_VERSIONS
        if is_view and len(value) >= _POSITION.size:
            label = f"{name.decode(errors='backslashreplace')} (version {version})"
            found[label] = int(_POSITION.unpack_from(value)[0])
    return found


def views_findings(store: Path, look: ViewsLook, last_position: int) -> Iterator[Finding]:
    """What is wrong with views that were looked at before the log was read."""
    cure = _AGAIN.format(path=views_directory(store))
    if isinstance(look, str):
        yield Finding(severity="warning", where="views", what=f"{look}; {cure}")
        return
    for name, checkpoint in look.items():
        if checkpoint > last_position:
            yield Finding(
                severity="damage",
                where="views",
                what=f"{name} has seen position {checkpoint} and the log ends at {last_position}: "
                f"its end is gone, or the views are of another store; in that case {cure}",
            )

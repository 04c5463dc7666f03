"""How a store itself says that it is sealed, so that nobody takes it for a plain one."""

from pathlib import Path
from typing import Protocol

import msgspec

from mentra_actors.store.ports import AppendRequest, EventStore, Fence
from mentra_actors.store.store_directory import (
    find_manifest,
    replace_manifest,
    require_manifest,
)

__all__ = ["FenceMark", "ManifestMark", "Mark"]

_FENCE = "sealing"
_ID_DIGITS = 15
"""Hex digits of a sealing id that fit into the epoch of a fence."""


class Mark(Protocol):
    """Which sealing a store has."""

    def is_set(self) -> bool:
        """True if it has one."""
        ...

    def is_of(self, sealing_id: str) -> bool:
        """True if it has this one."""
        ...

    def set(self, sealing_id: str) -> None:
        """Say durably that it has this one; the caller holds the lock of the store."""
        ...


class ManifestMark:
    """In the manifest of a store's directory. See `Mark`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def is_set(self) -> bool:
        """See `Mark.is_set`; false also where there is no store yet."""
        manifest = find_manifest(self._path)
        return manifest is not None and bool(manifest.sealing)

    def is_of(self, sealing_id: str) -> bool:
        """See `Mark.is_of`."""
        return require_manifest(self._path).sealing == sealing_id

    def set(self, sealing_id: str) -> None:
        """See `Mark.set`."""
        manifest = require_manifest(self._path)
        replace_manifest(self._path, msgspec.structs.replace(manifest, sealing=sealing_id))


class FenceMark:
    """In a store that is no directory: as a fence, which every adapter keeps. See `Mark`."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    def is_set(self) -> bool:
        """See `Mark.is_set`."""
        return self._store.fence_epoch(_FENCE) > 0

    def is_of(self, sealing_id: str) -> bool:
        """See `Mark.is_of`."""
        return self._store.fence_epoch(_FENCE) == _epoch(sealing_id)

    def set(self, sealing_id: str) -> None:
        """See `Mark.set`."""
        fence = Fence(_FENCE, _epoch(sealing_id))
        self._store.append(AppendRequest(fence=fence, raise_fence=True))


def _epoch(sealing_id: str) -> int:
    return int(sealing_id[:_ID_DIGITS], 16) + 1

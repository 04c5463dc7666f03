"""Views in LMDB: parts and checkpoints in one file, written in one transaction.

* parts: name, 0, version (4 bytes, big-endian), key -> crc32 of row key and part, part.
* checkpoints: name, 0, version -> position (8 bytes, big-endian); version 0 stands for the
  projection itself and has the version that serves.
"""

import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import lmdb

from mentra_actors.errors import StoreClosed
from projections.view_store import (
    ViewCommit,
    ViewDamaged,
    ViewId,
    check_checkpoint,
    check_commits,
)
from projections.views_env import DEFAULT_MAP_BYTES, ViewsEnv, open_views_env, release_views_env

if TYPE_CHECKING:
    from lmdb import _Database

__all__ = ["LmdbViews"]

_U32 = struct.Struct(">I")
_U64 = struct.Struct(">Q")
_SERVING = 0


class LmdbViews:
    """See `ViewStore`. Other threads and processes may have the same directory open."""

    def __init__(self, env: ViewsEnv) -> None:
        self._shared: ViewsEnv | None = env
        self._closing = threading.Lock()

    @classmethod
    def open(cls, path: str | Path, *, map_size: int = DEFAULT_MAP_BYTES) -> Self:
        """Views in the directory `path` (`<store>/views`), which is made if it is missing.

        Damaged views, and those of a newer release, are set aside with a warning in the log.

        Raises:
            StoreNotFound: the directory around it does not exist; nothing was created.
            StoreError: the directory cannot be used.
        """
        return cls(open_views_env(Path(path), map_size=map_size))

    def load(
        self, view: ViewId, key: str, *, expected_checkpoint: int | None = None
    ) -> bytes | None:
        """See `ViewStore.load`."""
        row = _prefix(view) + key.encode()
        env = self._env()
        with env.reading() as txn:
            actual = _checkpoint(txn, env, view)
            check_checkpoint(view, expected=expected_checkpoint, actual=actual)
            value = txn.get(row, db=env.parts)
        return None if value is None else _checked(row, value)

    def load_prefix(self, view: ViewId, prefix: str = "") -> dict[str, bytes]:
        """See `ViewStore.load_prefix`."""
        env, skip = self._env(), len(_prefix(view))
        with env.reading() as txn:
            rows = list(_rows(txn, env.parts, _prefix(view) + prefix.encode()))
        return {row[skip:].decode(): _checked(row, value) for row, value in rows}

    def keys(self, view: ViewId, prefix: str = "") -> Sequence[str]:
        """See `ViewStore.keys`."""
        env, skip = self._env(), len(_prefix(view))
        with env.reading() as txn:
            rows = _rows(txn, env.parts, _prefix(view) + prefix.encode(), values=False)
            return [row[skip:].decode() for row, _ in rows]

    def checkpoint(self, view: ViewId) -> int:
        """See `ViewStore.checkpoint`."""
        env = self._env()
        with env.reading() as txn:
            return _checkpoint(txn, env, view)

    def versions(self, name: str) -> Sequence[int]:
        """See `ViewStore.versions`."""
        env = self._env()
        with env.reading() as txn:
            return _versions(txn, env, name)

    def commit(self, commits: Sequence[ViewCommit]) -> None:
        """See `ViewStore.commit`."""
        check_commits(commits)
        self._write(lambda txn, env: _commit(txn, env, commits))

    def serving(self, name: str) -> int:
        """See `ViewStore.serving`."""
        return self.checkpoint(ViewId(name, _SERVING))

    def serve(self, view: ViewId) -> None:
        """See `ViewStore.serve`."""
        self._write(lambda txn, env: _serve(txn, env, view))

    def drop(self, view: ViewId) -> None:
        """See `ViewStore.drop`."""
        self._write(lambda txn, env: _drop(txn, env, view))

    def close(self) -> None:
        """See `ViewStore.close`."""
        with self._closing:
            shared, self._shared = self._shared, None
        if shared is not None:
            release_views_env(shared)

    def _env(self) -> ViewsEnv:
        shared = self._shared
        if shared is None:
            raise StoreClosed("the view store is closed")
        return shared

    def _write(self, body: "Callable[[lmdb.Transaction[bytes], ViewsEnv], None]") -> None:
        env = self._env()
        while True:
            try:
                with env.writing() as txn:
                    body(txn, env)
            except lmdb.MapFullError:
                env.grow()
            else:
                return


def _commit(txn: "lmdb.Transaction[bytes]", env: ViewsEnv, commits: Sequence[ViewCommit]) -> None:
    for commit in commits:
        actual = _checkpoint(txn, env, commit.view)
        check_checkpoint(commit.view, expected=commit.expected_checkpoint, actual=actual)
    for commit in commits:
        prefix = _prefix(commit.view)
        for key, part in sorted(commit.parts.items()):
            row = prefix + key.encode()
            txn.put(row, _U32.pack(_checksum(row, part)) + part, db=env.parts)
        txn.put(prefix, _U64.pack(commit.checkpoint), db=env.checkpoints)


def _serve(txn: "lmdb.Transaction[bytes]", env: ViewsEnv, view: ViewId) -> None:
    itself = ViewId(view.name, _SERVING)
    if view.version <= _checkpoint(txn, env, itself):
        return
    txn.put(_prefix(itself), _U64.pack(view.version), db=env.checkpoints)
    for version in _versions(txn, env, view.name):
        if version < view.version:
            _drop(txn, env, ViewId(view.name, version))


def _drop(txn: "lmdb.Transaction[bytes]", env: ViewsEnv, view: ViewId) -> None:
    prefix = _prefix(view)
    txn.delete(prefix, db=env.checkpoints)
    with txn.cursor(db=env.parts) as cursor:
        found = cursor.set_range(prefix)
        while found and cursor.key().startswith(prefix):
            found = cursor.delete()


def _versions(txn: "lmdb.Transaction[bytes]", env: ViewsEnv, name: str) -> list[int]:
    prefix = name.encode() + b"\0"
    rows = _rows(txn, env.checkpoints, prefix, values=False)
    versions = [int(_U32.unpack(row[len(prefix) :])[0]) for row, _ in rows]
    return [version for version in versions if version != _SERVING]


def _checkpoint(txn: "lmdb.Transaction[Any]", env: ViewsEnv, view: ViewId) -> int:
    value = txn.get(_prefix(view), db=env.checkpoints)
    return 0 if value is None else int(_U64.unpack(value)[0])


def _rows(
    txn: "lmdb.Transaction[bytes]", table: "_Database", prefix: bytes, *, values: bool = True
) -> Iterator[tuple[bytes, bytes]]:
    with txn.cursor(db=table) as cursor:
        found = cursor.set_range(prefix)
        while found and (row := cursor.key()).startswith(prefix):
            yield row, cursor.value() if values else b""
            found = cursor.next()


def _prefix(view: ViewId) -> bytes:
    return view.name.encode() + b"\0" + _U32.pack(view.version)


def _checked(row: bytes, value: bytes) -> bytes:
    part = value[_U32.size :]
    if len(value) < _U32.size or _U32.unpack_from(value)[0] != _checksum(row, part):
        raise ViewDamaged(f"a stored view part has changed on disk: {row!r}")
    return part


def _checksum(row: bytes, part: bytes) -> int:
    return zlib.crc32(part, zlib.crc32(row))

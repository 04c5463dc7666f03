"""Views in LMDB: parts and checkpoints in one file, written in one transaction.

* parts: name, 0, version (4 bytes, big-endian), key -> crc32 of row key and part, part. Where the
  log is encrypted the part is sealed; the row key stays as it is.
* checkpoints: name, 0, version -> position and fingerprint (8 bytes each, big-endian); version 0
  stands for the projection itself and has the version that serves as its position.
"""

import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import lmdb

from mentra_actors.errors import StoreClosed, StoreCorrupted
from projections.stores.part_seal import PartSeal
from projections.stores.view_store import (
    Checkpoint,
    ViewCommit,
    ViewDamaged,
    ViewId,
    check_checkpoint,
    check_commits,
    check_replacing,
)
from projections.stores.views_env import (
    DEFAULT_MAP_BYTES,
    ViewsEnv,
    open_views_env,
    release_views_env,
)

if TYPE_CHECKING:
    from lmdb import _Database

__all__ = ["LmdbViews"]

_U32 = struct.Struct(">I")
_CHECKPOINT = struct.Struct(">QQ")
_SERVING = 0


class LmdbViews:
    """See `ViewStore`. Other threads and processes may have the same directory open."""

    def __init__(self, env: ViewsEnv, seal: PartSeal | None = None) -> None:
        """Use `open`."""
        self._shared: ViewsEnv | None = env
        self._seal = seal
        self._closing = threading.Lock()

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        map_size: int = DEFAULT_MAP_BYTES,
        seal: PartSeal | None = None,
    ) -> Self:
        """Views in the directory `path` (`<store>/views`), which is made if it is missing.

        Damaged views, those of a newer release, and those that are not sealed as `seal` does it,
        are set aside with a warning in the log.

        Raises:
            StoreNotFound: the directory around it does not exist; nothing was created.
            StoreError: the directory cannot be used.
        """
        key_name = "" if seal is None else seal.key_name
        return cls(open_views_env(Path(path), map_size=map_size, key_name=key_name), seal)

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
        return None if value is None else self._opened(row, value)

    def load_prefix(
        self, view: ViewId, prefix: str = "", *, after: str | None = None, limit: int | None = None
    ) -> dict[str, bytes]:
        """See `ViewStore.load_prefix`."""
        env, own = self._env(), _prefix(view)
        start = None if after is None else own + after.encode() + b"\0"
        with env.reading() as txn:
            found = _rows(txn, env.parts, own + prefix.encode(), start=start)
            rows = list(islice(found, limit))
        return {row[len(own) :].decode(): self._opened(row, value) for row, value in rows}

    def keys(self, view: ViewId, prefix: str = "") -> Sequence[str]:
        """See `ViewStore.keys`."""
        env, skip = self._env(), len(_prefix(view))
        with env.reading() as txn:
            rows = _rows(txn, env.parts, _prefix(view) + prefix.encode(), values=False)
            return [row[skip:].decode() for row, _ in rows]

    def checkpoint(self, view: ViewId) -> int:
        """See `ViewStore.checkpoint`."""
        return self.marked_checkpoint(view).position

    def marked_checkpoint(self, view: ViewId) -> Checkpoint:
        """See `ViewStore.marked_checkpoint`."""
        env = self._env()
        with env.reading() as txn:
            return _marked(txn, env, view)

    def versions(self, name: str) -> Sequence[int]:
        """See `ViewStore.versions`."""
        env = self._env()
        with env.reading() as txn:
            return _versions(txn, env, name)

    def commit(self, commits: Sequence[ViewCommit]) -> None:
        """See `ViewStore.commit`."""
        check_commits(commits)
        rows = {commit.view: self._rows_of(commit) for commit in commits}
        self._write(lambda txn, env: _commit(txn, env, commits, rows))

    def serving(self, name: str) -> int:
        """See `ViewStore.serving`."""
        return self.checkpoint(ViewId(name, _SERVING))

    def serve(self, view: ViewId) -> None:
        """See `ViewStore.serve`."""
        self._write(lambda txn, env: _serve(txn, env, view))

    def drop(self, view: ViewId) -> None:
        """See `ViewStore.drop`."""
        self._write(lambda txn, env: _drop(txn, env, view))

    def replace(self, view: ViewId, by: ViewId) -> None:
        """See `ViewStore.replace`. The rows are written again: their place is a part of them."""
        self._write(lambda txn, env: self._replace(txn, env, view, by))

    def _replace(
        self, txn: "lmdb.Transaction[Any]", env: ViewsEnv, view: ViewId, by: ViewId
    ) -> None:
        mark = _marked(txn, env, by)
        if not mark.position:
            return
        check_replacing(view, own=_checkpoint(txn, env, view), other=mark.position)
        _drop(txn, env, view)
        skip = len(_prefix(by))
        for row, _ in list(_rows(txn, env.parts, _prefix(by), values=False)):
            moved, value = _prefix(view) + row[skip:], txn.get(row, b"", db=env.parts)
            txn.put(moved, self._stored(moved, self._opened(row, value)), db=env.parts)
        packed = _CHECKPOINT.pack(mark.position, mark.fingerprint)
        txn.put(_prefix(view), packed, db=env.checkpoints)
        _drop(txn, env, by)

    def close(self) -> None:
        """See `ViewStore.close`."""
        with self._closing:
            shared, self._shared = self._shared, None
        if shared is not None:
            release_views_env(shared)

    def _rows_of(self, commit: ViewCommit) -> Sequence[tuple[bytes, bytes]]:
        """Rows of the parts of a commit, sorted; sealed once, however often they are written."""
        prefix = _prefix(commit.view)
        rows = [(prefix + key.encode(), part) for key, part in sorted(commit.parts.items())]
        return [(row, self._stored(row, part)) for row, part in rows]

    def _stored(self, row: bytes, part: bytes) -> bytes:
        closed = part if self._seal is None else self._seal.closed(row, part)
        return _U32.pack(_checksum(row, closed)) + closed

    def _opened(self, row: bytes, value: bytes) -> bytes:
        part = _checked(row, value)
        if self._seal is None:
            return part
        try:
            return self._seal.opened(row, part)
        except StoreCorrupted as error:
            raise ViewDamaged(str(error)) from error

    def _env(self) -> ViewsEnv:
        shared = self._shared
        if shared is None:
            raise StoreClosed("the view store is closed")
        return shared

    def _write(self, body: "Callable[[lmdb.Transaction, ViewsEnv], None]") -> None:
        env = self._env()
        while True:
            try:
                with env.writing() as txn:
                    body(txn, env)
            except lmdb.MapFullError:
                env.grow()
            else:
                return


def _commit(
    txn: "lmdb.Transaction",
    env: ViewsEnv,
    commits: Sequence[ViewCommit],
    rows: Mapping[ViewId, Sequence[tuple[bytes, bytes]]],
) -> None:
    for commit in commits:
        actual = _checkpoint(txn, env, commit.view)
        check_checkpoint(commit.view, expected=commit.expected_checkpoint, actual=actual)
    for commit in commits:
        for row, value in rows[commit.view]:
            txn.put(row, value, db=env.parts)
        mark = _CHECKPOINT.pack(commit.checkpoint, commit.fingerprint)
        txn.put(_prefix(commit.view), mark, db=env.checkpoints)


def _serve(txn: "lmdb.Transaction", env: ViewsEnv, view: ViewId) -> None:
    itself = ViewId(view.name, _SERVING)
    if view.version <= _checkpoint(txn, env, itself):
        return
    txn.put(_prefix(itself), _CHECKPOINT.pack(view.version, 0), db=env.checkpoints)
    for version in _versions(txn, env, view.name):
        if version < view.version:
            _drop(txn, env, ViewId(view.name, version))


def _drop(txn: "lmdb.Transaction[Any]", env: ViewsEnv, view: ViewId) -> None:
    prefix = _prefix(view)
    txn.delete(prefix, db=env.checkpoints)
    with txn.cursor(db=env.parts) as cursor:
        found = cursor.set_range(prefix)
        while found and cursor.key().startswith(prefix):
            found = cursor.delete()


def _versions(txn: "lmdb.Transaction", env: ViewsEnv, name: str) -> list[int]:
    prefix = name.encode() + b"\0"
    rows = _rows(txn, env.checkpoints, prefix, values=False)
    versions = [int(_U32.unpack(row[len(prefix) :])[0]) for row, _ in rows]
    return [version for version in versions if version != _SERVING]


def _checkpoint(txn: "lmdb.Transaction", env: ViewsEnv, view: ViewId) -> int:
    return _marked(txn, env, view).position


def _marked(txn: "lmdb.Transaction", env: ViewsEnv, view: ViewId) -> Checkpoint:
    value = txn.get(_prefix(view), db=env.checkpoints)
    return Checkpoint() if value is None else Checkpoint(*_CHECKPOINT.unpack(value))


def _rows(
    txn: "lmdb.Transaction[Any]",
    table: "_Database",
    prefix: bytes,
    *,
    values: bool = True,
    start: bytes | None = None,
) -> Iterator[tuple[bytes, bytes]]:
    with txn.cursor(db=table) as cursor:
        found = cursor.set_range(prefix if start is None else max(prefix, start))
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

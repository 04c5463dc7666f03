"""Views in memory: gone with the process, for tests and short looks at a log."""

import threading
from collections.abc import Sequence

from mentra_actors.errors import StoreClosed
from projections.stores.view_store import (
    Checkpoint,
    ViewCommit,
    ViewId,
    check_checkpoint,
    check_commits,
    check_replacing,
)

__all__ = ["MemoryViews"]


class MemoryViews:
    """See `ViewStore`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parts: dict[ViewId, dict[str, bytes]] = {}
        self._checkpoints: dict[ViewId, Checkpoint] = {}
        self._serving: dict[str, int] = {}
        self._is_closed = False

    def load(
        self, view: ViewId, key: str, *, expected_checkpoint: int | None = None
    ) -> bytes | None:
        """See `ViewStore.load`."""
        with self._lock:
            part = self._open_parts(view).get(key)
            self._expect(view, expected_checkpoint)
            return part

    def load_prefix(
        self, view: ViewId, prefix: str = "", *, after: str | None = None, limit: int | None = None
    ) -> dict[str, bytes]:
        """See `ViewStore.load_prefix`."""
        with self._lock:
            parts = self._open_parts(view)
            keys = sorted((key for key in parts if key.startswith(prefix)), key=str.encode)
            if after is not None:
                keys = [key for key in keys if key.encode() > after.encode()]
            return {key: parts[key] for key in keys[:limit]}

    def keys(self, view: ViewId, prefix: str = "") -> Sequence[str]:
        """See `ViewStore.keys`."""
        return list(self.load_prefix(view, prefix))

    def checkpoint(self, view: ViewId) -> int:
        """See `ViewStore.checkpoint`."""
        return self.marked_checkpoint(view).position

    def marked_checkpoint(self, view: ViewId) -> Checkpoint:
        """See `ViewStore.marked_checkpoint`."""
        with self._lock:
            self._check_open()
            return self._checkpoints.get(view, Checkpoint())

    def versions(self, name: str) -> Sequence[int]:
        """See `ViewStore.versions`."""
        with self._lock:
            self._check_open()
            return sorted(view.version for view in self._checkpoints if view.name == name)

    def commit(self, commits: Sequence[ViewCommit]) -> None:
        """See `ViewStore.commit`."""
        check_commits(commits)
        with self._lock:
            self._check_open()
            for commit in commits:
                self._expect(commit.view, commit.expected_checkpoint)
            for commit in commits:
                self._parts.setdefault(commit.view, {}).update(commit.parts)
                self._checkpoints[commit.view] = Checkpoint(commit.checkpoint, commit.fingerprint)

    def serving(self, name: str) -> int:
        """See `ViewStore.serving`."""
        with self._lock:
            self._check_open()
            return self._serving.get(name, 0)

    def serve(self, view: ViewId) -> None:
        """See `ViewStore.serve`."""
        with self._lock:
            self._check_open()
            if view.version <= self._serving.get(view.name, 0):
                return
            self._serving[view.name] = view.version
            older = [v for v in self._checkpoints if v.name == view.name and v < view]
            for dropped in older:
                self._parts.pop(dropped, None)
                del self._checkpoints[dropped]

    def drop(self, view: ViewId) -> None:
        """See `ViewStore.drop`."""
        with self._lock:
            self._check_open()
            self._parts.pop(view, None)
            self._checkpoints.pop(view, None)

    def replace(self, view: ViewId, by: ViewId) -> None:
        """See `ViewStore.replace`."""
        with self._lock:
            self._check_open()
            mark = self._checkpoints.get(by)
            if mark is None:
                return
            own = self._checkpoints.get(view, Checkpoint())
            check_replacing(view, own=own.position, other=mark.position)
            self._parts[view] = self._parts.pop(by, {})
            self._checkpoints[view] = self._checkpoints.pop(by)

    def close(self) -> None:
        """See `ViewStore.close`."""
        with self._lock:
            self._is_closed = True

    def _expect(self, view: ViewId, expected: int | None) -> None:
        found = self._checkpoints.get(view, Checkpoint())
        check_checkpoint(view, expected=expected, actual=found.position)

    def _open_parts(self, view: ViewId) -> dict[str, bytes]:
        self._check_open()
        return self._parts.get(view, {})

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreClosed("the view store is closed")

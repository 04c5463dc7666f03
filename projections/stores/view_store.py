"""What the runner asks of a place that keeps views.

A view is named by its projection and version and holds parts and one checkpoint: the last global
position that is folded into them. Parts are bytes here. The rules that every adapter keeps:

* A commit writes parts and checkpoints in one transaction, all or nothing.
* It is refused if a checkpoint is not the one that the writer started from. So two processes may
  follow the same log: the slower one loses nothing but its work.
* A view exists while it has a checkpoint; to drop it removes its parts with it.
* Of the versions of one projection one serves readers, and it is never replaced by an older one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from mentra_actors.errors import MentraError
from mentra_actors.ids import is_valid_name
from projections.contract import MAX_KEY_BYTES

__all__ = [
    "DRAFT_VERSIONS",
    "Checkpoint",
    "CheckpointMoved",
    "ViewCommit",
    "ViewDamaged",
    "ViewId",
    "ViewStore",
    "check_checkpoint",
    "check_commits",
    "check_replacing",
]

_MAX_VERSION = 2**32 - 1
DRAFT_VERSIONS = 2**31
"""What is added to the version of a view for that of its draft; see `rebuilding`."""


class ViewId(msgspec.Struct, frozen=True, order=True):
    """The view of one version of a projection."""

    name: str
    version: int


class Checkpoint(msgspec.Struct, frozen=True):
    """The last position that a view has in it, and the fingerprint of the event there.

    Both are 0 for a view that does not exist.
    """

    position: int = 0
    fingerprint: int = 0


class ViewCommit(msgspec.Struct, frozen=True, kw_only=True):
    """Parts of one view as of `checkpoint`, made from what was there at `expected_checkpoint`.

    `fingerprint` is that of the event at `checkpoint`; a view without one is rebuilt by the next
    runner, which cannot know whether it belongs to this log.
    """

    view: ViewId
    parts: Mapping[str, bytes]
    checkpoint: int
    expected_checkpoint: int
    fingerprint: int = 0
    write: Callable[[Any], None] | None = None
    """Writes rows with a cursor, in the same transaction, where the views are in a database."""


class CheckpointMoved(MentraError):
    """Somebody else has carried the view on. Nothing was written; load it and fold again."""

    def __init__(self, view: ViewId, *, expected: int, actual: int) -> None:
        super().__init__(
            f"view {view.name!r} version {view.version}: expected checkpoint {expected}, "
            f"found {actual}"
        )
        self.view = view
        self.expected = expected
        self.actual = actual


class ViewDamaged(MentraError):
    """A stored part is not what was written. Drop the view: it comes back from the log."""


class ViewStore(Protocol):
    """Keeps views; safe from any thread."""

    def load(
        self, view: ViewId, key: str, *, expected_checkpoint: int | None = None
    ) -> bytes | None:
        """One part, or None; with `expected_checkpoint` it is the part as of that position.

        Raises:
            CheckpointMoved: the view has another checkpoint than the one expected.
            ViewDamaged: the stored bytes have changed.
        """
        ...

    def load_prefix(
        self, view: ViewId, prefix: str = "", *, after: str | None = None, limit: int | None = None
    ) -> dict[str, bytes]:
        """All parts whose keys begin with `prefix`, in order of keys, as of one moment.

        Keys are in the order of their UTF-8 bytes. With `after` only those behind that key, with
        `limit` no more than so many: a page.

        Raises:
            ViewDamaged: the stored bytes have changed.
        """
        ...

    def keys(self, view: ViewId, prefix: str = "") -> Sequence[str]:
        """Keys that begin with `prefix`, in order of their UTF-8 bytes."""
        ...

    def checkpoint(self, view: ViewId) -> int:
        """The last position that the view has in it; 0 for a view that does not exist."""
        ...

    def marked_checkpoint(self, view: ViewId) -> Checkpoint:
        """The checkpoint with the fingerprint that was committed with it."""
        ...

    def versions(self, name: str) -> Sequence[int]:
        """Versions of a projection that have a checkpoint, ascending."""
        ...

    def commit(self, commits: Sequence[ViewCommit]) -> None:
        """Write parts and checkpoints of several views in one transaction.

        Raises:
            CheckpointMoved: nothing was written.
            ValueError: a checkpoint does not grow, or a key or name cannot be stored.
            StoreError: the disk refused; nothing was written.
        """
        ...

    def serving(self, name: str) -> int:
        """The version of a projection that people read; 0 before the first one is ready."""
        ...

    def serve(self, view: ViewId) -> None:
        """Let people read this version from now on and drop all older ones, in one transaction.

        Where a newer version serves already, nothing happens.
        """
        ...

    def drop(self, view: ViewId) -> None:
        """Remove a view with all of its parts; one that does not exist is no error."""
        ...

    def replace(self, view: ViewId, by: ViewId) -> None:
        """Give a view the parts and the checkpoint of another, which ends, in one transaction.

        If there is no other, nothing happens.

        Raises:
            CheckpointMoved: the view has a higher checkpoint than the other; nothing was written.
        """
        ...

    def close(self) -> None:
        """Release everything. Calling it twice is allowed."""
        ...


def check_commits(commits: Sequence[ViewCommit], *, with_rows: bool = False) -> None:
    """Refuse what no adapter can keep, and rows where there are no tables for them.

    Raises:
        ValueError: a checkpoint does not grow, or a key or name cannot be stored.
    """
    if len({commit.view for commit in commits}) != len(commits):
        raise ValueError("a view is named twice in one commit")
    for commit in commits:
        view = commit.view
        if commit.write is not None and not with_rows:
            raise ValueError(f"view {view.name!r} writes rows: it is kept in a database only")
        if not is_valid_name(view.name) or not 1 <= view.version <= _MAX_VERSION:
            raise ValueError(f"{view.name!r} version {view.version!r} cannot name a view")
        if not 0 <= commit.expected_checkpoint < commit.checkpoint:
            raise ValueError(
                f"view {view.name!r}: the checkpoint must grow, "
                f"not go from {commit.expected_checkpoint} to {commit.checkpoint}"
            )
        for key in commit.parts:
            if len(key.encode()) > MAX_KEY_BYTES:
                raise ValueError(f"view {view.name!r}: key {key[:40]!r}… is too long")


def check_checkpoint(view: ViewId, *, expected: int | None, actual: int) -> None:
    """Compare checkpoints; None expects nothing.

    Raises:
        CheckpointMoved: they differ.
    """
    if expected is not None and expected != actual:
        raise CheckpointMoved(view, expected=expected, actual=actual)


def check_replacing(view: ViewId, *, own: int, other: int) -> None:
    """See that a view that is put in the place of another is not behind it.

    Raises:
        CheckpointMoved: it is.
    """
    if own > other:
        raise CheckpointMoved(view, expected=other, actual=own)

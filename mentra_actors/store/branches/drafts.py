"""Directories of branches that are being made, or removed, and what the dead have left of them.

Whoever works on one holds a lock on the directory itself, which the kernel lets go when its
process ends. So a draft that nobody holds is nobody's, and whoever looks at the branches removes
it.
"""

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["DRAFT", "held", "held_draft", "remove_dead_drafts"]

DRAFT = ".new-"
"""How the names of such directories begin."""
_DAY_S = 86_400.0
_NO_LOCKS = (errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOTSUP)


@contextmanager
def held_draft(directory: Path, name: str) -> Iterator[Path]:
    """A new directory beside the branches, which is removed at the end if it is there still.

    Raises:
        OSError: it cannot be made.
    """
    while True:
        draft = directory / f"{DRAFT}{name}-{secrets.token_hex(4)}"
        draft.mkdir()
        with held(draft) as is_held:
            if not (is_held and draft.is_dir()):
                continue  # somebody took it for a dead one's before it was locked
            try:
                yield draft
            finally:
                shutil.rmtree(draft, ignore_errors=True)
            return


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Hold a directory, under whatever name, for the length of a block; False if another does.

    On file systems that know no locks everybody holds it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        yield False
        return
    try:
        yield _is_locked(descriptor)
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True


def remove_dead_drafts(directory: Path) -> int:
    """Remove what processes that are dead have left half made or half removed; how many.

    Where that is not allowed they stay.
    """
    removed = 0
    with contextlib.suppress(OSError):
        for one in sorted(directory.glob(f"{DRAFT}*")):
            with contextlib.suppress(OSError), held(one) as is_held:
                if is_held and _is_over(one):
                    shutil.rmtree(one)
                    removed += 1
    return removed


def _is_over(draft: Path) -> bool:
    """Whether one that we hold was left by the dead: where locks are nothing, a day says so."""
    with held(draft) as is_held_twice:
        return not is_held_twice or draft.stat().st_mtime < time.time() - _DAY_S

"""Tells the views beside a log that its past reads otherwise than they have seen it.

A mark in their directory says so. Whoever opens them next sets them aside and makes them again,
so a view that was folded before streams were archived, or came back, is of no use to anybody.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["OUTDATED_MARK", "VIEWS_DIRECTORY", "outdated_views", "views_lock_file", "views_turn"]

VIEWS_DIRECTORY = "views"
OUTDATED_MARK = "OUTDATED"
"""A file in a directory of views: the log has been edited since they were made."""


def views_lock_file(views: Path) -> Path:
    """The file by which processes take turns at opening a directory of views."""
    return views.with_name(f"{views.name}.lock")


@contextlib.contextmanager
def views_turn(views: Path) -> Iterator[None]:
    """A turn at a directory of views: until the end of the block nobody else opens them.

    Raises:
        OSError: the directory around them does not exist, or cannot be written.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    descriptor = os.open(views_lock_file(views), flags, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def outdated_views(store: Path) -> Iterator[None]:
    """Edit the past of a log in the block: its views, and those of its branches, are outdated.

    They are marked first, and nobody opens them until the log is another one. A mark that was
    made for nothing costs that they are made again.

    Raises:
        OSError: they cannot be marked; the block was not begun.
    """
    with contextlib.ExitStack() as turns:
        found = (store / VIEWS_DIRECTORY, *sorted(store.glob(f"branches/*/{VIEWS_DIRECTORY}")))
        for views in filter(Path.is_dir, found):
            turns.enter_context(views_turn(views))
            if views.is_dir():
                (views / OUTDATED_MARK).touch()
        yield

"""Where a store lies on the disk, what of it are views, and how much it takes."""

import os
from pathlib import Path

from mentra_actors.store.opening import MEMORY
from mentra_actors.store.outdated_views import VIEWS_DIRECTORY
from mentra_actors.store.sql.opening import is_sql_url

__all__ = ["bytes_of_store", "views_directory"]


def views_directory(store: str | Path) -> Path:
    """Where the views of a store lie."""
    return Path(store) / VIEWS_DIRECTORY


def bytes_of_store(path: str | Path) -> int | None:
    """What the directory of a store takes on the disk; None if it is none."""
    if str(path) == MEMORY or is_sql_url(path) or not Path(path).is_dir():
        return None
    total = 0
    for directory, _, names in os.walk(path):
        for name in names:
            try:
                total += (Path(directory) / name).stat().st_blocks * 512
            except FileNotFoundError:
                continue  # it was removed meanwhile
    return total

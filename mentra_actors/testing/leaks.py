"""What a test has left behind: threads, child processes, open stores. Imports next to nothing."""

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from mentra_actors.tools.executors.keeper import all_below

__all__ = ["LeakCheck"]

GRACE_S = 1.0
_OURS = ("mentra-", "store ", "dispatcher", "listener of ", "views ")
"""How threads of this package are named that end with what has started them."""
_STAYS = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
"""Children that Python keeps until its own end."""


class LeakCheck:
    """Remembers what there is now; `found` says what has been added since and is still there.

        before = LeakCheck()
        ...
        assert before.found() == []

    Daemon threads of other libraries are theirs; those of this package count. Children are seen
    on Linux; elsewhere only those of `multiprocessing`.
    """

    def __init__(self) -> None:
        self._threads = set(threading.enumerate())
        self._children = dict(_children())
        self._stores = set(_open_stores())

    def found(self, *, grace_s: float = GRACE_S) -> list[str]:
        """What is left, in words, after `grace_s` seconds at most for what is just ending."""
        until = time.monotonic() + grace_s
        while True:
            left = self._left()
            if not left or time.monotonic() >= until:
                return left
            time.sleep(0.01)

    def _left(self) -> list[str]:
        threads = [
            f"thread {one.name!r} runs"
            for one in threading.enumerate()
            if one not in self._threads and (not one.daemon or one.name.startswith(_OURS))
        ]
        children = [
            f"process {pid} runs: {command}"
            for pid, command in _children()
            if pid not in self._children
        ]
        stores = [f"the store at {path} is open" for path in set(_open_stores()) - self._stores]
        return [*threads, *children, *sorted(stores)]


def _open_stores() -> list[str]:
    """Paths of open stores on disk; nothing is open in a module that nobody has imported."""
    module = sys.modules.get("mentra_actors.store.embedded.environments")
    return [] if module is None else [str(path) for path in module.open_paths()]


def _children() -> Iterator[tuple[int, str]]:
    """Process id and command of each child, and of theirs, that has not ended."""
    if not Path("/proc/self/stat").exists():
        yield from ((child.pid or 0, child.name) for child in multiprocessing.active_children())
        return
    for pid in all_below(os.getpid()):
        name, _, rest = _text(Path(f"/proc/{pid}/stat")).rpartition(")")
        command = _text(Path(f"/proc/{pid}/cmdline")).replace("\0", " ").strip()
        is_zombie = rest.split()[:1] in ([], ["Z"])
        if not is_zombie and not any(word in command for word in _STAYS):
            yield pid, command or name.partition("(")[2]


def _text(path: Path) -> str:
    """The content of a file; "" if it has just gone."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""

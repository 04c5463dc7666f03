"""What no file tool opens, wherever the roots are: file systems of the kernel, and our stores.

The files of the runtime itself are known by their paths, and by what they are: a hard link has
another name. Stores of others are known by files in them.
"""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mentra_actors.domain.own_directories import OWN_MARK

__all__ = ["OwnFiles", "closed_devices", "identities_of", "is_mark", "is_marked"]

_STORE_MARKS = ("STORE.json", "data.mdb")
"""A directory that has both is a store."""
_MARKS = frozenset(name.casefold() for name in (*_STORE_MARKS, OWN_MARK))

_KERNEL_TYPES = frozenset(
    (
        *("proc", "sysfs", "devtmpfs", "devpts", "debugfs", "tracefs", "securityfs", "configfs"),
        *("cgroup", "cgroup2", "mqueue", "bpf", "binfmt_misc", "pstore", "efivarfs", "fusectl"),
        *("rpc_pipefs", "nsfs"),
    )
)
_KERNEL_PLACES = ("/proc", "/sys", "/dev")


def closed_devices() -> frozenset[int]:
    """Device numbers (`st_dev`) of the file systems that are no files of anybody."""
    found: set[int] = set()
    ordinary = os.stat("/").st_dev
    for place in _KERNEL_PLACES:
        with suppress(OSError):
            found.add(os.stat(place).st_dev)
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/self/mountinfo").read_text(errors="replace").splitlines():
            mounted, _, kind = line.partition(" - ")
            if kind.split(" ", 1)[0] in _KERNEL_TYPES:
                major, _, minor = mounted.split(" ")[2].partition(":")
                found.add(os.makedev(int(major), int(minor)))
    return frozenset(found - {ordinary})


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """Files and directories of a runtime: their real paths, and which ones they are."""

    paths: tuple[str, ...] = ()
    identities: frozenset[tuple[int, int]] = frozenset()

    @classmethod
    def at(cls, paths: tuple[str, ...]) -> "OwnFiles":
        """What has these paths now."""
        return cls(paths, identities_of(paths))

    def hold(self, status: os.stat_result) -> bool:
        """Whether this is the status of one of them."""
        return (status.st_dev, status.st_ino) in self.identities


def identities_of(paths: Iterable[str]) -> frozenset[tuple[int, int]]:
    """Device and number of what has these paths; links are not followed."""
    found: set[tuple[int, int]] = set()
    for path in paths:
        with suppress(OSError):
            status = os.stat(path, follow_symlinks=False)
            found.add((status.st_dev, status.st_ino))
    return frozenset(found)


def is_mark(name: str) -> bool:
    """Whether a file of this name could make a directory look like one of ours."""
    return name.casefold() in _MARKS


def is_marked(directory: int) -> bool:
    """Whether the directory with this descriptor is a store, or another one of ours."""
    return _has_file(directory, OWN_MARK) or all(
        _has_file(directory, name) for name in _STORE_MARKS
    )


def _has_file(directory: int, name: str) -> bool:
    with suppress(FileNotFoundError):
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        return stat.S_ISREG(status.st_mode)
    return False

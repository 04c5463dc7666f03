"""What no file tool opens, wherever the roots are: file systems of the kernel, and our stores."""

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["STORE_MARK", "closed_devices"]

STORE_MARK = "STORE.json"
"""The file by which a directory is known to be a store."""

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

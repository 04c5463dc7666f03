"""Directories of a policy as they were when they were first used: what replaces one is refused.

Commands may write where roots lie, so the name of a root says nothing: `ln -s / build` would make
all files those of a build. Each root is resolved once and known again by its real path and by what
it is (device and inode). One that is missing becomes usable when it is a real directory at its
real path. A root that is reached through a link is taken only if no tool could have made the link:
so this holds after a restart too.
"""

import errno
import os
import stat
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

from mentra_actors.tools.policy import RuntimePolicy
from mentra_actors.tools.tool_errors import PolicyDenied

__all__ = ["Identity", "PinnedRoots", "Roots", "identity_of"]

Identity: TypeAlias = tuple[int, int]
"""Device and inode."""

_MOST_LINKS = 40
_ACTION = "policy_roots"


class Roots(NamedTuple):
    """Real paths of what a policy opens to an agent now, each once.

    `denied_ids` are what the denied ones are and were. Of the others `missing` are not there.
    """

    readable: tuple[Path, ...]
    writable: tuple[Path, ...]
    working: tuple[Path, ...]
    denied: tuple[Path, ...]
    denied_ids: frozenset[Identity]
    missing: frozenset[Path]


class _Resolved(NamedTuple):
    """A path without links, and where the links were."""

    real: str
    links: tuple[str, ...]


@dataclass(slots=True)
class _Pin:
    """What a path led to at first, and all that has been there."""

    real: str
    first: Identity | None
    seen: set[Identity] = field(default_factory=set)


class PinnedRoots:
    """The roots and base directories of the agents of one runtime. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pins: dict[str, _Pin] = {}
        self._base_dirs: dict[str, Path] = {}
        self._written: set[str] = set()
        """Real paths below which some agent may write, but for the root of all files."""

    def base_dir_of(self, policy: RuntimePolicy, own: str) -> Path:
        """The real path of a base directory, the same at every call.

        One that is not to be trusted is given as it is named: `roots` refuses it. Pins its roots.
        """
        found = self._base_dirs.get(own)
        if found is not None:
            return found
        named = policy.directory_of(own)
        with suppress(PolicyDenied), self._lock:
            self._know_written(policy, named)
            named = Path(self._checked(named))
            self._base_dirs[own] = named
        with suppress(PolicyDenied):
            self.roots(policy, named)
        return named

    def roots(self, policy: RuntimePolicy, base_dir: Path) -> Roots:
        """What a policy opens to an agent with this base directory.

        Raises:
            PolicyDenied: a root or the base directory is not what it was, or is reached through a
                link that tools could have made.
        """
        with self._lock:
            self._know_written(policy, base_dir)
            self._checked(base_dir)
            denied = self._denied(policy.denied(base_dir))
            readable = self._all(policy.readable(base_dir))
            writable = self._all(policy.writable(base_dir))
            working = self._all(policy.working(base_dir))
            ids = (self._pins[str(one)].seen for one in policy.denied(base_dir))
            used = {*readable, *writable, *working}
            return Roots(
                readable=readable,
                writable=writable,
                working=working,
                denied=denied,
                denied_ids=frozenset().union(*ids),
                missing=frozenset(one for one in used if identity_of(str(one)) is None),
            )

    def held(self) -> tuple[Path, ...]:
        """All directories of all agents that are there: no command may move them.

        Looks at each of them, so it is for commands, and not for each look at a file.
        """
        with self._lock:
            return tuple(
                Path(real)
                for real, first in {(pin.real, pin.first) for pin in self._pins.values()}
                if first is not None
                and _resolved(real).real == real
                and identity_of(real) == first
            )

    def _know_written(self, policy: RuntimePolicy, base_dir: Path) -> None:
        """Take note of where agents may write. A root that is missing there is made."""
        for named in policy.writable(base_dir):
            real = self._checked(named, make=named != base_dir)
            if real != "/":
                self._written.add(real)

    def _all(self, named: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(dict.fromkeys(Path(self._checked(one)) for one in named))

    def _denied(self, named: tuple[Path, ...]) -> tuple[Path, ...]:
        """Denied is what is at the path now, and what has been there."""
        return tuple(dict.fromkeys(Path(self._checked(one, may_be_other=True)) for one in named))

    def _checked(self, path: Path, *, make: bool = False, may_be_other: bool = False) -> str:
        """The real path of a path that leads where it led at first.

        Raises:
            PolicyDenied: it leads elsewhere, or may.
        """
        named = str(path)
        resolved = self._trusted(named)
        pin = self._pins.get(named)
        identity = identity_of(resolved.real)
        if pin is None:
            if make and identity is None:
                identity = _made(resolved.real)
            pin = self._pins[named] = _Pin(resolved.real, identity)
        if pin.first is None:
            pin.first = identity
        is_same = identity == pin.first or may_be_other
        if resolved.real != pin.real or not is_same:
            raise _refused(named, "is not the one any more that it was at first")
        if identity is not None:
            pin.seen.add(identity)
        return pin.real

    def _trusted(self, named: str) -> _Resolved:
        try:
            resolved = _resolved(named)
        except (OSError, ValueError) as error:
            raise _refused(named, f"cannot be resolved ({error})") from error
        for link in resolved.links:
            if any(_is_below(link, root) for root in self._written):
                raise _refused(
                    named, f"is reached through the link '{link}', which tools could have made"
                )
        return resolved


def identity_of(path: str) -> Identity | None:
    """What is at a path, links not followed; None if nothing is, or nobody can say."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _made(real: str) -> Identity | None:
    """A directory that was missing, if it can be made where its parent is."""
    with suppress(OSError):
        os.mkdir(real)
    return identity_of(real)


def _resolved(path: str) -> _Resolved:
    """The real path; what is missing has no links.

    Raises:
        OSError: there are too many links.
    """
    real, links = "/", list[str]()
    left = path.split("/")[::-1]
    while left:
        name = left.pop()
        if name in ("", "."):
            continue
        if name == "..":
            real = os.path.dirname(real)
            continue
        place = os.path.join(real, name)
        target = _target_of(place)
        if target is None:
            real = place
            continue
        links.append(place)
        if len(links) > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        real = "/" if target.startswith("/") else real
        left += target.split("/")[::-1]
    return _Resolved(real, tuple(links))


def _target_of(path: str) -> str | None:
    """Where a link leads; None for everything else, and for what is not there."""
    try:
        return os.readlink(path) if stat.S_ISLNK(os.lstat(path).st_mode) else None
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None


def _is_below(path: str, root: str) -> bool:
    return path.startswith(f"{root}/")


def _refused(named: str, why: str) -> PolicyDenied:
    told = (
        f"'{named}', a directory of the runtime policy, {why}. Nothing was done; "
        "whoever runs this program has to look at it, and to open the runtime again"
    )
    return PolicyDenied(told, action=_ACTION)

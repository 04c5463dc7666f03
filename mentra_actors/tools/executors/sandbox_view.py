"""What a sandboxed command sees of the file system, as arguments for bubblewrap."""

import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from mentra_actors.tools.executors.port import CommandRequest
from mentra_actors.tools.tool_errors import ToolError

__all__ = ["SECRET_PLACES", "is_shown", "make_protected", "sandbox_view"]

SECRET_PLACES = (
    ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".netrc", ".npmrc", ".pypirc",
    ".git-credentials", ".password-store", ".vault-token", ".pgpass", ".my.cnf", ".bash_history",
    ".zsh_history", ".python_history", ".mozilla", ".config/gcloud", ".config/gh",
    ".config/google-chrome", ".config/chromium", ".config/op", ".local/share/keyrings",
    ".local/share/mentra",
)  # fmt: skip
"""Below the home directory; never shown, whatever a policy opens."""

_PROGRAMS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SETTINGS = (
    "alternatives", "bash.bashrc", "ca-certificates", "ca-certificates.conf", "group", "hosts",
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types", "nsswitch.conf",
    "passwd", "pki", "profile", "protocols", "services", "ssl", "terminfo", "timezone",
)  # fmt: skip
"""What programs need of /etc to start, to find names and to check certificates."""

_ROOT = Path("/")
_TMP = Path("/tmp")
_OF_KERNEL = (Path("/proc"), Path("/dev"))
_SWITCHES = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs")
"""Files of the kernel that root could write without any privilege but its name."""


class _Mount(NamedTuple):
    """Sorted so that what is inside comes after what it is in, and what hides comes last."""

    depth: int
    rank: int
    arguments: tuple[str, ...]


def sandbox_view(
    request: CommandRequest, hidden: Iterable[str | os.PathLike[str]], *, tmp_bytes: int
) -> list[str]:
    """The mounts for a request: programs, and the directories that it names."""
    readable, writable = _paths(request.readable), _paths(request.writable)
    protected = _paths(request.protected)
    shown = (*readable, *writable)
    is_all = _ROOT in shown
    mounts = [] if is_all else [*_system(network=request.network)]
    mounts += [_mount(path, 0, "--ro-bind-try", path) for path in readable]
    mounts += [
        _mount(path, 1, "--ro-bind-try" if is_shown(path, protected) else "--bind-try", path)
        for path in writable
    ]
    mounts += [_mount(path, 2, "--ro-bind-try", path) for path in protected]
    if not any(_TMP.is_relative_to(root) for root in shown):
        own_tmp = ("--size", str(tmp_bytes), "--tmpfs", str(_TMP))
        mounts.append(_Mount(_depth(_TMP), 0, own_tmp))
    mounts += [_Mount(1, 3, (f"--{place.name}", str(place))) for place in _OF_KERNEL]
    mounts += [_Mount(2, 4, ("--ro-bind-try", name, name)) for name in _SWITCHES]
    covered = [one for one in _paths((*request.hidden, *hidden)) if is_shown(one, shown)]
    mounts += [mount for path in covered for mount in _covered(path)]
    kept = {*readable, *protected, *covered} - ({*writable} - {*protected})
    fixed = {*covered, *protected, *_paths(request.held), *shown}
    mounts += [
        _mount(path, 1, "--bind-try", path) for path in _unmovable(fixed, writable, kept=kept)
    ]
    arguments = [one for mount in sorted(set(mounts)) for one in mount.arguments]
    return arguments if is_all else [*arguments, "--remount-ro", "/"]


def make_protected(request: CommandRequest) -> None:
    """Make protected directories that are missing where the command may write.

    What is not there cannot be mounted over, and the command could make it.

    Raises:
        ToolError: one cannot be made.
    """
    writable = _paths(request.writable)
    for path in _paths(request.protected):
        if is_shown(path, writable):
            try:
                if not path.exists():
                    path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ToolError(f"The sandbox cannot protect '{path}': {error}") from error


def is_shown(path: Path, shown: Sequence[Path]) -> bool:
    """Whether a path is below one of these."""
    return any(path.is_relative_to(root) for root in shown)


def _unmovable(
    fixed: Collection[Path], writable: Collection[Path], *, kept: Collection[Path]
) -> set[Path]:
    """What must be a mount of its own, as `fixed` paths and all that they lie in must stay.

    A mount point can neither be renamed nor removed, and what it lies in could be: then another
    command would find the same files under a name that nothing covers. Below what is `kept`, where
    nothing may be written, nothing can be renamed either.
    """
    inside = {one for path in fixed for one in (path, *path.parents)}
    return {
        path
        for path in inside - {*writable, *kept}
        if _innermost(path, writable) > _innermost(path, kept) and path.is_dir()
    }


def _innermost(path: Path, roots: Collection[Path]) -> int:
    """The depth of the innermost root that holds a path; -1 if none does."""
    return max((_depth(root) for root in roots if path.is_relative_to(root)), default=-1)


def _system(*, network: bool) -> Iterable[_Mount]:
    yield _mount(Path("/usr"), 0, "--ro-bind", Path("/usr"))
    for name in _PROGRAMS:
        place = Path(name)
        if place.is_symlink():
            yield _Mount(1, 0, ("--symlink", os.readlink(place), name))
        elif place.is_dir():
            yield _mount(place, 0, "--ro-bind", place)
    names = (*_SETTINGS, "resolv.conf") if network else _SETTINGS
    for name in names:
        place = Path("/etc", name)
        yield _mount(place, 0, "--ro-bind-try", Path(os.path.realpath(place)))


def _covered(path: Path) -> list[_Mount]:
    """An empty directory over a directory, nothing over a file; none if nothing is there."""
    if path.is_dir():
        over: tuple[str, ...] = ("--tmpfs", str(path), "--remount-ro", str(path))
    elif path.exists():
        over = ("--ro-bind", os.devnull, str(path))
    else:
        return []
    return [_Mount(_depth(path), 4, over)]


def _mount(path: Path, rank: int, how: str, source: Path) -> _Mount:
    return _Mount(_depth(path), rank, (how, str(source), str(path)))


def _depth(path: Path) -> int:
    return len(path.parts) - 1


def _paths(named: Iterable[str | os.PathLike[str]]) -> tuple[Path, ...]:
    """Real paths, but for those of the kernel: a sandbox has its own of these."""
    real = (Path(os.path.realpath(one)) for one in named)
    return tuple(one for one in real if not is_shown(one, _OF_KERNEL))

"""How far the files of a command are from the workspace."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from posixpath import isabs, join, normpath
from typing import Literal, TypeAlias, get_args

from mentra_actors.tools.shell_review.name_lists import names_of
from mentra_actors.tools.shell_review.verdict import ReviewVerdict
from mentra_actors.tools.shell_review.words import Word

__all__ = ["DESTROY", "DESTROY_ALL", "WRITE", "WRITE_ALL", "Place", "Scene", "Where"]

Place: TypeAlias = Literal[
    "nowhere",
    "inside",
    "temporary",
    "workspace",
    "not known",
    "outside the workspace",
    "below the home directory",
    "a system path",
    "the root of a tree",
    "a device",
]
"""From the nearest to the farthest."""

_ORDER: tuple[Place, ...] = get_args(Place)

WRITE: dict[Place, ReviewVerdict] = {
    "outside the workspace": "warn",
    "below the home directory": "warn",
    "a system path": "warn",
    "the root of a tree": "warn",
    "a device": "block",
}
"""What writing there means; where nothing is said it may be done."""

DESTROY: dict[Place, ReviewVerdict] = {
    "not known": "warn",
    "outside the workspace": "warn",
    "below the home directory": "warn",
    "a system path": "block",
    "the root of a tree": "block",
    "a device": "block",
}
"""What destroying single files there means."""

WRITE_ALL: dict[Place, ReviewVerdict] = {
    "workspace": "warn",
    "not known": "warn",
    "outside the workspace": "warn",
    "below the home directory": "warn",
    "a system path": "block",
    "the root of a tree": "block",
    "a device": "block",
}
"""What changing all below it means."""

DESTROY_ALL: dict[Place, ReviewVerdict] = {
    "nowhere": "warn",
    "inside": "warn",
    "temporary": "warn",
    "workspace": "warn",
    "not known": "warn",
    "outside the workspace": "block",
    "below the home directory": "block",
    "a system path": "block",
    "the root of a tree": "block",
    "a device": "block",
}
"""What destroying all below it, or destroying for good, means."""

_SYSTEM = names_of(
    """
    /etc /usr /var /boot /sys /proc /dev /bin /sbin /lib /lib32 /lib64 /libx32 /opt /root
    /run /srv /snap /nix /System /Library /Applications /private/etc /private/var
    """
)
_TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm", "/private/tmp")
_NO_FILES = re.compile(r"/dev/(?:null|stdin|stdout|stderr|tty|zero|u?random|full|fd/[0-9]+)")
_HOME = re.compile(r"(?:~[\w.+-]*|\$HOME|\$\{HOME\})(?=/|$)", re.ASCII)
_HERE = re.compile(r"(?:\$PWD|\$\{PWD\})(?=/|$)")
_UNKNOWN = re.compile(r"[$`]")
_PATTERN = re.compile(r"[*?\[{]")
_TOP = 2


@dataclass(slots=True)
class Scene:
    """Where a command runs. `here` are the directories that it may be in by now.

    They are absolute, or begin with `~`; one that nobody knows is None.
    """

    workspace: str
    here: list[str | None] = field(default_factory=list)

    @classmethod
    def of(cls, workspace: str, base_dir: str) -> "Scene":
        """Of a workspace and a base directory, which may be relative to it."""
        root = _folded(join("/workspace", workspace.replace("\0", "")))
        return cls(root, [_folded(join(root, base_dir.replace("\0", "")))])

    def enter(self, word: Word | None) -> None:
        """From now on the command may be there too."""
        known: list[str | None] = [None]
        if word is None or _HOME.match(word.shown):
            known = [word.shown if word else "~"]
        elif word.is_exact and word.shown != "-":
            known = [_entered(one, word.shown) for one in self.here if one is not None]
        self.here.extend(one for one in dict.fromkeys(known) if one not in self.here)
        if len(self.here) > _MOST_DIRECTORIES:
            far = sorted(self.here, key=lambda one: _ORDER.index(self._below(one, ".")))
            self.here = [None, *far[1 - _MOST_DIRECTORIES :]]

    def where(self, words: Sequence[Word]) -> "Where":
        """The farthest place of some words."""
        places = [Where(self.place(word.shown), word.shown) for word in words]
        return max(places, key=lambda one: _ORDER.index(one.place), default=_NOWHERE)

    def place(self, shown: str) -> Place:
        """Where one path leads to."""
        path = _HERE.sub(".", shown, count=1) if _HERE.match(shown) else shown
        if match := _HOME.match(path):
            rest = normpath(path[match.end() :].strip("/") or ".")
            is_top = rest == "." or rest.startswith("..") or _PATTERN.match(rest)
            return "the root of a tree" if is_top else "below the home directory"
        if _UNKNOWN.match(path):
            return "not known"
        if path.startswith("/dev/") and _PATTERN.search(path):
            return "a device"
        path = _known_part(path)
        if isabs(path):
            return self._absolute(_folded(path))
        places = [self._below(one, path) for one in self.here]
        return _ORDER[max(map(_ORDER.index, places))]

    def _below(self, directory: str | None, path: str) -> Place:
        if directory is None:
            return "not known"
        if _HOME.match(directory):
            return self.place(join(directory, path))
        return self._absolute(_folded(join(directory, path)))

    def leaves(self, shown: str) -> bool:
        """Whether a path goes up by `..`, and out of the workspace."""
        return ".." in shown.split("/") and self.place(shown) in _AWAY

    def _absolute(self, path: str) -> Place:
        if _NO_FILES.fullmatch(path):
            return "nowhere"
        if any(_is_below(path, one) for one in _TEMPORARY) and not self._owns(path):
            return "temporary"
        if _is_below(path, "/dev"):
            return "a device"
        system = [one for one in _SYSTEM if path == one or _is_below(path, one)]
        if any(not (self.workspace == one or _is_below(self.workspace, one)) for one in system):
            return "a system path" if path not in _SYSTEM else "the root of a tree"
        if path == self.workspace and path != "/":
            return "workspace"
        if path == "/" or path.count("/") < _TOP or _is_below(self.workspace, path):
            return "the root of a tree"
        if self._owns(path):
            return "inside"
        if system:
            return "a system path"
        return "outside the workspace"

    def _owns(self, path: str) -> bool:
        return path == self.workspace or _is_below(path, self.workspace)


@dataclass(frozen=True, slots=True)
class Where:
    """The place of a path."""

    place: Place
    shown: str


_NOWHERE = Where("nowhere", "")
_MOST_DIRECTORIES = 8
_AWAY = frozenset(_ORDER[_ORDER.index("outside the workspace") :])


def _known_part(path: str) -> str:
    """A path up to its first pattern; what a variable stands for is some name."""
    known: list[str] = []
    for name in path.split("/"):
        if _PATTERN.search(name):
            break
        known.append("some" if _UNKNOWN.search(name) else name)
    return "/".join(known) or ("/" if path.startswith("/") else ".")


def _entered(directory: str, path: str) -> str:
    joined = join(directory, path)
    return joined if _HOME.match(joined) else _folded(joined)


def _folded(path: str) -> str:
    return "/" + normpath(path).strip("/")


def _is_below(path: str, root: str) -> bool:
    return path != root and path.startswith(root.rstrip("/") + "/")

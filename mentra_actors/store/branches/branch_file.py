"""What a branch is: a small file in its directory, there whole or not at all."""

import os
import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from mentra_actors.errors import CommandRejected, StoreFormatError
from mentra_actors.store.branches.drafts import held_draft, remove_dead_drafts
from mentra_actors.store.ports import StoredEvent
from mentra_actors.store.sealing.durable_files import file_errors, read_if_there, write_durably
from mentra_actors.store.store_directory import BRANCH_FILE, fsync_directory

__all__ = [
    "BRANCHES",
    "BRANCHES_ENDING",
    "BranchRecord",
    "OpenEffects",
    "Place",
    "branch_names",
    "find_branch",
    "is_branch",
    "make_branch",
    "place_of",
    "require_branch_name",
    "write_branch",
]

BRANCHES = "branches"
"""The directory of the branches of a store that is a directory."""
BRANCHES_ENDING = ".branches"
"""How the directory beside a database file is called that holds its branches."""
BRANCH_FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)

OpenEffects: TypeAlias = Literal["interrupted", "resume"]


class Place(msgspec.Struct, frozen=True):
    """Which event stands at a position, as far as it never changes."""

    stream_id: str
    version: int
    recorded_at_ns: int
    epoch: int


class BranchRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A branch, and what it goes on from.

    `origin` is an address, or a path as seen from the directory of the branch; `origin_id` is
    empty where a store has no id. The log is shared up to the position `cut`, where the event at
    `place` stands (None: the cut is before the first event). `asked` is the position that was
    asked for, which may be inside of the append that ends at the cut. `agents` are the ids of
    those that are awake (none: all). `salt` makes keys that no other branch has. `edits` say in
    a word each what was changed on the way.
    """

    name: str
    created_at: float
    branch_id: str = ""
    origin: str = ""
    cut: int = 0
    asked: int = 0
    salt: str = ""
    origin_id: str = ""
    place: Place | None = None
    label: str = ""
    by: str = ""
    agents: tuple[str, ...] = ()
    open_effects: OpenEffects = "interrupted"
    edits: tuple[str, ...] = ()
    format: int = BRANCH_FORMAT


def place_of(event: StoredEvent) -> Place:
    """The place of an event: the same when what it says is forgotten or archived."""
    return Place(event.stream_id, event.stream_version, event.recorded_at_ns, event.epoch)


def is_branch(path: Path) -> bool:
    """True if a directory is a branch."""
    return (path / BRANCH_FILE).is_file()


def find_branch(path: Path) -> BranchRecord | None:
    """What a directory is a branch of; None if it is none.

    Raises:
        StoreFormatError: a newer release has made it, or it is damaged.
        StoreError: it cannot be read.
    """
    content = read_if_there(path / BRANCH_FILE)
    if content is None:
        return None
    try:
        record = msgspec.json.decode(content, type=BranchRecord)
    except msgspec.DecodeError as error:
        raise StoreFormatError(f"{path / BRANCH_FILE} says of no branch: {error}") from error
    if record.format > BRANCH_FORMAT:
        raise StoreFormatError(
            f"{path} was made by a newer release (branches of format {record.format}, this "
            f"release reads up to {BRANCH_FORMAT}); upgrade to open it"
        )
    return record


def write_branch(path: Path, record: BranchRecord) -> None:
    """Say something else of a branch that is there; whoever reads it sees the one or the other."""
    write_durably(path / BRANCH_FILE, msgspec.json.encode(record) + b"\n")


def branch_names(directory: Path) -> list[str]:
    """Names of the branches in a directory, sorted; none if it is not there."""
    with file_errors(directory):
        try:
            found = sorted(os.listdir(directory))
        except (FileNotFoundError, NotADirectoryError):
            return []
    return [one for one in found if not one.startswith(".") and is_branch(directory / one)]


def require_branch_name(name: str) -> None:
    """Refuse what cannot be the name of a branch.

    Raises:
        CommandRejected: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise CommandRejected(
            f"{name!r} is no name for a branch: letters, digits, dots, dashes and underscores, "
            "64 at most, the first one a letter or a digit"
        )


def make_branch(
    directory: Path, record: BranchRecord, prepare: Callable[[Path], None] | None = None
) -> Path:
    """Make a branch in a directory of branches; where it is.

    `prepare` works in the directory that will be the branch, before anybody can see it.

    Raises:
        CommandRejected: there is a branch of this name; nothing was made.
        StoreError: nothing was made.
    """
    path = directory / record.name
    _require_free(path)
    with ExitStack() as stack:
        with file_errors(directory):
            directory.mkdir(exist_ok=True)
            remove_dead_drafts(directory)
            draft = stack.enter_context(held_draft(directory, record.name))
        write_branch(draft, record)
        if prepare is not None:
            prepare(draft)
        _put_in_place(draft, path)
    return path


def _put_in_place(draft: Path, path: Path) -> None:
    with file_errors(path):
        fsync_directory(draft)
        try:
            os.rename(draft, path)
        except OSError:
            _require_free(path)
            raise
        fsync_directory(path.parent)


def _require_free(path: Path) -> None:
    if is_branch(path):
        raise CommandRejected(f"there is a branch {path.name!r} already; choose another name")

"""What there is to say of a branch, without opening it."""

import contextlib
from pathlib import Path
from typing import Protocol

import msgspec

from mentra_actors.errors import StoreError, StoreNotFound
from mentra_actors.store.branches.branch_file import BranchRecord, OpenEffects, branch_names
from mentra_actors.store.branches.drafts import remove_dead_drafts
from mentra_actors.store.branches.forking import branches_directory
from mentra_actors.store.branches.opening import require_branch
from mentra_actors.store.lmdb_reader import LmdbJournalReader
from mentra_actors.store.ports import JournalReader
from mentra_actors.store.store_directory import find_manifest

__all__ = ["ListedBranch", "listed_branch", "listed_branches"]

_NS = 1_000_000_000


class ListedBranch(msgspec.Struct, frozen=True, kw_only=True):
    """A branch in a list.

    It shares its origin's log up to the position `cut`; `asked` is the one that was asked for.
    `own_events` is how many it has recorded itself, `active_at` when the last of them was (Unix
    seconds; None: none yet). `agents` are the ids of those that are awake; without any all are.
    `edits` say what was changed on the way. `branches` are its own. With a `problem` it cannot be
    read, and nothing else is known of it.
    """

    name: str
    path: str
    label: str
    cut: int
    asked: int
    created_at: float
    by: str
    agents: tuple[str, ...]
    open_effects: OpenEffects
    edits: tuple[str, ...]
    own_events: int = 0
    active_at: float | None = None
    branches: tuple["ListedBranch", ...] = ()
    problem: str = ""


class _InMemory(Protocol):
    @property
    def record(self) -> BranchRecord: ...

    @property
    def own(self) -> JournalReader: ...


def listed_branch(branch: Path | _InMemory) -> ListedBranch:
    """What there is to say of a branch, and of its own branches.

    Raises:
        StoreError: it is none, or cannot be read.
    """
    if not isinstance(branch, Path):
        return _info(branch.record, "", branch.own, ())
    record = require_branch(branch)
    branches = tuple(listed_branches(branches_directory(branch)))
    if find_manifest(branch) is None:
        return _info(record, str(branch), None, branches)
    own = LmdbJournalReader.open(branch)  # places and times are readable without any key
    try:
        return _info(record, str(branch), own, branches)
    finally:
        own.close()


def listed_branches(directory: Path) -> list[ListedBranch]:
    """The branches in a directory, the oldest first; those, too, that cannot be read.

    What a fork that was killed has left there is removed.

    Raises:
        StoreError: the directory cannot be read.
    """
    remove_dead_drafts(directory)
    found = []
    for name in branch_names(directory):
        with contextlib.suppress(StoreNotFound):  # deleted meanwhile
            found.append(_readable_or_not(directory / name))
    return sorted(found, key=lambda one: one.created_at)


def _readable_or_not(path: Path) -> ListedBranch:
    try:
        return listed_branch(path)
    except StoreNotFound:
        raise
    except StoreError as error:
        unknown = BranchRecord(name=path.name, created_at=0.0)
        return msgspec.structs.replace(_info(unknown, str(path), None, ()), problem=str(error))


def _info(
    record: BranchRecord, path: str, own: JournalReader | None, branches: tuple[ListedBranch, ...]
) -> ListedBranch:
    last = own.last_position() if own is not None else 0
    newest = own.read_journal(after=last - 1, limit=1) if own is not None and last else ()
    return ListedBranch(
        name=record.name,
        path=path,
        label=record.label,
        cut=record.cut,
        asked=record.asked,
        created_at=record.created_at,
        by=record.by,
        agents=record.agents,
        open_effects=record.open_effects,
        edits=record.edits,
        own_events=last,
        active_at=newest[-1].recorded_at_ns / _NS if newest else None,
        branches=branches,
    )

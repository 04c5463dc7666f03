"""Branches for tests: made as everybody makes them, of stores that are made on the way."""

from pathlib import Path

from mentra_actors.store.branches.branch_file import BranchRecord, is_branch
from mentra_actors.store.branches.forking import branches_directory, fork_store, placed_at
from mentra_actors.store.opening import open_event_store, open_journal_reader


def new_branch(origin: Path, name: str = "try", at: int | None = None) -> Path:
    """The branch of this name, at a position or the end; origin and branch are made if missing."""
    path = branches_directory(origin) / name
    if is_branch(path):
        return path
    if not origin.exists():
        open_event_store(origin).close()
    reader = open_journal_reader(origin)
    try:
        position = reader.last_position() if at is None else at
        record = placed_at(BranchRecord(name=name, created_at=1_000.0), reader, position)
    finally:
        reader.close()
    return fork_store(origin, record)

"""Which box a store has for petitions: a directory on this machine, or a table in a database."""

from pathlib import Path

from mentra_actors.errors import ConfigurationError
from mentra_actors.store.opening import MEMORY
from mentra_actors.store.ownership.petition_box import PetitionBox
from mentra_actors.store.ownership.petition_files import open_petition_files
from mentra_actors.store.sealing.part_seal import PartSeal
from mentra_actors.store.sql.opening import (
    PETITIONS_ENDING,
    files_of_database,
    is_sql_url,
    open_petition_table,
)

__all__ = ["PETITIONS", "open_box"]

PETITIONS = "petitions"
"""The directory of petitions in a store that is a directory."""


def open_box(path: str | Path, seal: PartSeal | None) -> PetitionBox:
    """The box of the store at `path`, which must exist; made if it is not there yet.

    Raises:
        ConfigurationError: a store of this kind can have none, or its driver is not installed.
        StoreError: it cannot be made.
    """
    if path == MEMORY:
        raise ConfigurationError("a store in memory is of one process: nobody else can ask it")
    if files := files_of_database(path):
        return open_petition_files(Path(f"{files[0]}{PETITIONS_ENDING}"), seal)
    if is_sql_url(path):
        return open_petition_table(path, seal)
    return open_petition_files(Path(path) / PETITIONS, seal)

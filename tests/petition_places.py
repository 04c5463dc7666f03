"""Stores of every kind of which other processes may ask something, and what is in their boxes."""

import contextlib
from pathlib import Path

import psycopg
from postgres_logs import own_address, required_server

from mentra_actors.store.ownership.petition_files import PetitionFiles
from mentra_actors.store.sql.opening import is_server_url
from mentra_actors.store.sql.petition_table import PetitionTable
from mentra_actors.store.sql.postgres_address import PostgresAddress

__all__ = ["KINDS", "answered_in", "box_class", "left_in", "place_for", "rows_in"]

KINDS = ("directory", "sqlite", "postgres")


@contextlib.contextmanager
def place_for(kind, tmp_path):
    """Where a store of this kind may be made; skipped where there is no server for it."""
    if kind == "postgres":
        required_server()
        with own_address() as address:
            yield address
    else:
        yield (
            f"sqlite:{tmp_path / 'team.db'}" if kind == "sqlite" else str(tmp_path / "team.mentra")
        )


def box_class(path):
    return PetitionTable if is_server_url(path) else PetitionFiles


def rows_in(path, question="name, petition, answer"):
    """What is in the table, as the database has it."""
    place = PostgresAddress.parse(path)
    with psycopg.connect(place.conninfo) as connection:
        found = connection.execute(f"SELECT {question} FROM {place.schema}.mentra_petitions")
        return found.fetchall()


def left_in(path):
    """`.petition` and `.answer` for each that is there."""
    if is_server_url(path):
        rows = rows_in(path)
        return sorted(".answer" if answer else ".petition" for _, _, answer in rows)
    return sorted(file.suffix for file in _directory(path).iterdir() if file.suffix)


def answered_in(path):
    """Names of petitions whose answers nobody has fetched."""
    if is_server_url(path):
        return sorted(name for name, _, answer in rows_in(path) if answer)
    return sorted(file.stem for file in _directory(path).glob("*.answer"))


def _directory(path):
    if path.startswith("sqlite:"):
        return Path(f"{path.removeprefix('sqlite:')}.petitions")
    return Path(path) / "petitions"

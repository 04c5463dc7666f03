"""Stores by address: `sqlite:FILE` and `postgresql://…`.

The library `eventsourcing` and the driver are imported when such a store is opened, not before.
"""

import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from mentra_actors.errors import ConfigurationError
from mentra_actors.store.embedded.tables import Durability
from mentra_actors.store.ownership.petition_box import PetitionBox
from mentra_actors.store.ports import EventStore, JournalReader
from mentra_actors.store.sealing.part_seal import PartSeal

if TYPE_CHECKING:
    from types import ModuleType

__all__ = [
    "MEMORY_INDEX_ENDING",
    "PETITIONS_ENDING",
    "files_of_database",
    "is_server_url",
    "is_sql_url",
    "moved_url",
    "open_petition_table",
    "open_sql_reader",
    "open_sql_store",
    "url_without_password",
]

_SQLITE = "sqlite:"
MEMORY_INDEX_ENDING = "-views-memory"
"""What follows the name of a database in the name of the file that memories are searched in."""
PETITIONS_ENDING = ".petitions"
"""How the directory beside a file of SQLite is called in which others leave petitions."""
_ENDINGS = (
    *("-wal", "-shm", "-journal", "-writer", PETITIONS_ENDING),
    *(MEMORY_INDEX_ENDING, f"{MEMORY_INDEX_ENDING}-journal"),
)
_POSTGRES = ("postgresql:", "postgres:")


def is_sql_url(path: str | Path) -> bool:
    """True for the address of a log in a database."""
    return str(path).startswith((_SQLITE, *_POSTGRES))


def is_server_url(path: str | Path) -> bool:
    """True for the address of a log on a server, which any number of processes may write."""
    return str(path).startswith(_POSTGRES)


def moved_url(url: str, directory: str | Path) -> str:
    """The address, with the file of SQLite as seen from a directory; of a server as it is."""
    if not _is_sqlite(url):
        return url
    return f"{_SQLITE}{os.path.normpath(Path(directory) / url.removeprefix(_SQLITE))}"


def url_without_password(url: str) -> str:
    """The address of a log on a server, as it may be written down."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    query = [one for one in parse_qsl(parts.query) if one[0] != "password"]
    place = f"{user.partition(':')[0]}{at}{host}{parts.path}"
    return f"{parts.scheme}://{place}{'?' if query else ''}{urlencode(query)}"


def files_of_database(url: str | Path) -> tuple[str, ...]:
    """The files that a database may have on this machine; of a server there are none.

    If its path is a link, some are beside the link, and some beside the file.
    """
    if not _is_sqlite(url):
        return ()
    file = str(url).removeprefix(_SQLITE)
    names = dict.fromkeys((file, os.path.realpath(file)))
    return (file, *(f"{name}{ending}" for name in names for ending in _ENDINGS))


def open_sql_store(
    url: str | Path, durability: Durability = "sync", *, create: bool = True
) -> EventStore:
    """The store at `url`, for writing; where there is none it is made, if `create`.

    Raises:
        ConfigurationError: the address is not one, or the extra for it is not installed.
        StoreError: nothing is open and nothing that was there has changed.
    """
    module, place = _module_and_place(url)
    store_class = module.SqliteEventStore if _is_sqlite(url) else module.PostgresEventStore
    store: EventStore = store_class.open(place, durability=durability, create=create)
    return store


def open_sql_reader(url: str | Path) -> JournalReader:
    """A reader of the log at `url`, which must exist.

    Raises:
        ConfigurationError: the address is not one, or the extra for it is not installed.
        StoreError: nothing is open.
    """
    module, place = _module_and_place(url)
    reader_class = module.SqliteJournalReader if _is_sqlite(url) else module.PostgresJournalReader
    reader: JournalReader = reader_class.open(place)
    return reader


def open_petition_table(url: str | Path, seal: PartSeal | None) -> PetitionBox:
    """The petitions of the log at `url`, on a server. It is connected to when it is used.

    Raises:
        ConfigurationError: the address is not one, or the extra for it is not installed.
    """
    opened: PetitionBox = _server_module("petition_table").open_table(_address(url), seal)
    return opened


def _is_sqlite(url: str | Path) -> bool:
    return str(url).startswith(_SQLITE)


def _module_and_place(url: str | Path) -> "tuple[ModuleType, str]":
    if _is_sqlite(url):
        file = str(url).removeprefix(_SQLITE)
        if file in ("", ":memory:"):
            raise ConfigurationError(
                f"{url}: say sqlite:FILE; for a store that ends with the process say :memory:"
            )
        return importlib.import_module("mentra_actors.store.sql.sqlite_store"), file
    return _server_module("postgres_store"), _address(url)


def _address(url: str | Path) -> str:
    address = str(url)
    if not address.startswith(tuple(f"{name}//" for name in _POSTGRES)):
        raise ConfigurationError(f"{url}: say postgresql://HOST/DATABASE, and as text")
    return address


def _server_module(name: str) -> "ModuleType":
    try:
        return importlib.import_module(f"mentra_actors.store.sql.{name}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("psycopg", "psycopg_pool"):
            raise
        raise ConfigurationError(
            f"PostgreSQL needs a driver that is not installed ({error.name}): "
            "pip install mentra-actors[postgres]"
        ) from error
    except ImportError as error:
        raise ConfigurationError(
            f"the driver for PostgreSQL cannot be used ({error}): "
            "pip install mentra-actors[postgres]"
        ) from error

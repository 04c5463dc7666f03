"""Opens the views in a database, by its address."""

import importlib
from pathlib import Path

from mentra_actors.errors import ConfigurationError
from projections.stores.part_seal import PartSeal
from projections.stores.sql_views import SqlViews, ViewDatabase

__all__ = ["open_sql_views"]

_SQLITE = "sqlite:"
_POSTGRES = ("postgresql://", "postgres://")


def open_sql_views(address: str, *, seal: PartSeal | None = None) -> SqlViews:
    """The views at `sqlite:FILE` or `postgresql://…` (which may say `?schema=…`).

    The tables `mentra_view_parts` and `mentra_view_marks` are made if they are missing.

    Raises:
        ConfigurationError: it is no such address, or the extra for it is not installed.
        StoreError: the database cannot be used.
    """
    file = address.removeprefix(_SQLITE)
    if address.startswith(_SQLITE) and file and "\0" not in file:
        sqlite = importlib.import_module("projections.stores.sqlite_views")
        return SqlViews(sqlite.SqliteViewFile(Path(file)), seal)
    if not address.startswith(_POSTGRES):
        raise ConfigurationError(
            f"views are kept in sqlite:FILE or postgresql://HOST/DATABASE, not in {address!r}"
        )
    try:
        postgres = importlib.import_module("projections.stores.postgres_views")
    except ImportError as error:
        raise ConfigurationError(
            f"the driver for PostgreSQL cannot be used ({error}): "
            "pip install mentra-actors[postgres]"
        ) from error
    tables: ViewDatabase = postgres.PostgresViewTables(address)
    return SqlViews(tables, seal)

"""What an error of PostgreSQL, or of the library around it, means for us."""

import psycopg
from psycopg_pool import PoolClosed

from mentra_actors.errors import (
    ConnectionLost,
    StoreBusy,
    StoreClosed,
    StoreCorrupted,
    StoreError,
    StoreForbidden,
    StoreFull,
    StoreNotFound,
)

__all__ = ["is_connection_lost", "postgres_error"]

_KINDS: dict[str, tuple[type[StoreError], str]] = {
    "08": (ConnectionLost, ""),
    "57P": (ConnectionLost, ""),
    "25P03": (ConnectionLost, ""),  # we were silent too long in a transaction
    "53100": (StoreFull, "; free some space and repeat"),
    "53300": (ConnectionLost, ""),  # the server takes no more connections
    "55P03": (StoreBusy, "; another process has held the log all that time"),
    "40": (StoreBusy, "; repeat it"),
    "XX001": (StoreCorrupted, "; restore a backup"),
    "XX002": (StoreCorrupted, "; restore a backup"),
    "3D000": (StoreNotFound, ""),
    "3F000": (StoreNotFound, ""),
    "42P01": (StoreNotFound, ""),
    "42501": (StoreForbidden, "; its owner can grant it"),
    "23": (StoreError, "; another program writes into the tables of this log"),
}
"""By the beginning of the SQLSTATE; the longest one counts."""


def postgres_error(error: BaseException, name: str, consequence: str = "") -> StoreError:
    """The error as ours; `consequence` says what has become of an append."""
    cause = _cause(error)
    if isinstance(cause, PoolClosed):
        return StoreClosed(f"{name} is closed")
    kind, advice = _kind(cause)
    said = str(cause).partition("\n")[0].strip() or type(cause).__name__
    return kind(f"{name}: {said}{consequence}{advice}")


def is_connection_lost(error: BaseException) -> bool:
    """Whether the server is gone, so that no answer can come."""
    return _kind(_cause(error))[0] is ConnectionLost


def _kind(cause: BaseException) -> tuple[type[StoreError], str]:
    state = getattr(cause, "sqlstate", None)
    if state is None:
        is_lost = isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError)
        return (ConnectionLost, "") if is_lost else (StoreError, "")
    for length in range(len(state), 1, -1):
        if state[:length] in _KINDS:
            return _KINDS[state[:length]]
    return StoreError, ""


def _cause(error: BaseException) -> BaseException:
    """The error of the driver inside of one of the library or of ours."""
    while not isinstance(error, psycopg.Error) and error.__cause__ is not None:
        error = error.__cause__
    return error

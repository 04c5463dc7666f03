"""Where a store is, as a command line says it: a path, or the address of a database."""

import sys
from pathlib import Path

from mentra_actors.store.sql.opening import is_server_url

__all__ = ["store_place"]


class _Address(type(Path())):  # type: ignore[misc]
    """An address as a path that keeps all of its slashes: `postgresql:///db` has three."""

    _text: str

    def __new__(cls, text: str) -> "_Address":
        made: _Address = super().__new__(cls, text)
        made._text = text
        return made

    def __init__(self, text: str) -> None:
        if sys.version_info >= (3, 12):
            super().__init__(text)

    def __str__(self) -> str:
        return self._text


def store_place(given: str | Path) -> Path:
    """A path; that of a database on a server says in words what was given."""
    text = str(given)
    return _Address(text) if is_server_url(text) else Path(given)

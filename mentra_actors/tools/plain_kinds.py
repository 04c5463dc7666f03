"""Checks of what a program sets: of the right kind, or refused with the name of the field."""

import os
from collections.abc import Sequence

__all__ = ["require_flag", "require_number", "require_path", "require_paths", "require_words"]


def require_flag(value: object, name: str) -> None:
    """Refuse what is neither True nor False: every other text would mean True.

    Raises:
        TypeError: it is something else.
    """
    if type(value) is not bool:
        raise TypeError(f"{name} is True or False, not {value!r}")


def require_number(value: object, name: str, *, whole: bool = False) -> None:
    """Refuse what is no number, or no `whole` one.

    Raises:
        TypeError: it is something else.
    """
    kinds = int if whole else int | float
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise TypeError(f"{name} is a {'whole ' if whole else ''}number, not {value!r}")


def require_path(value: object, name: str) -> None:
    """Refuse what names no file or directory.

    Raises:
        TypeError: it is no text and no path.
    """
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{name} is a path, not {value!r}")


def require_paths(values: object, name: str) -> None:
    """Refuse what is no sequence of paths, above all one path alone.

    Raises:
        TypeError: it is something else.
    """
    for value in _several(values, name):
        require_path(value, f"each of {name}")


def require_words(values: object, name: str) -> None:
    """Refuse what is no sequence of texts, above all one text alone.

    Raises:
        TypeError: it is something else.
    """
    for value in _several(values, name):
        if not isinstance(value, str):
            raise TypeError(f"each of {name} is a text, not {value!r}")


def _several(values: object, name: str) -> Sequence[object]:
    if isinstance(values, str):
        raise TypeError(f"{name} are a sequence, not one string")
    if not isinstance(values, Sequence):
        raise TypeError(f"{name} are a sequence, not {values!r}")
    return values

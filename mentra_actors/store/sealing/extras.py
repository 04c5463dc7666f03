"""Libraries that only sealed stores need; they are imported when the first one is opened."""

import importlib
from typing import Any

from mentra_actors.errors import ConfigurationError

__all__ = ["sealing_library"]


def sealing_library(module: str) -> Any:
    """A module of `cryptography` or `zstandard`.

    Raises:
        ConfigurationError: it is not installed; the message says how to.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigurationError(
            f"a sealed store needs {module.partition('.')[0]!r}: "
            "pip install 'mentra-actors[sealing]'"
        ) from error

"""Where a chat keeps what was typed, for the next start."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["history_file"]

_OWN_DIRECTORY, _OWN_FILE = 0o700, 0o600


def history_file(environ: Mapping[str, str], platform: str = sys.platform) -> str | None:
    """The file, made for this user alone; None if it cannot be."""
    try:
        place = _place(environ, platform)
        place.parent.mkdir(mode=_OWN_DIRECTORY, parents=True, exist_ok=True)
        os.close(os.open(place, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, _OWN_FILE))
    except (OSError, RuntimeError):  # no home, or none that can be written
        return None
    return str(place)


def _place(environ: Mapping[str, str], platform: str) -> Path:
    stated = environ.get("XDG_STATE_HOME", "")
    if stated.startswith("/"):
        base = Path(stated)
    elif platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path.home() / ".local" / "state"
    return base / "mentra" / "chat_history"

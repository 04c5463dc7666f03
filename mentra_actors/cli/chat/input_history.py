"""Where a chat keeps what was typed, for the next start."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["MOST_BYTES_READ", "history_file", "typed_before"]

MOST_BYTES_READ = 256 * 1024
"""So much of the end of the file is read: a start does not wait for years of typing."""

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


def typed_before(file: str) -> list[str]:
    """The newest texts of a history file, the newest first.

    Each text stands in lines that begin with `+`, behind a line with its time.

    Raises:
        OSError: it cannot be read.
    """
    with open(file, "rb") as source:
        size = source.seek(0, os.SEEK_END)
        source.seek(max(size - MOST_BYTES_READ, 0))
        lines = source.read().decode(errors="replace").split("\n")
    if size > MOST_BYTES_READ:  # the first text may have lost its beginning
        lines = lines[next((n for n, one in enumerate(lines) if one[:1] == "#"), len(lines)) :]
    texts: list[list[str]] = []
    is_text = False
    for line in lines:
        if line[:1] == "+":
            if not is_text:
                texts.append([])
            texts[-1].append(line[1:])
        is_text = line[:1] == "+"
    return ["\n".join(text) for text in reversed(texts)]


def _place(environ: Mapping[str, str], platform: str) -> Path:
    stated = environ.get("XDG_STATE_HOME", "")
    if stated.startswith("/"):
        base = Path(stated)
    elif platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path.home() / ".local" / "state"
    return base / "mentra" / "chat_history"

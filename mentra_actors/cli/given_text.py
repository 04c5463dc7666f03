"""Texts that are given as they are, or in a file."""

from pathlib import Path

from mentra_actors.errors import ConfigurationError

__all__ = ["given_text"]

_FILE = "@"


def given_text(text: str) -> str:
    """The text; `@FILE` is what the file has in it, and `@@` a text that begins with `@`.

    Raises:
        ConfigurationError: the file cannot be read, or is no text.
    """
    if not text.startswith(_FILE):
        return text
    named = text.removeprefix(_FILE)
    if named.startswith(_FILE):
        return named
    try:
        return Path(named).read_text("utf-8")
    except OSError as error:
        why = error.strerror or error
    except ValueError:
        why = "it is no text in UTF-8"
    raise ConfigurationError(
        f"cannot read {named or 'a file without a name'}: {why}. A text that begins with @ is "
        "written with @@"
    )

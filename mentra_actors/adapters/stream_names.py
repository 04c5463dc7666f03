"""Ids of streams for names that another framework gives, and the way back."""

import hashlib
from urllib.parse import quote, unquote

from mentra_actors.ids import StreamId, name_of

__all__ = ["is_hashed", "named_stream", "names_in"]

_MOST_BYTES = 255
_SEPARATOR = "/"
_HASHED = "%%"
"""Never begins a quoted name: a percent sign is quoted itself."""


def named_stream(category: str, *names: str) -> StreamId:
    """The stream of a category for some names: `langgraph-trip to Rome`, `adk-app/user/session`.

    Different names have different streams. Percent signs, slashes and what cannot be printed are
    quoted as in a URL; names that are too long together are hashed (see `is_hashed`).
    """
    stream_id = f"{category}-{_SEPARATOR.join(map(_quoted, names))}"
    if len(stream_id.encode()) <= _MOST_BYTES:
        return StreamId(stream_id)
    whole = _SEPARATOR.join(map(_quoted, names)).encode()
    digest = hashlib.blake2b(whole, digest_size=32).hexdigest()
    return StreamId(f"{category}-{_HASHED}{digest}")


def is_hashed(stream_id: StreamId) -> bool:
    """True if the id does not say the names: the first event of the stream does."""
    return name_of(stream_id).startswith(_HASHED)


def names_in(stream_id: StreamId) -> tuple[str, ...]:
    """The names that a stream id was made of, unless it is hashed."""
    return tuple(_unquoted(one) for one in name_of(stream_id).split(_SEPARATOR))


def _quoted(name: str) -> str:
    return "".join(map(_quoted_letter, name)) or "%"


def _quoted_letter(letter: str) -> str:
    if letter not in "%/" and letter.isprintable():
        return letter
    return quote(letter, safe="", errors="surrogatepass")


def _unquoted(quoted: str) -> str:
    return "" if quoted == "%" else unquote(quoted, errors="surrogatepass")

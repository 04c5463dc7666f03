"""How the payloads of a store are to be sealed: what its owner says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from mentra_actors.errors import ConfigurationError
from mentra_actors.ids import StreamId, category_of, name_of
from mentra_actors.store.sealing.data_key import KEY_BYTES
from mentra_actors.store.sealing.master_key import key_from_file, key_from_variable

__all__ = [
    "OWN_SUBJECT",
    "TICK_TAG",
    "CompressionMode",
    "Sealing",
    "SubjectOf",
    "subject_of_stream",
]

CompressionMode: TypeAlias = Literal["zstd", "none"]
SubjectOf: TypeAlias = Callable[[StreamId, str], str]
"""Whom an event is about, by its stream and its tag.

It is asked with `TICK_TAG` whom an answer is about that is being streamed and no event yet.
"""

TICK_TAG = "tick"
"""Stands for a tag where there is none: in a tick."""
OWN_SUBJECT = ""
"""The subject of all that is about nobody; the store's own key, which is never forgotten."""
_SESSION_RULES = "rules-session."
_OWNED = frozenset({"agent", "background", "inbox", "memory"})
_SESSIONS = frozenset({"adk", "adkuser", "langgraph", "openai"})


def subject_of_stream(stream_id: StreamId, event_type: str) -> str:  # noqa: ARG001 - a `SubjectOf`
    """The owner of a stream: `x` of `agent-x`, `inbox-x` and their like; nobody for all others.

    Rules that are remembered for one agent are about it: `rules-session.x`. A session of another
    framework is its own subject: `langgraph-x`.
    """
    if category_of(stream_id) in _SESSIONS:
        return stream_id
    if stream_id.startswith(_SESSION_RULES):
        return stream_id.removeprefix(_SESSION_RULES)
    return name_of(stream_id) if category_of(stream_id) in _OWNED else OWN_SUBJECT


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealing:
    """Compression and encryption of a store, chosen when it is made.

    Later only the key has to be given, one of: `key` (32 bytes), `key_file` (hex digits or
    base64), `key_variable` (the same in an environment variable). Without a key nothing is
    encrypted. `compression` None means what the store does already, and zstd for a new one.
    `samples` are texts like those that the store will hold; a dictionary is trained on them. It
    outlives every subject, so never take them from anybody's data.

    `subject_of` names whom an event is about; each subject has a key of its own, so that it can
    be forgotten. `directory` is where keys and dictionaries are kept (default: `sealing` in the
    directory of the store); a store that is no directory needs one.
    """

    compression: CompressionMode | None = None
    key: bytes | None = field(default=None, repr=False)
    key_file: str | Path | None = None
    key_variable: str | None = None
    directory: str | Path | None = None
    subject_of: SubjectOf = subject_of_stream
    samples: Sequence[str | bytes] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        given = [one for one in (self.key, self.key_file, self.key_variable) if one is not None]
        if len(given) > 1:
            raise ConfigurationError("give one of key, key_file and key_variable")
        if self.key is not None and len(self.key) != KEY_BYTES:
            raise ConfigurationError(f"key must be {KEY_BYTES} bytes; key_file reads a text")
        if self.compression not in (None, "zstd", "none"):
            raise ConfigurationError(f"compression is zstd or none, not {self.compression!r}")

    @property
    def asks_for_something(self) -> bool:
        """True if a store that is plain so far is to be sealed."""
        has_key = (self.key, self.key_file, self.key_variable) != (None, None, None)
        return has_key or self.compression is not None or bool(self.samples)

    def master_key(self) -> bytes | None:
        """The key, from wherever it comes; None if there is to be none.

        Raises:
            ConfigurationError: it is to come from a place where it is not.
        """
        if self.key_file is not None:
            return key_from_file(Path(self.key_file))
        if self.key_variable is not None:
            return key_from_variable(self.key_variable)
        return self.key

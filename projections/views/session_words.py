"""What people and models have said, to be searched; and the search.

The view has a part for each 32 versions of an agent's stream, with the first 4,000 characters of
each message. A search looks through the words of one session after the other, the newest first,
and ends when it has found enough.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import text_of
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import AgentId, StreamId, agent_stream, name_of
from projections.views.sessions import SessionMetadata

__all__ = [
    "SESSION_WORDS",
    "SessionMatch",
    "SessionWords",
    "SessionWordsProjection",
    "Speaker",
    "Spoken",
    "search_sessions",
]

Speaker: TypeAlias = Literal["user", "assistant"]

_VERSIONS_PER_PART = 32
_MOST_CHARS = 4_000
_EXCERPT_CHARS = 120
_LETTER = re.compile(r"[^\u0300-\u036f][\u0300-\u036f]*|.", re.DOTALL)
"""A letter with its accents."""
_EVENTS: frozenset[type[object]] = frozenset({e.PromptAccepted, e.InputQueued, e.ModelReplied})


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """The beginning of one message."""

    speaker: Speaker
    text: str


class SessionWords(msgspec.Struct, frozen=True, kw_only=True):
    """What was said in a part of a stream, in order."""

    said: tuple[Spoken, ...] = ()


class SessionMatch(msgspec.Struct, frozen=True, kw_only=True):
    """A session in which all the words were found: in its title, or in one message of somebody.

    `excerpt` is the line around the first of them.
    """

    session: SessionMetadata
    found_in: Literal["title", "user", "assistant"]
    excerpt: str


class SessionWordsProjection:
    """The words that conversations are found by.

    View: `agent-…/page` holds `SessionWords`.
    """

    name = "session_words"
    version = 1
    handles: frozenset[type[object]] | None = _EVENTS
    view_type = SessionWords

    def keys(self, recorded: RecordedEvent[object]) -> Sequence[str]:
        """See `Projection.keys`."""
        if not _words_in(recorded.event):
            return ()
        stream_id = agent_stream(AgentId(name_of(recorded.stream_id)))
        return (f"{_prefix(stream_id)}{recorded.stream_version // _VERSIONS_PER_PART:010}",)

    def initial(self, key: str) -> SessionWords:  # noqa: ARG002 - all begin empty
        """See `Projection.initial`."""
        return SessionWords()

    def apply(self, view: SessionWords, key: str, recorded: RecordedEvent[object]) -> SessionWords:  # noqa: ARG002 - one key per event
        """See `Projection.apply`."""
        words = _words_in(recorded.event)
        if not words:
            return view
        speaker: Speaker = "assistant" if isinstance(recorded.event, e.ModelReplied) else "user"
        return SessionWords(said=(*view.said, Spoken(speaker=speaker, text=words)))


SESSION_WORDS = SessionWordsProjection()


def search_sessions(
    sessions: Iterable[SessionMetadata],
    words: str,
    said_in: Callable[[str], Mapping[str, SessionWords]],
    *,
    limit: int,
) -> list[SessionMatch]:
    """The first sessions that have all the words, beginnings and parts of words among them.

    Large and small letters are the same. `said_in` gives the parts whose keys begin like this.
    Without a word nothing is found.
    """
    wanted = _plain(words).split()
    found: list[SessionMatch] = []
    if not wanted:
        return found
    for session in sessions:
        if len(found) >= limit:
            break
        match = _match(session, wanted, said_in)
        if match is not None:
            found.append(match)
    return found


def _match(
    session: SessionMetadata,
    wanted: Sequence[str],
    said_in: Callable[[str], Mapping[str, SessionWords]],
) -> SessionMatch | None:
    if excerpt := _excerpt(session.title, wanted):
        return SessionMatch(session=session, found_in="title", excerpt=excerpt)
    parts = said_in(_prefix(agent_stream(session.session_id)))
    for key in sorted(parts):
        for one in parts[key].said:
            if excerpt := _excerpt(one.text, wanted):
                return SessionMatch(session=session, found_in=one.speaker, excerpt=excerpt)
    return None


def _excerpt(text: str, wanted: Sequence[str]) -> str:
    """The line around the first of the words, as it was written; empty if one is not there."""
    plain = _plain(text)
    places = [plain.find(word) for word in wanted]
    if min(places) < 0:
        return ""
    begin = max(_written_place(text, min(places)) - _EXCERPT_CHARS // 3, 0)
    piece = " ".join(text[begin : begin + _EXCERPT_CHARS].split())
    before = "…" if begin else ""
    return f"{before}{piece}{'…' if begin + _EXCERPT_CHARS < len(text) else ''}"


def _written_place(text: str, place: int) -> int:
    """Where in a text the letter stands that has this place in its plain form.

    A letter may be several there ("ß"), and several may be one (a letter and its accent).
    """
    plain_length = 0
    for letter in _LETTER.finditer(text):
        plain_length += len(_plain(letter.group()))
        if plain_length > place:
            return letter.start()
    return 0


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _words_in(event: object) -> str:
    match event:
        case e.PromptAccepted(text=text) | e.InputQueued(text=text):
            return text[:_MOST_CHARS].strip()
        case e.ModelReplied(blocks=blocks):
            return text_of(blocks)[:_MOST_CHARS].strip()
        case _:
            return ""


def _prefix(stream_id: StreamId) -> str:
    return f"{stream_id}/"

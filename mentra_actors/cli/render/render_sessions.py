"""Sessions as rows for people; programs get them as they are."""

from collections.abc import Sequence

from rich.text import Text

from mentra_actors.cli.output import local_second
from projections.views.session_words import SessionMatch
from projections.views.sessions import SessionMetadata

__all__ = ["MATCH_COLUMNS", "SESSION_COLUMNS", "match_row", "session_row"]

SESSION_COLUMNS = ("session", "status", "turns", "last change", "title")
MATCH_COLUMNS = ("session", "last change", "found in")

_STATUS_STYLES = {
    "active": "bold yellow",
    "compacting": "bold yellow",
    "waiting": "bold magenta",
    "failed": "bold red",
    "interrupted": "red",
    "stopped": "dim",
}
_FOUND_IN = {"title": "title", "user": "prompt", "assistant": "answer"}


def session_row(session: SessionMetadata) -> Sequence[Text]:
    """One session."""
    title = Text(session.title)
    if session.message:
        title.append(f" ({session.message.partition(chr(10))[0][:80]})", style="dim")
    return [
        Text(session.agent, style="bold"),
        Text(session.status, style=_STATUS_STYLES.get(session.status, "")),
        Text(f"{session.turn_count:,}", justify="right"),
        Text(local_second(session.updated_at)),
        title,
    ]


def match_row(match: SessionMatch) -> Sequence[Text]:
    """One session, with the line in which the words are."""
    return [
        Text(match.session.agent, style="bold"),
        Text(local_second(match.session.updated_at)),
        Text.assemble((f"{_FOUND_IN[match.found_in]}: ", "dim"), match.excerpt),
    ]

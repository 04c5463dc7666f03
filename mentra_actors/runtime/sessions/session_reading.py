"""Lists of sessions from kept views, in a runtime or from outside. Blocks while views are read."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mentra_actors.ids import StreamId, TeamId
from projections.views.session_words import SESSION_WORDS, SessionMatch, search_sessions
from projections.views.sessions import SESSIONS, SessionMetadata, sessions_in

if TYPE_CHECKING:  # views are imported when somebody reads one
    from mentra_actors.runtime.views.kept_views import KeptViews

__all__ = ["MOST_FOUND", "IsLeft", "found_sessions", "listed_sessions", "require_count"]

MOST_FOUND = 20
"""How many sessions a search gives unless told otherwise."""

IsLeft = Callable[[StreamId], bool]
"""True of a stream whose open work no process does."""


def listed_sessions(
    views: "KeptViews", team: TeamId | None, *, is_left: IsLeft, limit: int | None = None
) -> Sequence[SessionMetadata]:
    """The sessions of a team, or of all (None), the newest first."""
    return sessions_in(views.parts(SESSIONS).values(), team, is_left=is_left)[:limit]


def found_sessions(
    views: "KeptViews", words: str, team: TeamId | None, *, is_left: IsLeft, limit: int
) -> Sequence[SessionMatch]:
    """The newest sessions that have all of the words; see `search_sessions`."""
    sessions = listed_sessions(views, team, is_left=is_left)
    return search_sessions(
        sessions, words, lambda prefix: views.parts(SESSION_WORDS, prefix), limit=limit
    )


def require_count(limit: object) -> None:
    """Refuse what is no number of sessions.

    Raises:
        TypeError, ValueError: it is no whole number, or less than 1.
    """
    if type(limit) is not int:
        raise TypeError(f"limit is a whole number, not {limit!r}")
    if limit < 1:
        raise ValueError(f"limit must be at least 1, found {limit}")

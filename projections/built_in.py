"""The views that every store offers."""

from typing import Any

from projections.approvals import APPROVALS
from projections.background_jobs import BACKGROUND_JOBS
from projections.contract import Projection
from projections.effects import EFFECTS
from projections.mailbox import MAILBOX
from projections.requests import REQUESTS
from projections.roster import ROSTER
from projections.schedules import SCHEDULES
from projections.session_words import SESSION_WORDS
from projections.sessions import SESSIONS
from projections.task_board import TASK_BOARD
from projections.timeline import TIMELINE
from projections.transcript import TRANSCRIPT
from projections.usage import USAGE

__all__ = ["BUILT_IN", "TEAM_VIEWS"]

BUILT_IN: tuple[Projection[Any], ...] = (
    TRANSCRIPT,
    TASK_BOARD,
    ROSTER,
    TIMELINE,
    USAGE,
    BACKGROUND_JOBS,
    APPROVALS,
    REQUESTS,
    SCHEDULES,
    SESSIONS,
    SESSION_WORDS,
    MAILBOX,
    EFFECTS,
)

TEAM_VIEWS: tuple[Projection[Any], ...] = (
    ROSTER,
    TASK_BOARD,
    APPROVALS,
    REQUESTS,
    BACKGROUND_JOBS,
    SCHEDULES,
    USAGE,
    EFFECTS,
)
"""What a page that shows a team is told of, if nobody says what: all but long texts."""

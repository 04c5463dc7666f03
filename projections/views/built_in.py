"""The views that every store offers."""

from projections.contract import AnyProjection
from projections.views.approvals import APPROVALS
from projections.views.background_jobs import BACKGROUND_JOBS
from projections.views.effects import EFFECTS
from projections.views.mailbox import MAILBOX
from projections.views.requests import REQUESTS
from projections.views.roster import ROSTER
from projections.views.schedules import SCHEDULES
from projections.views.session_words import SESSION_WORDS
from projections.views.sessions import SESSIONS
from projections.views.task_board import TASK_BOARD
from projections.views.timeline import TIMELINE
from projections.views.transcript import TRANSCRIPT
from projections.views.usage import USAGE

__all__ = ["BUILT_IN", "TEAM_VIEWS"]

BUILT_IN: tuple[AnyProjection, ...] = (
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

TEAM_VIEWS: tuple[AnyProjection, ...] = (
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

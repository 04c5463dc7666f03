"""The read side: views folded from the journal, for people and programs.

    journal ─▶ keys, apply (pure) ─▶ parts of a view + checkpoint, one transaction ─▶ view

* `contract`: what a projection is, and the one fold.
* `keyed`: a projection with many parts as a class of a few lines; `sql_projection`: one that
  writes rows into tables of its own.
* `runner`: follows the journal and keeps the views; `rebuild`: raised versions.
* `view_store` with `memory_views`, `lmdb_views` and `sql_views`: where views are kept.
* `transcript`, `task_board`, `roster`, `timeline`, `usage`, `requests`, `mailbox`, `effects` and
  others in `built_in`: the built-in views; `team_summary` sums some of them up.
* `view_changes`, `watched_views`, `selected`: what is told to a page that shows views.
* `sessions`, `session_words`: two more, which sessions are listed and searched by.
* `agent_events`, `session_events`: the log as the events of feeds.
* `lanes`, `series`: a team over time, for drawings; `cause_names`: what an event came of.

A view is never the truth: it may be deleted at any time and comes back from the log.
"""

from typing import TYPE_CHECKING

from mentra_actors.late_module import late_names

if TYPE_CHECKING:  # each is imported when it is first asked for
    from projections.approvals import APPROVALS
    from projections.background_jobs import BACKGROUND_JOBS
    from projections.built_in import BUILT_IN, TEAM_VIEWS
    from projections.contract import (
        FunctionProjection,
        Projection,
        ProjectionFailed,
        fold_view,
        projection,
    )
    from projections.effects import EFFECTS
    from projections.keyed import KeyedProjection
    from projections.mailbox import MAILBOX
    from projections.requests import REQUESTS
    from projections.roster import ROSTER
    from projections.schedules import SCHEDULES
    from projections.selected import only
    from projections.session_words import SESSION_WORDS
    from projections.sessions import SESSIONS
    from projections.sql_projection import SqlProjection
    from projections.summaries import SUMMARY_VIEWS, team_summary
    from projections.task_board import TASK_BOARD
    from projections.timeline import TIMELINE
    from projections.transcript import TRANSCRIPT, transcript_prefix
    from projections.usage import USAGE
    from projections.view_changes import (
        AnswerPiece,
        ToolLine,
        ViewChange,
        ViewFailed,
        ViewSnapshot,
        ViewsReached,
    )

__all__ = [
    "APPROVALS",
    "BACKGROUND_JOBS",
    "BUILT_IN",
    "EFFECTS",
    "MAILBOX",
    "REQUESTS",
    "ROSTER",
    "SCHEDULES",
    "SESSIONS",
    "SESSION_WORDS",
    "SUMMARY_VIEWS",
    "TASK_BOARD",
    "TEAM_VIEWS",
    "TIMELINE",
    "TRANSCRIPT",
    "USAGE",
    "AnswerPiece",
    "FunctionProjection",
    "KeyedProjection",
    "Projection",
    "ProjectionFailed",
    "SqlProjection",
    "ToolLine",
    "ViewChange",
    "ViewFailed",
    "ViewSnapshot",
    "ViewsReached",
    "fold_view",
    "only",
    "projection",
    "team_summary",
    "transcript_prefix",
]

_NAMES_OF = {
    "projections.approvals": "APPROVALS",
    "projections.background_jobs": "BACKGROUND_JOBS",
    "projections.built_in": "BUILT_IN TEAM_VIEWS",
    "projections.contract": "FunctionProjection Projection ProjectionFailed fold_view projection",
    "projections.effects": "EFFECTS",
    "projections.keyed": "KeyedProjection",
    "projections.mailbox": "MAILBOX",
    "projections.requests": "REQUESTS",
    "projections.roster": "ROSTER",
    "projections.schedules": "SCHEDULES",
    "projections.session_words": "SESSION_WORDS",
    "projections.sessions": "SESSIONS",
    "projections.selected": "only",
    "projections.sql_projection": "SqlProjection",
    "projections.task_board": "TASK_BOARD",
    "projections.summaries": "SUMMARY_VIEWS team_summary",
    "projections.timeline": "TIMELINE",
    "projections.transcript": "TRANSCRIPT transcript_prefix",
    "projections.usage": "USAGE",
    "projections.view_changes": (
        "AnswerPiece ToolLine ViewChange ViewFailed ViewSnapshot ViewsReached"
    ),
}
"""The public names by the module that has them, as they are imported above."""

if not TYPE_CHECKING:  # else any name would do
    __getattr__, __dir__ = late_names(__name__, _NAMES_OF)

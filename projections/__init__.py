"""The read side: views folded from the journal, for people and programs.

    journal ─▶ keys, apply (pure) ─▶ parts of a view + checkpoint, one transaction ─▶ view

* `contract`: what a projection is, and the one fold.
* `keyed`: a projection with many parts as a class of a few lines; `sql_projection`: one that
  writes rows into tables of its own.
* `views/`: the built-in views: `transcript`, `task_board`, `roster`, `timeline`, `usage` and
  others; `team_summary` sums some of them up, `lanes` and `series` show a team over time.
* `running/`: what follows the journal and keeps views up to date, also as of the past.
* `stores/`: where views are kept: in memory, in LMDB, in SQL databases.
* `feeds/`, `hooks/`: the log as events of feeds, and of hooks. `memory/`: memories to be searched.

A view is never the truth: it may be deleted at any time and comes back from the log.
"""

from typing import TYPE_CHECKING

from mentra_actors.late_module import late_names

if TYPE_CHECKING:  # each is imported when it is first asked for
    from projections.contract import (
        FunctionProjection,
        Projection,
        ProjectionFailed,
        fold_view,
        projection,
    )
    from projections.keyed import KeyedProjection
    from projections.running.view_changes import (
        AnswerPiece,
        ToolLine,
        ViewChange,
        ViewFailed,
        ViewSnapshot,
        ViewsReached,
    )
    from projections.sql_projection import SqlProjection
    from projections.views.approvals import APPROVALS
    from projections.views.background_jobs import BACKGROUND_JOBS
    from projections.views.built_in import BUILT_IN, TEAM_VIEWS
    from projections.views.effects import EFFECTS
    from projections.views.mailbox import MAILBOX
    from projections.views.requests import REQUESTS
    from projections.views.roster import ROSTER
    from projections.views.schedules import SCHEDULES
    from projections.views.selected import only
    from projections.views.session_words import SESSION_WORDS
    from projections.views.sessions import SESSIONS
    from projections.views.summaries import SUMMARY_VIEWS, team_summary
    from projections.views.task_board import TASK_BOARD
    from projections.views.timeline import TIMELINE
    from projections.views.transcript import TRANSCRIPT, transcript_prefix
    from projections.views.usage import USAGE

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
    "projections.views.approvals": "APPROVALS",
    "projections.views.background_jobs": "BACKGROUND_JOBS",
    "projections.views.built_in": "BUILT_IN TEAM_VIEWS",
    "projections.contract": "FunctionProjection Projection ProjectionFailed fold_view projection",
    "projections.views.effects": "EFFECTS",
    "projections.keyed": "KeyedProjection",
    "projections.views.mailbox": "MAILBOX",
    "projections.views.requests": "REQUESTS",
    "projections.views.roster": "ROSTER",
    "projections.views.schedules": "SCHEDULES",
    "projections.views.session_words": "SESSION_WORDS",
    "projections.views.sessions": "SESSIONS",
    "projections.views.selected": "only",
    "projections.sql_projection": "SqlProjection",
    "projections.views.task_board": "TASK_BOARD",
    "projections.views.summaries": "SUMMARY_VIEWS team_summary",
    "projections.views.timeline": "TIMELINE",
    "projections.views.transcript": "TRANSCRIPT transcript_prefix",
    "projections.views.usage": "USAGE",
    "projections.running.view_changes": (
        "AnswerPiece ToolLine ViewChange ViewFailed ViewSnapshot ViewsReached"
    ),
}
"""The public names by the module that has them, as they are imported above."""

if not TYPE_CHECKING:  # else any name would do
    __getattr__, __dir__ = late_names(__name__, _NAMES_OF)

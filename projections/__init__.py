"""The read side: views folded from the journal, for people and programs.

    journal ─▶ keys, apply (pure) ─▶ parts of a view + checkpoint, one transaction ─▶ view

* `contract`: what a projection is, and the one fold.
* `runner`: follows the journal and keeps the views; `rebuild`: raised versions.
* `view_store` with `memory_views` and `lmdb_views`: where views are kept.
* `transcript`, `task_board`, `roster`, `timeline`, `usage`, `requests`: the built-in views.
* `sessions`, `session_words`: two more, which sessions are listed and searched by.
* `agent_events`, `session_events`: the log as the events of feeds.

A view is never the truth: it may be deleted at any time and comes back from the log.
"""

import mentra_actors  # noqa: F401 - its face uses this package: begin with the outer one
from projections.background_jobs import BACKGROUND_JOBS
from projections.built_in import BUILT_IN
from projections.contract import (
    FunctionProjection,
    Projection,
    ProjectionFailed,
    fold_view,
    projection,
)
from projections.requests import REQUESTS
from projections.roster import ROSTER
from projections.schedules import SCHEDULES
from projections.session_words import SESSION_WORDS
from projections.sessions import SESSIONS
from projections.task_board import TASK_BOARD
from projections.timeline import TIMELINE
from projections.transcript import TRANSCRIPT
from projections.usage import USAGE

__all__ = [
    "BACKGROUND_JOBS",
    "BUILT_IN",
    "REQUESTS",
    "ROSTER",
    "SCHEDULES",
    "SESSIONS",
    "SESSION_WORDS",
    "TASK_BOARD",
    "TIMELINE",
    "TRANSCRIPT",
    "USAGE",
    "FunctionProjection",
    "Projection",
    "ProjectionFailed",
    "fold_view",
    "projection",
]

"""A team in a few figures, from its views at one moment."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.ids import AgentId, TeamId, agent_stream, board_stream, team_stream
from projections.contract import AnyProjection
from projections.views.approvals import APPROVALS, approvals_in
from projections.views.background_jobs import BACKGROUND_JOBS
from projections.views.requests import REQUESTS
from projections.views.roster import ROSTER, team_roster
from projections.views.task_board import TASK_BOARD, BoardView, board_groups
from projections.views.usage import USAGE, AgentUsage, Usage, agent_usage

__all__ = ["SUMMARY_VIEWS", "TeamSummary", "team_summary"]

SUMMARY_VIEWS: tuple[AnyProjection, ...] = (
    *(ROSTER, TASK_BOARD, APPROVALS, REQUESTS, BACKGROUND_JOBS, USAGE),
)
"""The views that a summary is made of."""


class TeamSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A team at one moment.

    `members` counts them by status, `tasks` by group (`ready`, `blocked`, `claimed`,
    `in_progress`, `completed`). `usage` is of the members and their subagents.
    """

    team_id: TeamId
    members: dict[str, int]
    tasks: dict[str, int]
    approvals_waiting: int
    requests_pending: int
    jobs_running: int
    letters_waiting: int
    usage: Usage
    last_activity: float | None
    """Unix seconds."""


def team_summary(
    views: Mapping[str, Mapping[str, Any]], team_id: TeamId = DEFAULT_TEAM
) -> TeamSummary:
    """The summary of a team by its views, as in `ViewSnapshot.views`: by name, then by key."""
    parts = {one.name: views.get(one.name, {}) for one in SUMMARY_VIEWS}
    members = team_roster(parts[ROSTER.name].get, team_id)
    ids = {one.agent_id for one in members}
    groups = board_groups(parts[TASK_BOARD.name].get(board_stream(team_id), BoardView()))
    asked = parts[REQUESTS.name].get(team_stream(team_id))
    jobs = parts[BACKGROUND_JOBS.name].values()
    return TeamSummary(
        team_id=team_id,
        members=dict(sorted(Counter(one.status for one in members).items())),
        tasks={name: len(getattr(groups, name)) for name in groups.__struct_fields__},
        approvals_waiting=len(approvals_in(parts[APPROVALS.name].values(), team_id)),
        requests_pending=sum(
            one.status == "pending" for one in (asked.requests.values() if asked else ())
        ),
        jobs_running=sum(
            one.job is not None and one.job.is_open and one.agent_id in ids for one in jobs
        ),
        letters_waiting=sum(one.mail_waiting for one in members),
        usage=sum((_usage(parts[USAGE.name], one) for one in ids), Usage()),
        last_activity=max(
            (one.last_activity for one in members if one.last_activity is not None), default=None
        ),
    )


def _usage(parts: Mapping[str, object], agent_id: AgentId) -> Usage:
    own = parts.get(agent_stream(agent_id))
    if not isinstance(own, AgentUsage):
        return Usage()
    return agent_usage(parts, agent_id, with_subagents=True).total

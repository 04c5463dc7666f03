"""Who is in a store, and what each agent is doing; nobody is woken by looking."""

import heapq
from collections.abc import Mapping, Sequence
from operator import attrgetter
from pathlib import Path

import msgspec

from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.ids import AgentId, StreamId, TeamId, agent_stream, inbox_stream, team_stream
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import open_journal_reader
from mentra_actors.store.sealing.options import Sealing
from projections.contract import fold_view
from projections.views.roster import (
    ROSTER,
    TEAM_EVENTS,
    MemberView,
    RosterPart,
    TeamMembers,
    all_rosters,
    team_roster,
)

__all__ = ["agents_of", "list_agents", "member_id", "member_view", "named_in_stream"]


def list_agents(
    path: str | Path, *, team: TeamId | None = DEFAULT_TEAM, sealing: Sealing | None = None
) -> Sequence[MemberView]:
    """The agents of a team in a store, or of all teams (None), in the order in which they joined.

    The store may be open elsewhere, also in another process: it is only read. Teammates are among
    them (`lead` says whose), subagents are not. Blocks: it reads the whole log.

        for agent in list_agents("my-team"):
            print(agent.name, agent.role, agent.status)

    Raises:
        StoreError: there is no store, or it cannot be read.
    """
    reader = open_journal_reader(path, sealing=sealing)
    try:
        return agents_of(Journal(reader), team)
    finally:
        reader.close()


def agents_of(journal: Journal, team: TeamId | None) -> Sequence[MemberView]:
    """The same from a journal that is open."""
    last = journal.last_position()
    parts = fold_view(ROSTER, journal.between(0, last, of_types=ROSTER.handles))
    return all_rosters(parts) if team is None else team_roster(parts.get, team)


def member_id(journal: Journal, name: str, team: TeamId) -> AgentId | None:
    """The id of the member of a team with this name; None if nobody has it.

    The stream of the team says it, and where that does not the log is read for who has joined.
    """
    found = named_in_stream(journal, name, team)
    if found is None:
        joined = journal.between(0, journal.last_position(), of_types=TEAM_EVENTS)
        found = _named(fold_view(ROSTER, joined), name, team)
    is_there = found is not None and any(map(journal.stream_version, _streams(found)))
    return found if is_there else None


def named_in_stream(
    journal: Journal, name: str, team: TeamId, *, through: int | None = None
) -> AgentId | None:
    """The same, as of a version of the stream of the team, by what that stream says alone.

    Agents of the first releases are in no stream of a team.
    """
    recorded = journal.read_stream(team_stream(team), through=through)
    return _named(fold_view(ROSTER, recorded), name, team)


def member_view(journal: Journal, name: str, team: TeamId) -> MemberView | None:
    """What the member of a team with this name is doing; None if nobody has it."""
    agent_id = member_id(journal, name, team)
    if agent_id is None:
        return None
    streams = map(journal.read_stream, _streams(agent_id))
    recorded = heapq.merge(*streams, key=attrgetter("global_position"))
    line = fold_view(ROSTER, recorded).get(agent_stream(agent_id))
    return msgspec.structs.replace(line, name=name) if isinstance(line, MemberView) else None


def _named(parts: Mapping[str, RosterPart], name: str, team: TeamId) -> AgentId | None:
    found = parts.get(team_stream(team))
    return found.agents.get(name) if isinstance(found, TeamMembers) else None


def _streams(agent_id: AgentId) -> tuple[StreamId, StreamId]:
    """Those whose events say what a member is doing."""
    return agent_stream(agent_id), inbox_stream(agent_id)

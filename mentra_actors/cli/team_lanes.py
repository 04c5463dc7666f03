"""Which streams are of one team, where lanes of it alone are shown."""

from mentra_actors.cli.reading import OpenStore
from mentra_actors.domain.agent.events import AgentSpawned
from mentra_actors.domain.team.events import MemberJoined
from mentra_actors.ids import (
    AgentId,
    StreamId,
    agent_stream,
    board_stream,
    category_of,
    name_of,
    schedule_stream,
    team_memory_stream,
    team_stream,
)

__all__ = ["StreamsOfTeam"]

_OF_AGENTS = ("agent", "background", "inbox", "memory")


class StreamsOfTeam:
    """Streams of a team and of its agents: members, persons and subagents, also former ones."""

    def __init__(self, team: OpenStore) -> None:
        """Of no agent is anything known yet."""
        self._team = team
        self._read_through = 0
        self._agents: set[StreamId] = set()
        self._own = {
            board_stream(team.team_id),
            schedule_stream(team.team_id),
            team_memory_stream(team.team_id),
            team_stream(team.team_id),
        }

    def read_through(self, position: int) -> None:
        """Know the agents that there are at a position."""
        told = self._team.journal.between(
            self._read_through, position, of_types=frozenset({AgentSpawned, MemberJoined})
        )
        for one in told:
            event = one.event
            if isinstance(event, AgentSpawned | MemberJoined) and (
                event.profile.team_id == self._team.team_id
            ):
                self._agents.add(agent_stream(event.profile.agent_id))
        self._read_through = max(self._read_through, position)

    def __contains__(self, stream_id: object) -> bool:
        if not isinstance(stream_id, str):
            return False
        stream = StreamId(stream_id)
        if stream in self._own:
            return True
        is_of_agent = category_of(stream) in _OF_AGENTS
        return is_of_agent and agent_stream(AgentId(name_of(stream))) in self._agents

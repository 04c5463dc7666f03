"""One moment of a store: everything as it was after a global position."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from mentra_actors.domain.storable import encodable
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, StreamId, TeamId, agent_stream, board_stream, team_stream
from mentra_actors.runtime.history.agent_moment import AgentMoment
from mentra_actors.runtime.history.past import Past, recorded_time
from mentra_actors.runtime.plain_arguments import require_whole
from mentra_actors.runtime.views.agent_lists import named_in_stream
from projections.contract import ONE_PART, Projection
from projections.running.unshared import unshared
from projections.views.awaited import AwaitedEffect, awaited_by_members
from projections.views.roster import ROSTER, MemberView, TeamMembers, team_roster
from projections.views.task_board import TASK_BOARD, BoardView
from projections.views.transcript_item import TranscriptItem
from projections.views.usage import USAGE, AgentUsage, agent_usage, team_usage

__all__ = ["Moment", "require_position"]

V = TypeVar("V")


class Moment:
    """What the log says up to `position`. Safe from any thread; reading does file I/O.

    It never changes: what is recorded later belongs to later moments.
    """

    def __init__(self, past: Past, position: int) -> None:
        """Made by `History.at`."""
        self.position = position
        self._past = past

    def __repr__(self) -> str:
        return f"Moment({self.position})"

    @property
    def event(self) -> RecordedEvent[object] | None:
        """The last event that counts; None at position 0."""
        return self._past.journal.event_at(self.position)

    @property
    def time(self) -> datetime | None:
        """When the last event that counts was recorded; None at position 0."""
        last = self.event
        return None if last is None else recorded_time(last.recorded_at_ns)

    def view(self, projection: Projection[V], key: str = ONE_PART) -> V | None:
        """One part of a view as it was, or None if no event had touched it."""
        return unshared(self._past.views.part(projection, key, self.position))

    def parts(self, projection: Projection[V]) -> Mapping[str, V]:
        """All parts of a view as they were, by key."""
        found = self._past.views.parts(projection, self.position)
        return {key: unshared(part) for key, part in found.items()}

    def agent(self, name: str, *, team: TeamId | str = DEFAULT_TEAM) -> AgentMoment:
        """One agent as it was, by the name that it had then, or by its id.

        Raises:
            CommandRejected: nobody had the name; the message lists who was there.
            TypeError: it is no text.
        """
        if not isinstance(name, str):
            raise TypeError(f"a name is a plain string, not {name!r}")
        found = self.agent_of_id(self._member(name, TeamId(team)) or AgentId(encodable(name)))
        if found is None:
            known = ", ".join(one.name for one in self.roster(team)) or "nobody yet"
            raise CommandRejected(
                f"no agent had the name {name!r} at position {self.position}; there was {known}"
            )
        return found

    def agent_of_id(self, agent_id: AgentId) -> AgentMoment | None:
        """One agent as it was; None if it was not there yet."""
        version = self._past.journal.version_at(agent_stream(agent_id), self.position)
        return AgentMoment(self._past, agent_id, version, self.position) if version else None

    def transcript(
        self, name: str, *, last: int | None = None, team: TeamId | str = DEFAULT_TEAM
    ) -> Sequence[TranscriptItem]:
        """What an agent had been told, said and done; with `last` only the end of it.

        Raises:
            CommandRejected: nobody had the name.
        """
        return self.agent(name, team=team).transcript(last=last)

    def board(self, team: TeamId | str = DEFAULT_TEAM) -> BoardView:
        """The task board of a team."""
        return self.view(TASK_BOARD, board_stream(team)) or BoardView()

    def roster(self, team: TeamId | str = DEFAULT_TEAM) -> Sequence[MemberView]:
        """The members of a team and what each did, in the order in which they had joined."""
        return team_roster(self._past.views.parts(ROSTER, self.position).get, TeamId(team))

    def awaited(self, team: TeamId | str = DEFAULT_TEAM) -> Sequence[AwaitedEffect]:
        """What the members of a team waited for at this moment, the oldest first."""
        journal = self._past.journal

        def events_of(stream_id: StreamId) -> Sequence[RecordedEvent[object]]:
            version = journal.version_at(stream_id, self.position)
            return journal.read_stream(stream_id, through=version)

        return awaited_by_members(self.roster(team), events_of)

    def usage(self, name: str = "", *, team: TeamId | str = DEFAULT_TEAM) -> AgentUsage:
        """Tokens and money until then: of all agents of a team, or of one with its subagents.

        Raises:
            CommandRejected: nobody had the name.
        """
        view = self._past.views.parts(USAGE, self.position)
        if not name:
            return team_usage(view, team)
        return agent_usage(view, self.agent(name, team=team).agent_id, with_subagents=True)

    def _member(self, name: str, team_id: TeamId) -> AgentId | None:
        """From the stream of the team, which is short; from all of the roster if it is not there.

        Agents of the first releases are in no stream of a team.
        """
        journal, stream_id = self._past.journal, team_stream(team_id)
        version = journal.version_at(stream_id, self.position)
        found = named_in_stream(journal, name, team_id, through=version)
        if found is None:
            part = self._past.views.parts(ROSTER, self.position).get(stream_id)
            found = part.agents.get(name) if isinstance(part, TeamMembers) else None
        return found


def require_position(position: object, last: int) -> None:
    """Refuse what is no position of a log that ends at `last`.

    Raises:
        CommandRejected: it is not there.
        TypeError: it is no whole number.
    """
    require_whole(position, "a position")
    if not 0 <= position <= last:  # type: ignore[operator]
        raise CommandRejected(f"the log has positions 0 to {last}; {position} is not there")

"""What a runtime goes on with when it is opened, and later when it is asked to."""

from collections.abc import Collection, Iterable
from typing import Literal, TypeAlias, get_args

from mentra_actors.actors.directory import Directory
from mentra_actors.domain.agent.events import AgentSpawned
from mentra_actors.ids import AgentId, StreamId, TeamId, agent_stream, category_of, name_of
from mentra_actors.runtime.writing.writer_lease import WRITER_LEASE
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import EventStore

__all__ = ["Resume", "Resumption", "require_resume"]

Resume: TypeAlias = Literal["all", "team", "none"]
"""Whose open work goes on: of all teams in the store, of the runtime's own, or nobody's."""

_OF_A_TEAM = frozenset({"team", "board", "schedule"})


class Resumption:
    """Wakes the owners of open streams, and knows which of them were left asleep."""

    def __init__(
        self, store: EventStore, journal: Journal, directory: Directory, *, what: Resume
    ) -> None:
        self._store = store
        self._journal = journal
        self._directory = directory
        self._what = what
        self._asleep: frozenset[StreamId] = frozenset()

    def begin(self, team: TeamId) -> tuple[tuple[StreamId, ...], tuple[StreamId, ...]]:
        """Wake what is to go on: which streams, and those that nobody of this release owns."""
        opened = {_owner_of(stream_id) for stream_id in self._store.open_streams()}
        owned = {stream_id for stream_id in opened if self._directory.has_owner(stream_id)}
        owners = owned - self._directory.quarantined().keys()
        chosen = {one for one in owners if one == WRITER_LEASE or self._is_chosen(one, team)}
        self._asleep = frozenset(owners - chosen)
        return self._woken(chosen), tuple(sorted(opened - owned))

    def rest(self) -> tuple[StreamId, ...]:
        """Wake all that was left asleep: which streams."""
        left, self._asleep = self._asleep, frozenset()
        return self._woken(left)

    def asleep(self) -> frozenset[StreamId]:
        """Streams with open work that were left asleep and still are."""
        return self._asleep.difference(self._directory.live()) if self._asleep else self._asleep

    def open_owners(self, categories: Collection[str]) -> tuple[StreamId, ...]:
        """Who of these kinds has work, less those that were left asleep and still are."""
        opened = {_owner_of(stream_id) for stream_id in self._store.open_streams()}
        owners = {one for one in opened if category_of(one) in categories}
        return tuple(sorted(owners - self.asleep()))

    def _woken(self, streams: Iterable[StreamId]) -> tuple[StreamId, ...]:
        in_order = sorted(streams)
        for stream_id in in_order:
            self._directory.wake(stream_id)
        return tuple(one for one in in_order if one != WRITER_LEASE)

    def _is_chosen(self, stream_id: StreamId, team: TeamId) -> bool:
        if self._what != "team":
            return self._what == "all"
        category = category_of(stream_id)
        if category == "agent":
            return self._team_of(stream_id) == team
        return category not in _OF_A_TEAM or name_of(stream_id) == team

    def _team_of(self, stream_id: StreamId) -> TeamId | None:
        for one in self._journal.read_stream(stream_id, through=1):
            if isinstance(one.event, AgentSpawned):
                return one.event.profile.team_id
        return None


def require_resume(what: object) -> None:
    """Refuse a word that does not say whose work goes on.

    Raises:
        ValueError: it is none of them.
    """
    if what not in get_args(Resume):
        raise ValueError(f"resume is all, team or none, not {what!r}")


def _owner_of(stream_id: StreamId) -> StreamId:
    if category_of(stream_id) == "inbox":
        return agent_stream(AgentId(name_of(stream_id)))
    return stream_id

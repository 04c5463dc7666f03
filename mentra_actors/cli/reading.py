"""Reading a store that this or another process may be writing. A store is never made here."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from mentra_actors.cli.key_options import chosen_sealing
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, StreamId, agent_stream, board_stream, category_of
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import open_journal_reader
from mentra_actors.store.ports import JournalReader
from projections.background_jobs import JobView, stored_jobs
from projections.contract import fold_view
from projections.roster import ROSTER, MemberView, team_roster
from projections.task_board import TASK_BOARD, BoardView

__all__ = ["OpenStore", "opened"]

_LOOK_S = 1.0


class OpenStore(msgspec.Struct, frozen=True, kw_only=True):
    """A store that is open for reading."""

    path: Path
    reader: JournalReader
    journal: Journal

    def wait_for_more(self, seen: int) -> bool:
        """Wait until the log is longer than `seen`; False if Ctrl-C came first."""
        try:
            while self.reader.wait_for_position(seen + 1, timeout_s=_LOOK_S) <= seen:
                pass
        except KeyboardInterrupt:  # the way to end it
            return False
        return True

    def members(self) -> list[MemberView]:
        """The agents of the team."""
        roster = fold_view(ROSTER, self.journal.through())
        return list(team_roster(roster.get, DEFAULT_TEAM))

    def board(self, at: int | None = None) -> BoardView:
        """The task board of the team, as of a version of its stream (None: as it is).

        Raises:
            CommandRejected: the version is to come.
        """
        stream_id = board_stream(DEFAULT_TEAM)
        last = self.reader.stream_version(stream_id)
        if at is not None and at > last:
            raise CommandRejected(f"the board is at version {last}; --at {at} is to come")
        recorded = self.journal.read_stream(stream_id, through=at)
        return fold_view(TASK_BOARD, recorded).get(stream_id, BoardView())

    def jobs(self) -> tuple[JobView, ...]:
        """The background jobs of all agents, the oldest first."""
        return stored_jobs(self.reader, self.journal)

    def stream(self, name: str) -> StreamId:
        """The stream of an agent with this name, or the stream with this id.

        Raises:
            CommandRejected: there is neither; the message lists what there is.
        """
        members = {member.name: member.agent_id for member in self.members()}
        if name in members:
            return agent_stream(members[name])
        # An agent may be on no roster: those who are forgotten have left no name there.
        for stream_id in (StreamId(name), agent_stream(AgentId(name))):
            if name and self.reader.stream_version(stream_id):
                return stream_id
        listed = {agent_stream(agent_id) for agent_id in members.values()}
        categories = ("agent", "background", "board", "inbox", "lease", "memory", "rules", "team")
        streams = [one for category in categories for one in self.reader.stream_ids(category)]
        others = [one for one in streams if one not in listed]
        raise CommandRejected(
            f"no agent or stream is named {name!r} in {self.path}; "
            f"agents: {', '.join(members) or 'none'}; streams: {', '.join(others) or 'none'}"
        )

    def agent_stream(self, name: str) -> StreamId:
        """The stream of an agent.

        Raises:
            CommandRejected: there is no such agent; the message lists those that there are.
        """
        stream_id = self.stream(name)
        if category_of(stream_id) != "agent":
            raise CommandRejected(
                f"{name!r} is not an agent; `mentra log {name}` shows its events"
            )
        return stream_id


@contextmanager
def opened(path: Path) -> Iterator[OpenStore]:
    """A reader of the store for the length of a block.

    Raises:
        StoreError: there is no store, or it cannot be read.
    """
    reader = open_journal_reader(path, sealing=chosen_sealing())
    try:
        yield OpenStore(path=path, reader=reader, journal=Journal(reader))
    finally:
        reader.close()

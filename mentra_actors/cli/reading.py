"""Reading a store that this or another process may be writing. A store is never made here."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from mentra_actors.cli.key_options import chosen_sealing
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.errors import CommandRejected, StoreError
from mentra_actors.ids import (
    AgentId,
    StreamId,
    TeamId,
    agent_stream,
    board_stream,
    category_of,
    name_of,
)
from mentra_actors.runtime.views.agent_lists import member_id, member_view
from mentra_actors.runtime.views.kept_views import views_on_demand
from mentra_actors.runtime.views.view_reading import LONG_LOG, folded_through
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import open_journal_reader
from mentra_actors.store.ports import JournalReader
from mentra_actors.store.sql.opening import is_sql_url
from projections.contract import AnyProjection, Projection, fold_view
from projections.views.background_jobs import JobView, stored_jobs
from projections.views.roster import ROSTER, MemberView, team_roster
from projections.views.task_board import TASK_BOARD, BoardView

__all__ = ["OpenStore", "opened", "until_ctrl_c"]

V = TypeVar("V")

_LOG = logging.getLogger(__name__)
_LOOK_S = 1.0
_CATEGORIES = (
    *("agent", "background", "board", "inbox", "lease", "memory"),
    *("rules", "schedule", "supervision", "team"),
    *("adk", "adkapp", "adkuser", "langgraph", "openai"),
)
_AGENTS = ("agent",)
_OF_TEAMS = ("team", "board", "schedule")


@contextmanager
def until_ctrl_c(*, follows: bool) -> Iterator[None]:
    """A block that may follow the log: then Ctrl-C ends it in order, wherever it is just now."""
    try:
        yield
    except KeyboardInterrupt:
        if not follows:
            raise


class OpenStore(msgspec.Struct, frozen=True, kw_only=True):
    """A store that is open for reading."""

    path: Path
    reader: JournalReader
    journal: Journal
    team_id: TeamId = DEFAULT_TEAM
    """Whose members, board, requests and schedules are meant."""

    def of(self, team: str) -> "OpenStore":
        """The same store, with another team in mind; there may be none of this name."""
        return msgspec.structs.replace(self, team_id=TeamId(team))

    def wait_for_more(self, seen: int) -> None:
        """Wait until the log is longer than `seen`."""
        while self.reader.wait_for_position(seen + 1, timeout_s=_LOOK_S) <= seen:
            pass

    def ends(self, *, follow: bool) -> Iterator[int]:
        """The last position; who follows gets the next each time the log is longer, for ever.

        An end that has come while the last one was looked at is given at once.
        """
        while True:
            last = self.reader.last_position()
            yield last
            if not follow:
                return
            self.wait_for_more(last)

    def members(self) -> list[MemberView]:
        """The members of the team, persons too."""
        return list(team_roster(self.parts(ROSTER).get, self.team_id))

    def parts(self, projection: Projection[V]) -> Mapping[str, V]:
        """All parts of a built-in view as it is now.

        On a long log a view is kept beside it, so that the next look begins there.
        """
        return self.kept(projection)[0]

    def kept(self, *projections: AnyProjection) -> list[Mapping[str, Any]]:
        """The same of some, folded together."""
        if self.reader.last_position() >= LONG_LOG and not is_sql_url(self.path):
            try:
                with views_on_demand(self.reader, self.path, projections) as views:
                    views.catch_up()
                    if not any(one.failure for one in views.status()):
                        return [views.parts(one) for one in projections]
            except StoreError as error:  # views of a newer release, or a full disk
                _LOG.info("views beside %s are not used: %s", self.path, error)
        last = self.reader.last_position()
        folded = folded_through(self.reader, projections, last)
        return [folded[one.name] for one in projections]

    def member(self, name: str) -> MemberView:
        """The member of the team with this name.

        Raises:
            CommandRejected: there is none; the message lists the members.
        """
        found = member_view(self.journal, name, self.team_id)
        if found is None:
            known = ", ".join(one.name for one in self.members()) or "nobody"
            raise CommandRejected(f"no member is named {name!r}; the team has {known}")
        return found

    def teams(self) -> list[TeamId]:
        """All teams of the store, by name."""
        streams = (one for kind in _OF_TEAMS for one in self.reader.stream_ids(kind))
        return sorted({TeamId(name_of(one)) for one in streams})

    def board(self, at: int | None = None) -> BoardView:
        """The task board of the team, as of a version of its stream (None: as it is).

        Raises:
            CommandRejected: the version is to come.
        """
        stream_id = board_stream(self.team_id)
        last = self.reader.stream_version(stream_id)
        if at is not None and at > last:
            raise CommandRejected(f"the board is at version {last}; --at {at} is to come")
        recorded = self.journal.read_stream(stream_id, through=at)
        return fold_view(TASK_BOARD, recorded).get(stream_id, BoardView())

    def jobs(self) -> tuple[JobView, ...]:
        """The background jobs of all agents, the oldest first."""
        return stored_jobs(self.reader, self.journal)

    def stream(self, name: str, categories: Sequence[str] = _CATEGORIES) -> StreamId:
        """The stream of an agent with this name, or the stream with this id.

        `categories` are those whose streams are listed where there is none.

        Raises:
            CommandRejected: there is neither; the message lists what there is.
        """
        agent_id = member_id(self.journal, name, self.team_id)
        if agent_id is not None:
            return agent_stream(agent_id)
        # An agent may be on no roster: those who are forgotten have left no name there.
        for stream_id in (StreamId(name), agent_stream(AgentId(name))):
            if name and self.reader.stream_version(stream_id):
                return stream_id
        members = self.members()
        listed = {agent_stream(one.agent_id) for one in members}
        streams = [one for category in categories for one in self.reader.stream_ids(category)]
        others = [one for one in streams if one not in listed]
        listed_streams = f"; streams: {', '.join(others)}" if others else ""
        raise CommandRejected(
            f"no {'agent or stream' if others else 'agent'} is named {name!r} in {self.path}; "
            f"agents: {', '.join(one.name for one in members) or 'none'}{listed_streams}"
        )

    def agent_stream(self, name: str) -> StreamId:
        """The stream of an agent.

        Raises:
            CommandRejected: there is no such agent; the message lists those that there are.
        """
        stream_id = self.stream(name, _AGENTS)
        if category_of(stream_id) != "agent":
            raise CommandRejected(
                f"{name!r} is not an agent; `mentra log {name}` shows its events"
            )
        return stream_id


@contextmanager
def opened(path: Path, team: str = DEFAULT_TEAM) -> Iterator[OpenStore]:
    """A reader of the store, and of one team in it, for the length of a block.

    Raises:
        StoreError: there is no store, or it cannot be read.
        CommandRejected: it has no such team; the message lists those that it has.
    """
    reader = open_journal_reader(path, sealing=chosen_sealing())
    try:
        store = OpenStore(path=path, reader=reader, journal=Journal(reader), team_id=TeamId(team))
        if team != DEFAULT_TEAM and team not in (known := store.teams()):
            named = ", ".join(known) or "none yet"
            raise CommandRejected(f"no team is named {team!r}; the store has {named}")
        yield store
    finally:
        reader.close()

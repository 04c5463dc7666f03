"""Logs for `time_travel`: a team that writes letters, an agent of many turns, plain events.

Of the team one period is recorded by the runtime: two agents that write to each other, letter by
letter. Then it is written again and again, each time for two others of the same team, with a task
on the board between them. All names have one length, so they are exchanged in the stored bytes.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any

import mentra_actors as mentra
from benchmarks.peers.team_rest import STREAM, TAIL, steps
from benchmarks.store_folder import fill
from benchmarks.store_workload import STREAMS, Requests, agent_sizes
from mentra_actors.actors.past_states import PastStates
from mentra_actors.actors.state_loading import StateLoader
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.board.commands import CreateTask
from mentra_actors.domain.board.decider import BOARD
from mentra_actors.domain.content import UserMessage
from mentra_actors.ids import CommandId, StreamId, TeamId, board_stream
from mentra_actors.runtime.history.appends import appends_in
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import open_journal_reader
from mentra_actors.store.ports import AppendRequest, EncodedEvent, StoredEvent, StreamAppend

__all__ = ["BOARD_STREAM", "FIRST", "agent_log", "plain_log", "recorded_period", "team_log"]

BOARD_STREAM = board_stream(TeamId("main"))
_PAIR = "x000"
FIRST, _SECOND = f"ann{_PAIR}", f"bob{_PAIR}"
_GAP_NS = 1_000_000_000
_OWN = ("agent-", "inbox-", "team-")
"""Streams of a period; the lease of the process that recorded it is not written again."""


def recorded_period(path: Path, letters: int) -> None:
    """Two agents that write each other so many letters; each one wakes the other."""
    written = count(1)
    other = {FIRST: _SECOND, _SECOND: FIRST}

    def answer(request: Any) -> Any:
        is_told = isinstance(request.messages[-1], UserMessage)
        if not is_told or next(written) > letters:
            return "That is done."
        words = "Look at the next part and tell me what you have found there."
        return [mentra.call("team_send", to=other[request.model], content=words)]

    model = mentra.ScriptedModel(answer)
    with mentra.open_runtime_sync(path, providers=[model], durability="volatile") as runtime:
        first, _ = (runtime.spawn(name, model=f"scripted:{name}") for name in other)
        first.send("Begin.")
        runtime.until_idle()


def team_log(path: Path, events: int, letters: int) -> None:
    """A store of a team with at least so many events, of pairs as `recorded_period` makes them."""
    original = path.with_name(f"{path.name}-period")
    recorded_period(original, letters)
    reader = open_journal_reader(original)
    period = list(_appends(reader.read_journal(limit=1_000_000)))
    reader.close()
    store = LmdbEventStore.open(path, durability="volatile")
    team = _Team(store)
    for number in islice(count(), 1000):
        fill(store, team.pair(period, number))
        store.append(team.task(number))
        if store.last_position() >= events:
            break
    store.close()


def agent_log(path: Path, events: int) -> StreamId:
    """A store with one agent of so many events, and the snapshots that its runtime would leave.

    The newest one is half as old as it gets; milestones are as `PastStates` makes them.
    """
    store = LmdbEventStore.open(path, durability="volatile")
    recorded = steps()
    fill(store, _of_agent(store, recorded, events - TAIL))
    loader = StateLoader(AGENT, store)
    PastStates(AGENT, store).at(STREAM, store.stream_version(STREAM))
    loader.save(STREAM, loader.load(STREAM))
    fill(store, _of_agent(store, recorded, TAIL))
    store.close()
    return STREAM


def _of_agent(
    store: LmdbEventStore, recorded: Iterator[Sequence[Any]], events: int
) -> Iterator[AppendRequest]:
    """Appends of the agent with so many events, the last ones cut off."""
    journal, left = Journal(store), events
    while left:
        part = next(recorded)[:left]
        left -= len(part)
        yield AppendRequest(streams=(journal.stream_append(STREAM, part, None),))


def plain_log(store: LmdbEventStore, events: int) -> None:
    """Events of two types in 1000 streams, in appends of 3 to 10 events."""
    requests = Requests()
    sizes = enumerate(agent_sizes(events))
    fill(store, (requests.take(number % STREAMS, size) for number, size in sizes))


class _Team:
    """Writes periods of ever new pairs into one store."""

    def __init__(self, store: LmdbEventStore) -> None:
        self._journal = Journal(store)
        self._board = BOARD.initial

    def pair(self, period: list[list[StoredEvent]], number: int) -> Iterator[AppendRequest]:
        """The appends of a period, of the pair with this number."""
        span_ns = period[-1][-1].recorded_at_ns - period[0][0].recorded_at_ns + _GAP_NS
        name = f"x{number:03d}"
        for append in period:
            first = append[0]
            yield AppendRequest(
                streams=tuple(_streams(append, name)),
                recorded_at_ns=first.recorded_at_ns + number * span_ns,
                causation=first.causation.replace(_PAIR, name),
                correlation=first.correlation.replace(_PAIR, name),
            )

    def task(self, number: int) -> AppendRequest:
        """A task on the board of the team."""
        command = CreateTask(
            command_id=CommandId(f"task-{number}"),
            subject=f"part {number}",
            created_by=FIRST,
            now=float(number),
        )
        events = BOARD.decide(command, self._board)
        self._board = BOARD.fold(events, self._board)
        return AppendRequest(streams=(self._journal.stream_append(BOARD_STREAM, events, None),))


def _appends(events: Iterable[StoredEvent]) -> Iterator[list[StoredEvent]]:
    own = (one for one in events if one.stream_id.startswith(_OWN))
    yield from appends_in(own)  # type: ignore[arg-type, misc]  # it looks at places only


def _streams(append: list[StoredEvent], name: str) -> Iterator[StreamAppend]:
    by_stream: dict[str, list[EncodedEvent]] = {}
    old, new = _PAIR.encode(), name.encode()
    for one in append:
        event = EncodedEvent(one.event_type, one.payload.replace(old, new))
        by_stream.setdefault(one.stream_id.replace(_PAIR, name), []).append(event)
    for stream_id, events in by_stream.items():
        yield StreamAppend(stream_id=StreamId(stream_id), events=tuple(events))

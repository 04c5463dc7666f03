"""What holds of every memory and of the index that it is searched by."""

import tempfile
from functools import reduce
from pathlib import Path
from typing import get_args

import msgspec
from hypothesis import given as forall
from hypothesis import strategies as st

from mentra_actors.domain.memory import (
    MEMORY,
    ForgetRecord,
    MemoryEvent,
    MemoryForgotten,
    MemoryRecord,
    MemoryRecorded,
    PinFact,
    PinFacts,
)
from mentra_actors.domain.memory_views import MemoryQuestion, agent_view, team_view
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import (
    AgentId,
    TeamId,
    memory_stream,
    project_memory_stream,
    team_memory_stream,
)
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest
from mentra_actors.testing.decider_laws import (
    check_pure,
    check_restart,
    check_snapshots,
    check_total,
)
from mentra_actors.testing.given_when_then import given, play
from mentra_actors.testing.strategies import any_history, memory_histories
from projections.memory.index import MemoryIndex

STREAMS = [
    *(memory_stream(AgentId(name)) for name in ("ann", "bob")),
    team_memory_stream(TeamId("main")),
    project_memory_stream(),
]
VIEWS = [
    *(agent_view(AgentId(name), TeamId("main")) for name in ("ann", "bob")),
    team_view(TeamId("main")),
]
QUESTIONS = ["red", "a blue house", "boats", "東京", "ünï", '"red" OR NEAR(blue)', "nothing else"]
NOW = 1e9


@forall(memory_histories())
def test_a_memory_keeps_the_laws_of_deciders(commands):
    check_pure(MEMORY, [], commands)
    check_restart(MEMORY, [], commands)
    check_snapshots(MEMORY, [], commands)


@forall(any_history(get_args(MemoryEvent)))
def test_no_history_makes_a_memory_raise(events):
    check_total(MEMORY, events)


@forall(any_history(get_args(MemoryEvent)))
def test_many_events_at_once_are_those_events_one_by_one(events):
    one_by_one = reduce(lambda state, event: MEMORY.fold([event], state), events, MEMORY.initial)

    assert MEMORY.fold(events) == one_by_one


@forall(memory_histories())
def test_a_repeated_command_records_nothing(commands):
    """Calls and runs are told again after a crash.

    What was known in the same words under another id left no trace. Once that one is forgotten, it
    is new; but what was recorded stays as it is, and one that is forgotten stays so.
    """
    answers = play(given(MEMORY), commands)
    for command, answer in zip(commands, answers, strict=True):
        if answer.events:
            assert answer.when(command) == []
            again = answers[-1].when(command)
            assert set(map(id_in, again.events)).isdisjoint(map(id_in, answer.events))
            assert again == [] or (again.events and isinstance(command, PinFacts))


def id_in(event):
    return event.record.record_id if isinstance(event, MemoryRecorded) else event.record_id


KNOWN = [
    PinFact(record_id="r3", content="red", by="ann", now=0.0),
    PinFacts(
        facts=(
            PinFact(record_id="r0", content="red", by="ann", now=0.0),
            PinFact(record_id="r1", content="red house", by="ann", now=0.0),
        )
    ),
    ForgetRecord(record_id="r3", by="ann", now=0.0),
]


def test_words_that_were_known_are_new_once_they_are_forgotten():
    *_, last = play(given(MEMORY), KNOWN)
    assert [one.record.record_id for one in last.when(KNOWN[1]).events] == ["r0"]


@forall(memory_histories())
def test_an_id_is_used_once_and_no_two_pinned_facts_are_alike(commands):
    recorded, live = [], {}
    for answer in play(given(MEMORY), commands):
        for event in answer.events:
            if isinstance(event, MemoryForgotten):
                live.pop(event.record_id, None)
                continue
            recorded.append(event.record.record_id)
            live[event.record.record_id] = event.record
        pinned = [one.content for one in live.values() if one.pinned]

        assert len(recorded) == len(set(recorded))
        assert len(pinned) == len(set(pinned))
        digests = answer.state.digests.entries()
        assert {one for one in digests if answer.state.is_live(one)} == set(live)


# --- the index ----------------------------------------------------------------------------------


class Log:
    """Two memories, and what is in them."""

    def __init__(self):
        self.store = MemoryEventStore()
        self.states = dict.fromkeys(STREAMS, MEMORY.initial)
        self.live = {stream_id: {} for stream_id in STREAMS}

    def tell(self, stream_id, command):
        try:
            events = MEMORY.decide(command, self.states[stream_id])
        except CommandRejected:
            return
        self.append(stream_id, events)

    def append(self, stream_id, events):
        if not events:
            return
        part = Journal(self.store).stream_append(stream_id, events, None)
        self.store.append(AppendRequest(streams=(part,)))
        self.states[stream_id] = MEMORY.fold(events, self.states[stream_id])
        for event in events:
            if isinstance(event, MemoryForgotten):
                self.live[stream_id].pop(event.record_id, None)
            else:
                self.live[stream_id][event.record.record_id] = event.record


def all_that(index):
    """Everything that an index can be asked."""
    found = {
        (view.name, words): index.search(view, asked(words, 5))
        for view in VIEWS
        for words in QUESTIONS
    }
    return found, [index.records(view) for view in VIEWS]


def asked(words, limit):
    return MemoryQuestion(words=words, limit=limit, now=NOW)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(STREAMS), memory_histories(6), st.sampled_from(["", "look", "open"])
    ),
    max_size=8,
)


@forall(STEPS)
def test_an_index_is_the_same_however_it_came_about(steps):
    """Searched all the time, opened again now and then, or made at once at the end."""
    with tempfile.TemporaryDirectory() as directory:
        path, log = Path(directory) / "index", Log()
        live = MemoryIndex(log.store, path)
        for stream_id, commands, then in steps:
            for command in commands:
                log.tell(stream_id, command)
            if then == "look":
                live.search(VIEWS[len(commands) % 3], asked("red", 3))
            if then == "open":
                live.close()
                live = MemoryIndex(log.store, path)
        fresh = MemoryIndex(log.store)

        assert all_that(live) == all_that(fresh)
        live.close()
        fresh.close()


@forall(STEPS)
def test_a_search_finds_what_is_recorded_and_only_what_its_agent_may_see(steps):
    """At once, and never a forgotten record or one of another agent."""
    log = Log()
    index = MemoryIndex(log.store)
    for stream_id, commands, _then in steps:
        for command in commands:
            log.tell(stream_id, command)
        for view in VIEWS:
            present = {
                (stream.scope, name): msgspec.structs.replace(record, scope=stream.scope)
                for stream in view.streams
                for name, record in log.live.get(stream.stream_id, {}).items()
            }

            assert {(one.scope, one.record_id): one for one in index.records(view)} == present
            found = index.search(view, asked("red", 50))
            expected = {key for key, one in present.items() if "red" in one.content}
            assert {(one.record.scope, one.record.record_id) for one in found} == expected
            for one in found:
                assert one.record == present[one.record.scope, one.record.record_id]
    index.close()


SECRETS = st.lists(st.text("bcdfghjk", min_size=9, max_size=9), min_size=1, max_size=3)
RECORDS = st.lists(st.tuples(SECRETS, st.booleans(), st.booleans()), min_size=1, max_size=9)


@forall(RECORDS)
def test_no_byte_of_the_index_holds_a_forgotten_record(steps):
    """What is taken back is taken back: a copy of the disk shows nothing of it."""
    with tempfile.TemporaryDirectory() as directory:
        path, log = Path(directory) / "index", Log()
        index, kept, gone = MemoryIndex(log.store, path), set(), set()
        for number, (words, is_forgotten, looks) in enumerate(steps):
            record = MemoryRecord(
                record_id=f"r{number}",
                kind="episode",
                content=f"{' '.join(words)} and more of it",
                source="auto_ingest",
                recorded_at=0.0,
                by="ann",
            )
            log.append(STREAMS[0], [MemoryRecorded(record=record)])
            if looks:
                index.catch_up(VIEWS[0])
            if is_forgotten:
                command = ForgetRecord(record_id=f"r{number}", by="ann", now=0.0)
                log.tell(STREAMS[0], command)
            # An index leaves out the beginning that a word shares with the one before it.
            (gone if is_forgotten else kept).update(word[3:] for word in words)
        index.catch_up(VIEWS[0])
        index.close()
        written = b"".join(one.read_bytes() for one in Path(directory).iterdir()).lower()

        assert [end for end in gone - kept if end.encode() in written] == []

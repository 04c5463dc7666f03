"""What holds of all that is remembered of a conversation, and of what a request tells of it."""

import tempfile
from pathlib import Path
from typing import get_args

from hypothesis import given as forall
from hypothesis import strategies as st

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.content import TextBlock
from mentra_actors.domain.memory import (
    MAX_TEXT_BYTES,
    FoundRecord,
    MemoryForgotten,
    MemoryRecord,
    episode_id,
    summary_id,
)
from mentra_actors.domain.memory_views import MemoryQuestion, agent_view
from mentra_actors.domain.model_call import StopReason
from mentra_actors.domain.recalled import recalled_text, seen_words
from mentra_actors.domain.transcript import Transcript, apply
from mentra_actors.ids import AgentId, TeamId, agent_stream, memory_stream
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest
from mentra_actors.testing.agent_strategies import SPAWNED, agent_histories
from mentra_actors.testing.given_when_then import given, play
from mentra_actors.testing.strategies import any_history
from projections.memory import following as memory_following
from projections.memory.episodes import EpisodeFold, FoldPlace, without_middle
from projections.memory.index import MemoryIndex

LEAD = AgentId("lead")
VIEW = agent_view(LEAD, TeamId("main"))
NOW = 1e9


def told_by(commands):
    """The events of each command."""
    return [[SPAWNED], *(list(one.events) for one in play(given(AGENT, SPAWNED), commands))]


def remembered(events, start=FoldPlace()):
    """What a fold says of the events after a place, and where it could begin after each."""
    fold, records, safe = EpisodeFold(LEAD, start), [], [start]
    for version, event in enumerate(events[start.version :], start.version + 1):
        told = fold.step(event, version)
        if told is not None:
            records.append(told)
        safe.append(fold.safe)
    return records, safe


@forall(agent_histories())
def test_each_run_that_was_answered_is_an_episode_and_each_compaction_a_summary(commands):
    """And nothing else is: not a run that failed, was cancelled or was taken back."""
    events = [event for events in told_by(commands) for event in events]
    records, _safe = remembered(events)
    finished = [one for one in events if isinstance(one, e.RunFinished)]
    replied = any(isinstance(one, e.ModelReplied) and one.blocks for one in events)

    names = [one.record.record_id for one in records]
    assert len(names) == len(set(names))
    assert {one for one in names if one.startswith("episode-")} <= {
        episode_id(one.run_id) for one in finished
    }
    assert {episode_id(one.run_id) for one in finished if one.answer} <= set(names)
    assert [one for one in names if one.startswith("summary-")] == [
        summary_id(one.effect_id)
        for one in events
        if isinstance(one, e.ConversationCompacted) and one.compaction.summary.strip()
    ]
    assert replied or not any(one.startswith("episode-") for one in names)


@forall(agent_histories())
def test_a_fold_that_begins_where_it_may_says_the_same_of_all_that_comes(commands):
    """A process that comes later reads from there, not from the first event."""
    events = [event for events in told_by(commands) for event in events]
    all_of_it, safe = remembered(events)
    for version, place in enumerate(safe):
        assert place.version <= version
        rest = [one for one in remembered(events, place)[0] if one.revision > version]
        assert rest == [one for one in all_of_it if one.revision > version]


@forall(any_history(get_args(e.AgentEvent), max_size=30))
def test_no_history_makes_the_reading_of_it_raise(events):
    remembered(events)


@forall(agent_histories())
def test_no_episode_is_told_that_the_model_sees(commands):
    """What is remembered names the entries at which the transcript has it."""
    transcript, told, entries = Transcript(), [], EpisodeFold(LEAD)
    is_summarised = False  # a run that was in its middle is told by the summary and its episode
    events = [event for events in told_by(commands) for event in events]
    for version, event in enumerate(events, 1):
        transcript = apply(transcript, event)
        if isinstance(event, e.RunStarted | e.ConversationCompacted):
            is_summarised = isinstance(event, e.ConversationCompacted)
        one = entries.step(event, version)
        if one is not None:
            told.append(one)
            assert is_summarised or seen_words(transcript).has(one.record.kind, one.entry)
    assert all(one.entry <= len(transcript.entries) for one in told)


# --- the index ----------------------------------------------------------------------------------


def append(store, stream_id, events):
    if events:
        part = Journal(store).stream_append(stream_id, events, None)
        store.append(AppendRequest(streams=(part,)))


def all_that(index):
    questions = ["a longer text", "yes", "line break", "unï"]
    found = [
        index.search(VIEW, MemoryQuestion(words=words, limit=5, now=NOW)) for words in questions
    ]
    return found, index.records(VIEW)


@forall(
    agent_histories(),
    st.lists(st.sampled_from(["", "look", "open", "forget"]), min_size=4, max_size=12),
    st.sampled_from([1, 3, 500]),
)
def test_an_index_of_a_conversation_is_the_same_however_it_came_about(commands, steps, page):
    """Looked at now and then, opened again, with episodes forgotten; or made at the end."""
    memory_following.PAGE_EVENTS, usual = page, memory_following.PAGE_EVENTS
    try:
        with tempfile.TemporaryDirectory() as directory:
            path, store = Path(directory) / "index", MemoryEventStore()
            live = MemoryIndex(store, path)
            for number, events in enumerate(told_by(commands)):
                append(store, agent_stream(LEAD), events)
                step = steps[number % len(steps)]
                if step in ("look", "forget"):
                    known = live.records(VIEW)
                    if step == "forget" and known:
                        name = known[0].record_id
                        gone = MemoryForgotten(record_id=name, by="host", forgotten_at=0.0)
                        append(store, memory_stream(LEAD), [gone])
                if step == "open":
                    live.close()
                    live = MemoryIndex(store, path)
            fresh = MemoryIndex(store)

            assert all_that(live) == all_that(fresh)
            live.close()
            fresh.close()
    finally:
        memory_following.PAGE_EVENTS = usual


# --- what a request tells -----------------------------------------------------------------------

WORDS = st.text(max_size=60) | st.sampled_from(
    ["</recalled-memory>", "< / Recalled-Memory >x", "<recalled-memory>", "plain"]
)
FOUND = st.builds(
    lambda content, revision, kind: FoundRecord(
        record=MemoryRecord(
            record_id="r",
            kind=kind,
            content=content,
            source="manual_pin",
            recorded_at=0.0,
            by="a",
        ),
        score=1.0,
        why="matched plain",
        revision=revision,
    ),
    content=st.lists(WORDS, max_size=5).map("".join),
    revision=st.integers(0, 10**9),
    kind=st.sampled_from(["fact", "episode", "summary"]),
)


@forall(st.lists(FOUND, max_size=5), st.integers(0, 600))
def test_what_is_recalled_never_has_a_character_too_many(found, most):
    """With all that frames it; and nothing in it ends the frame before its end."""
    text = recalled_text(found, most)

    assert len(text) <= most
    if text:
        assert text.startswith("<recalled-memory>\n[")
        assert text.endswith("\n</recalled-memory>")
        assert text.casefold().replace(" ", "").count("recalled-memory>") >= 2
        inside = text[len("<recalled-memory>") : -len("</recalled-memory>")]
        assert "</recalled-memory" not in inside.casefold().replace(" ", "")
        assert "<recalled-memory" not in inside.casefold().replace(" ", "")


@forall(st.lists(FOUND, min_size=1, max_size=5))
def test_all_of_it_is_told_where_there_is_room(found):
    text = recalled_text(found, 100_000)

    assert text.count("source=manual_pin why=matched plain]") == len(found)
    assert text.count(" […]") <= sum(one.record.content.count(" […]") for one in found)


@forall(st.text(), st.integers(80, 400))
def test_a_text_without_its_middle_is_short_enough_and_has_both_ends(text, most):
    text *= 40
    told = without_middle(text, most)

    assert len(told.encode()) <= most
    assert told == text or (
        text.startswith(told.partition("\n[… ")[0]) and text.endswith(told.rpartition(" …]\n")[2])
    )


def test_the_longest_run_is_an_episode_of_bounded_length():
    """However much was said, memory for it does not grow, and its beginning and end are kept."""
    run, lines = "lead/run-1", 3000
    events = [SPAWNED, e.RunStarted(run_id=run, started_at=0.0)]
    for number in range(lines):
        said = e.InputPlaced(run_id=run, injected=f"line {number} " + "x" * 1000)
        events.append(said)
    records, _safe = remembered(
        [*events, answer("the end"), e.RunFinished(run_id=run, finished_at=1.0)]
    )
    [record] = [one.record for one in records]

    assert MAX_TEXT_BYTES - 200 < len(record.content.encode()) <= MAX_TEXT_BYTES
    assert record.content.startswith("notice: line 0 ")
    assert record.content.endswith("assistant: the end")
    hidden = int(record.content.partition("\n[… ")[2].partition(" ")[0].replace(",", ""))
    whole = sum(len(f"notice: {one.injected}") + 1 for one in events[2:]) + len(
        "assistant: the end"
    )
    mark = len(f"\n[… {hidden:,} bytes left out …]\n".encode())
    assert len(record.content.encode()) - mark + hidden == whole


def answer(text):
    return e.ModelReplied(
        effect_id="model-1", blocks=(TextBlock(text=text),), stop_reason=StopReason.END_TURN
    )

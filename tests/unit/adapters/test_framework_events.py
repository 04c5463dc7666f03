"""Events of other frameworks are stored for ever too, and can be read by people."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "golden"))
from format_text import advice, format_text

from mentra_actors.adapters.held_store import hold
from mentra_actors.adapters.langgraph.thread_index import ThreadIndexes
from mentra_actors.adapters.openai_agents.item_histories import ItemHistories
from mentra_actors.codec.event_codec import CODEC, tag_of
from mentra_actors.codec.event_types import EVENT_TYPES
from mentra_actors.codec.framework_event_types import FRAMEWORK_EVENT_TYPES
from mentra_actors.domain.frameworks import google_adk, langgraph, naming, openai_agents
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import StreamId, category_of
from mentra_actors.store.sealing.options import subject_of_stream
from projections.views.timeline import SENTENCES, sentence_of

GOLDEN = Path(__file__).parents[2] / "golden" / "framework_event_tags.txt"
STORED = GOLDEN.with_name("framework_events_stored.txt")
EVENTS = {
    "this is app / ann": naming.StreamNamed(names=("app", "ann")),
    "checkpoint of loop, step 3 in child; changed: messages": langgraph.CheckpointSaved(
        checkpoint_id="1",
        checkpoint=langgraph.Packed("msgpack", b"\x80"),
        metadata=langgraph.Packed("msgpack", b"\x80"),
        namespace="child",
        parent_id="0",
        values={
            "messages": langgraph.SavedValue(
                "msgpack", b"\x01", langgraph.Growth(langgraph.Place(1, "langgraph-t"), b"\x92", 1)
            )
        },
        kept={"rules": langgraph.Place(1)},
        run_id="r",
        source="loop",
        step=3,
    ),
    "task task-123 wrote messages": langgraph.WritesSaved(
        checkpoint_id="1",
        task_id="task-12345",
        namespace="child",
        task_path="~1",
        writes=(langgraph.SavedWrite(0, "messages", "msgpack", b"\x01"),),
    ),
    "1 checkpoint not shown any more (prune)": langgraph.CheckpointsDropped(
        checkpoints=(langgraph.CheckpointRef("", "1"),), reason="prune"
    ),
    "has all of langgraph-t up to version 4": langgraph.ThreadCopied(
        source="langgraph-t", through=4
    ),
    "the thread was deleted": langgraph.ThreadDeleted(),
    "2 items added": openai_agents.ItemsAdded(items=(b"{}", b"{}")),
    "the last item was taken away": openai_agents.ItemPopped(),
    "all items were taken away": openai_agents.HistoryCleared(),
    "begins with 2 items of openai-s": openai_agents.HistoryBranched(
        source="openai-s", through=3, count=2
    ),
    "the session was created": google_adk.SessionCreated(state=b"{}", created_at=1.5),
    "event of model, state changed": google_adk.SessionGrew(
        event_id="e", author="model", happened_at=1.5, event=b"{}", changed=b'{"a":1}'
    ),
    "the session was deleted": google_adk.SessionDeleted(),
    "shared state changed by session s": google_adk.StateChanged(changed=b"{}", session="s"),
}


def test_their_storage_format_is_the_one_that_was_agreed():
    found = format_text(FRAMEWORK_EVENT_TYPES)
    if os.environ.get("MENTRA_ACCEPT_GOLDEN") == "1":
        GOLDEN.write_text(found, encoding="utf-8")
    agreed = GOLDEN.read_text(encoding="utf-8")

    assert found == agreed, advice(agreed, found)


def test_every_one_is_in_the_codec_and_in_no_decider():
    assert {tag_of(one) for one in FRAMEWORK_EVENT_TYPES} <= CODEC.event_types.keys()
    assert not set(FRAMEWORK_EVENT_TYPES) & set(EVENT_TYPES)
    assert {type(one) for one in EVENTS.values()} == set(FRAMEWORK_EVENT_TYPES)


@pytest.mark.parametrize(("sentence", "event"), EVENTS.items(), ids=list(EVENTS))
def test_an_event_is_read_as_it_was_stored_and_told_in_a_sentence(sentence, event):
    holder = hold(":memory:")
    holder.held.append((StreamId("langgraph-t"), [event], 0), cause="test")
    (recorded,) = holder.held.journal.read_stream(StreamId("langgraph-t"))
    holder.close()

    assert recorded.event == event
    assert type(event) in SENTENCES
    assert sentence_of(recorded) == sentence


@pytest.mark.parametrize("category", ["adk", "adkuser", "langgraph", "openai"])
def test_a_session_can_be_forgotten_by_its_stream(category):
    """It is nobody of the team: a thread that is called `lead` is not the agent `lead`."""
    stream_id = StreamId(f"{category}-lead")

    assert subject_of_stream(stream_id, "") == stream_id
    assert subject_of_stream(StreamId("agent-lead"), "") == "lead"
    assert category_of(stream_id) == category


def test_a_branch_has_the_first_items_even_if_they_are_popped_at_the_source():
    holder = hold(":memory:")
    histories = ItemHistories(holder.held)
    histories.add("s", [b"1", b"2", b"3"])
    histories.branch("s", "t", 2)
    while histories.pop("s"):
        pass
    histories.add("t", [b"4"])
    histories.branch("t", "u", None)

    assert histories.items("u") == [b"1", b"2", b"4"]
    assert histories.items("u", 2) == [b"2", b"4"]
    assert [histories.pop("u") for _ in range(4)] == [b"4", b"2", b"1", None]
    assert histories.items("t") == [b"1", b"2", b"4"]
    with pytest.raises(CommandRejected, match="has 3 items, and not 9"):
        histories.branch("t", "v", 9)
    holder.close()


def test_a_snapshot_of_another_shape_is_void():
    assert ThreadIndexes(lambda *_: None).decoded(StreamId("langgraph-t"), b"\xc1") is None


def test_bytes_that_were_stored_say_what_they_said():
    """The file is what users have on their disks: lines are added to it, and never changed."""
    if os.environ.get("MENTRA_ACCEPT_GOLDEN") == "1":
        lines = [f"{tag} {payload.hex()}\n" for tag, payload in map(CODEC.encode, EVENTS.values())]
        STORED.write_text("".join(lines), encoding="utf-8")
    stored = [line.split() for line in STORED.read_text(encoding="utf-8").splitlines()]

    read = [CODEC.decode(tag, bytes.fromhex(payload)) for tag, payload in stored]
    assert read == [(event,) for event in EVENTS.values()]

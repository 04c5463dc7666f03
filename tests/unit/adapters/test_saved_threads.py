"""Threads of LangGraph, without LangGraph: what is appended, and what a look costs."""

import msgspec
import pytest

from mentra_actors.adapters import folded_streams
from mentra_actors.adapters.held_store import hold
from mentra_actors.adapters.langgraph.saved_threads import NewCheckpoint, SavedThreads, Thread
from mentra_actors.domain.frameworks.langgraph import (
    CheckpointSaved,
    Packed,
    SavedWrite,
    WritesSaved,
)
from mentra_actors.store.sealing.offline import forget_subject
from mentra_actors.store.sealing.options import Sealing

THREAD = Thread("t")


@pytest.fixture
def held():
    holder = hold(":memory:")
    yield holder.held
    holder.close()


def packed(value):
    return Packed("msgpack", msgspec.msgpack.encode(value))


def save(threads, number, *, changed=None, unchanged=(), thread=THREAD, run=""):
    new = NewCheckpoint(
        checkpoint_id=f"{number:04}",
        parent_id=f"{number - 1:04}" if number > 1 else "",
        checkpoint=packed({"id": number}),
        metadata=packed({"step": number}),
        changed=changed or {},
        unchanged=unchanged,
        pack=lambda channel: packed(f"asked for {channel}"),
        run_id=run,
        source="loop",
        step=number,
    )
    threads.save(thread, new)


def value_of(threads, number, channel, thread=THREAD):
    place = threads.channels(threads.entry(thread, f"{number:04}").place)[channel]
    return msgspec.msgpack.decode(threads.value(place, channel).content)


def stored(held, thread=THREAD):
    return [one.event for one in held.journal.read_stream(thread.stream_id)]


def test_a_checkpoint_is_what_it_changed(held):
    threads = SavedThreads(held)
    save(threads, 1, changed={"messages": packed(["hello " * 20]), "topic": packed("rome")})
    save(threads, 2, changed={"messages": packed(["hello " * 20, "you"])}, unchanged=["topic"])

    second = stored(held)[1]
    assert second.values["messages"].content == packed("you").content
    assert second.kept["topic"].version == 1
    assert value_of(threads, 2, "messages") == ["hello " * 20, "you"]
    assert value_of(threads, 2, "topic") == "rome"


def test_a_value_that_the_parent_lacks_is_stored_whole(held):
    threads = SavedThreads(held)
    save(threads, 2, unchanged=["topic"])

    assert value_of(threads, 2, "topic") == "asked for topic"


def test_an_index_is_read_from_its_snapshot_and_what_came_after(held, monkeypatch):
    monkeypatch.setattr(folded_streams, "_LEAST_NEW", 10)
    threads = SavedThreads(held)
    for number in range(1, 41):
        save(threads, number)
        threads.ids(THREAD)

    snapshot = held.store.load_snapshot(THREAD.stream_id)
    fresh = SavedThreads(held)

    assert snapshot is not None
    assert 40 - snapshot.stream_version < 15
    assert fresh.ids(THREAD) == threads.ids(THREAD)
    assert fresh.ids(THREAD)[0] == "0040"


def test_a_copy_shares_the_history_and_goes_on_alone(held):
    threads = SavedThreads(held)
    save(threads, 1, changed={"messages": packed(["hello " * 20])})
    threads.copy("t", "u")
    copy = Thread("u")
    save(threads, 2, changed={"messages": packed(["hello " * 20, "t"])})
    save(threads, 2, changed={"messages": packed(["hello " * 20, "u"])}, thread=copy)
    threads.copy("u", "w")
    threads.delete("t")

    assert value_of(threads, 2, "messages", copy) == ["hello " * 20, "u"]
    assert value_of(threads, 2, "messages", Thread("w")) == ["hello " * 20, "u"]
    assert threads.ids(THREAD) == []
    assert threads.ids(Thread("w")) == ["0002", "0001"]
    assert sum(len(msgspec.msgpack.encode(one)) for one in stored(held, Thread("w"))) < 100


def test_a_copy_is_as_of_its_moment_even_if_the_source_has_a_later_snapshot(held, monkeypatch):
    monkeypatch.setattr(folded_streams, "_LEAST_NEW", 3)
    threads = SavedThreads(held)
    save(threads, 1)
    threads.copy("t", "u")
    for number in range(2, 12):
        save(threads, number)
        threads.ids(THREAD)

    assert SavedThreads(held).ids(Thread("u")) == ["0001"]


def test_what_is_pruned_is_not_shown_but_later_checkpoints_are_made_of_it(held):
    threads = SavedThreads(held)
    save(threads, 1, changed={"topic": packed("rome")})
    save(threads, 2, unchanged=["topic"])
    threads.prune("t")

    assert threads.ids(THREAD) == ["0002"]
    assert threads.entry(THREAD, "0001") is None
    assert value_of(threads, 2, "topic") == "rome"
    assert [one.run_id for one in threads.line_of(THREAD, "0002")] == [""]


def test_runs_are_dropped_in_all_threads(held):
    threads = SavedThreads(held)
    for thread in (THREAD, Thread("u")):
        save(threads, 1, run="r1", thread=thread)
        save(threads, 2, run="r2", thread=thread)
    threads.delete_runs(["r1"])

    assert [threads.ids(one) for one in (THREAD, Thread("u"))] == [["0002"], ["0002"]]


def test_a_checkpoint_that_comes_back_after_it_was_dropped_has_no_old_writes(held):
    threads = SavedThreads(held)
    writes = WritesSaved(
        checkpoint_id="0001", task_id="a", writes=(SavedWrite(0, "x", "msgpack", b"\x01"),)
    )
    save(threads, 1, run="r")
    threads.save_writes(THREAD, writes)
    threads.delete_runs(["r"])
    save(threads, 1)

    assert threads.writes(threads.entry(THREAD, "0001")) == []


def test_writes_may_come_before_their_checkpoint(held):
    threads = SavedThreads(held)
    threads.save_writes(THREAD, WritesSaved(checkpoint_id="0001", task_id="a", writes=()))
    assert threads.ids(THREAD) == []
    save(threads, 1)

    assert len(threads.writes(threads.entry(THREAD, "0001"))) == 1
    assert isinstance(stored(held)[1], CheckpointSaved)


def test_a_thread_of_an_encrypted_store_can_be_forgotten_alone(tmp_path):
    sealing = Sealing(key=b"k" * 32)
    holder = hold(tmp_path / "store", sealing=sealing)
    threads = SavedThreads(holder.held)
    for thread in (THREAD, Thread("u")):
        save(threads, 1, changed={"topic": packed("rome")}, thread=thread)
    holder.close()

    forgotten = forget_subject(tmp_path / "store", "langgraph-t", sealing=sealing)
    holder = hold(tmp_path / "store", sealing=sealing)
    threads = SavedThreads(holder.held)

    assert forgotten is not None
    assert threads.ids(THREAD) == []
    assert value_of(threads, 1, "topic", Thread("u")) == "rome"
    holder.close()

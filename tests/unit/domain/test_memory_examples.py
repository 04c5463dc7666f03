"""What an agent remembers for long, by example."""

import pytest

from mentra_actors.domain.memory import (
    MAX_FACT_BYTES,
    MEMORY,
    ForgetRecord,
    MemoryForgotten,
    MemoryRecord,
    MemoryRecorded,
    PinFact,
    episode_id,
    pinned_id,
    summary_id,
)
from mentra_actors.testing.given_when_then import given

WORDS = "Deploys happen on Fridays."


def pin(record_id="f1", content=WORDS):
    return PinFact(record_id=record_id, content=content, by="lead", now=5.0)


def forget(record_id="f1"):
    return ForgetRecord(record_id=record_id, by="host", now=9.0)


PINNED = MemoryRecorded(
    record=MemoryRecord(
        record_id="f1",
        kind="fact",
        content=WORDS,
        source="manual_pin",
        recorded_at=5.0,
        by="lead",
        pinned=True,
    )
)
FORGOTTEN = MemoryForgotten(record_id="f1", by="host", forgotten_at=9.0)


def test_a_pinned_fact_is_recorded_without_the_space_around_it():
    assert given(MEMORY).when(pin(content=f"\n {WORDS} ")) == [PINNED]


@pytest.mark.parametrize("again", [pin(), pin(content="other words"), pin(record_id="f2")])
def test_the_same_id_or_the_same_words_are_recorded_once(again):
    """A call that runs again after a crash, and a model that pins what it has pinned."""
    after = given(MEMORY, PINNED).when(again)

    assert after == []
    assert pinned_id(after.state, again) == "f1"


READ_OFF_THE_LOG = [episode_id("lead/run-1"), summary_id("compact-1")]


@pytest.mark.parametrize("record_id", READ_OFF_THE_LOG)
def test_what_is_read_off_the_log_is_forgotten_once_and_for_ever(record_id):
    """It is written nowhere, so the memory cannot know whether it is there: the index does."""
    forgotten = MemoryForgotten(record_id=record_id, by="host", forgotten_at=9.0)

    assert given(MEMORY).when(forget(record_id)) == [forgotten]
    assert given(MEMORY, forgotten).when(forget(record_id)) == []


@pytest.mark.parametrize("record_id", READ_OFF_THE_LOG)
def test_no_fact_has_the_id_of_a_run_or_of_a_compaction(record_id):
    assert given(MEMORY).when(pin(record_id=record_id)).rejects("choose another one for a fact")


def test_a_record_is_forgotten_once():
    assert given(MEMORY, PINNED).when(forget()) == [FORGOTTEN]
    assert given(MEMORY, PINNED, FORGOTTEN).when(forget()) == []


def test_a_forgotten_id_never_comes_back():
    """A pin that is delivered again must not undo what somebody has taken back."""
    after = given(MEMORY, PINNED, FORGOTTEN).when(pin())

    assert after == []
    assert pinned_id(after.state, pin()) is None


def test_forgotten_words_may_be_pinned_again_under_another_id():
    [event] = given(MEMORY, PINNED, FORGOTTEN).when(pin(record_id="f2")).events

    assert event.record.record_id == "f2"


def test_what_is_not_in_this_memory_cannot_be_forgotten():
    """Not one of another agent either: its records are in another stream."""
    assert given(MEMORY, PINNED).when(forget("f2")).rejects("no record 'f2'")


@pytest.mark.parametrize("content", ["", " \n"])
def test_nothing_cannot_be_remembered(content):
    assert given(MEMORY).when(pin(content=content)).rejects("empty")


def test_the_size_of_a_record_is_counted_in_bytes():
    """An index and a prompt pay for bytes; the limit is the same in every script."""
    assert given(MEMORY).when(pin(content="é" * (MAX_FACT_BYTES // 2))).events
    refused = given(MEMORY).when(pin(content="é" * (MAX_FACT_BYTES // 2 + 1)))
    assert refused.rejects("a fact of 16,386 bytes is over the limit of 16,384")


@pytest.mark.parametrize("record_id", ["", " ", "é" * 128])
def test_a_record_has_an_id(record_id):
    assert given(MEMORY).when(pin(record_id=record_id)).rejects("1 to 255 bytes")

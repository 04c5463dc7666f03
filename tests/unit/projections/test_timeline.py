"""The timeline that people read."""

import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.codec.event_types import EVENT_TYPES
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import TextBlock, ToolCallBlock
from mentra_actors.domain.lease import LeaseAcquired
from mentra_actors.domain.model_call import StopReason, TokenUsage
from projections.contract import fold_view
from projections.views.timeline import (
    PAGE_POSITIONS,
    SENTENCES,
    TIMELINE,
    TimelineLine,
    line_of,
    page_keys,
    sentence_of,
)

sys.path.insert(0, str(Path(__file__).parents[2] / "laws"))
from event_strategies import KNOWN_EVENTS
from event_strategies import recorded as as_recorded


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=lambda found: found.__name__)
def test_every_event_type_has_a_sentence(event_type):
    """Nothing that is stored is shown as a bare tag."""
    assert event_type in SENTENCES


@given(KNOWN_EVENTS)
def test_a_sentence_is_one_short_line(event):
    """Whatever an event holds, its line fits a terminal and says more than the tag."""
    (recorded,) = as_recorded([("odd", event)])
    sentence = sentence_of(recorded)

    assert 0 < len(sentence) <= 120
    assert len(sentence.splitlines()) == 1
    assert sentence != recorded.event_type


def answer(*blocks):
    """An answer of five tokens."""
    return e.ModelReplied(
        effect_id="model-1",
        blocks=blocks,
        stop_reason=StopReason.END_TURN,
        usage=TokenUsage(output_tokens=5),
    )


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (answer(TextBlock(text="hi\n  there")), "model replied “hi there” (5 tokens)"),
        (answer(), "model replied (5 tokens)"),
        (answer(TextBlock(text="x"), ToolCallBlock(call_id="a", name="ls")),
         "model asked for ls (5 tokens)"),
        (e.ModelCallRequested(effect_id="model-2", run_id="r", round=2, attempt=3),
         "model asked, round 2, attempt 3"),
        (e.ToolCallFinished(key="tool-1.0", content="no", is_error=True), "tool-1.0 failed: no"),
        (e.RunStarted(run_id="lead/run-1", started_at=1.0), "run lead/run-1 started"),
        (LeaseAcquired(holder="b", epoch=2, term_s=1.0, acquired_at=1.0, expires_at=2.0,
                       taken_from="a"),
         "b holds the lease, epoch 2, taken from a"),
        (e.PromptAccepted(prompt_id="p", text="x" * 500, accepted_at=1.0),
         "prompt “" + "x" * 111 + "…"),
    ],
)  # fmt: skip
def test_sentences(recorded, event, sentence):
    """People read what happened and not how it is stored."""
    assert sentence_of(recorded(("agent-lead", event))[0]) == sentence


def test_a_line_says_where_and_when(recorded):
    """From a line one can go to the event."""
    stopped = ("a-b", e.AgentStopped(stopped_at=1.0))
    _, read = recorded(stopped, stopped)

    assert line_of(read) == TimelineLine(
        global_position=2,
        recorded_at=1_700_000_002.0,
        stream_id="a-b",
        stream_version=2,
        sentence="stopped",
    )


def test_pages_hold_neighbouring_positions(recorded):
    """The line of a position is found on the page that `page_keys` names."""
    stopped = ("agent-lead", e.AgentStopped(stopped_at=1.0))
    pages = fold_view(TIMELINE, recorded(*[stopped] * (2 * PAGE_POSITIONS + 1)))

    assert [len(page.lines) for page in pages.values()] == [PAGE_POSITIONS, PAGE_POSITIONS, 1]
    assert list(pages) == page_keys(1, 2 * PAGE_POSITIONS + 1)


@given(st.integers(1, 2000), st.integers(0, 2000))
def test_page_keys_are_those_of_the_positions(first, length):
    """A range of positions asks for exactly the pages that it touches."""
    (stopped,) = as_recorded([("a", e.AgentStopped(stopped_at=1.0))])
    positions = range(first, first + length)
    touched = [
        TIMELINE.keys(msgspec.structs.replace(stopped, global_position=position))[0]
        for position in positions
    ]

    assert page_keys(first, first + length - 1) == list(dict.fromkeys(touched))

"""What is reported of a request is that request: no token of it is left out or counted twice."""

from functools import reduce

import msgspec
from hypothesis import given as forall
from hypothesis import strategies as st

from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.effects import CallModel
from mentra_actors.domain.agent.profile import CompactionOptions
from mentra_actors.domain.agent.run_options import RunOptions, TerminalOutput
from mentra_actors.domain.compacted import Compaction
from mentra_actors.domain.content import (
    AssistantMessage,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.conversation_tree import (
    closed,
    compacted,
    moved_to,
    with_entry,
    with_stubs,
)
from mentra_actors.domain.past_calls import agent_past
from mentra_actors.domain.request_view import RequestView
from mentra_actors.domain.transcript import Transcript, apply
from mentra_actors.effects.context.context_report import AssembledRequest, context_report
from mentra_actors.effects.models.model_requests import model_request
from mentra_actors.ids import EntryId
from mentra_actors.providers.token_estimate import estimated_tokens
from mentra_actors.testing.agent_strategies import SPAWNED, agent_histories
from mentra_actors.testing.given_when_then import given, play
from mentra_actors.tools.builtin.task_board import board_tools
from mentra_actors.tools.registry import ToolRegistry

TOOLS = ToolRegistry(board_tools())
TEXTS = st.sampled_from(["", "a", "äöü" * 7, "<reminder>\ndo it\n</reminder>"])
OUTPUTS = st.sampled_from(
    [
        None,
        TerminalOutput(tool_name="hand_over", schema='{"type":"object"}', keeps_tools=True),
        TerminalOutput(tool_name="answer", schema='{"type":"integer"}', mode="native"),
    ]
)


def events_of(commands):
    return [event for answer in play(given(AGENT, SPAWNED), commands) for event in answer.events]


def reported(transcript, view, *, system="", output=None):
    profile = msgspec.structs.replace(
        SPAWNED.profile, system=system, tools=None, compaction=CompactionOptions()
    )
    options = RunOptions(output=output)
    effect = CallModel(
        effect_id="m", run_id="r", profile=profile, attempt=1, not_before=0.0, options=options
    )
    request = model_request(effect, transcript, "m", TOOLS, view)
    made = AssembledRequest(
        call=0, effect=effect, transcript=transcript, view=view, request=request
    )
    return request, context_report(made, context_window=None, last_counted=None)


@forall(agent_histories(), st.integers(0, 40), TEXTS, TEXTS, TEXTS, OUTPUTS)
def test_the_parts_add_up_to_the_request(commands, through, recalled, reminder, system, output):
    """A part that is missing is the one that somebody looks for when a context is full."""
    transcript = reduce(apply, events_of(commands), Transcript())
    view = RequestView(stubbed_through=EntryId(through), recalled=recalled, reminder=reminder)
    request, report = reported(transcript, view, system=system, output=output)

    assert report.tokens == estimated_tokens(request)
    assert sum(part.tokens for part in report.parts) == report.tokens
    assert sum(part.chars for part in report.parts) == report.chars
    assert len(report.messages) == len(request.messages)
    parts = {part.name: part for part in report.parts}
    offered = parts["tools"].tokens if "tools" in parts else 0
    assert sum(tool.tokens for tool in report.tools) == offered
    assert ("reminder" in parts) == bool(reminder)
    assert ("recalled" in parts) == (bool(recalled) and recalled != reminder)
    assert ("output" in parts) == (output is not None)
    numbers = [one.entry_id for one in report.messages if one.entry_id]
    assert numbers == sorted(set(numbers))


@forall(agent_histories(), st.integers(0, 40))
def test_stubs_say_what_the_whole_results_would_cost(commands, through):
    """Who raises `keep_recent_tool_results` wants to know what that costs."""
    transcript = closed(reduce(apply, events_of(commands), Transcript()))
    _, whole = reported(transcript, RequestView())
    _, stubbed = reported(transcript, RequestView(stubbed_through=EntryId(through)))

    saved = stubbed.stubs.whole_tokens - stubbed.stubs.tokens
    assert whole.stubs.count == 0
    assert whole.tokens == stubbed.tokens + saved


@forall(agent_histories())
def test_each_call_of_the_past_is_known_with_what_it_was_asked(commands):
    """Whoever asks what a model saw must not be told what another call saw."""
    events = [SPAWNED, *events_of(commands)]
    past = agent_past(events)
    effects = [call.effect.effect_id for call in past.calls]

    assert [call.number for call in past.calls] == list(range(1, len(effects) + 1))
    assert len(set(effects)) == len(effects)
    for call in past.calls:
        if call.entry_id:
            assert past.call_of_entry(call.entry_id) == call
            assert call.entry_id not in closed(call.transcript).path


@forall(agent_histories(), st.integers(0, 60))
def test_a_past_that_is_carried_on_is_that_of_all_events(commands, place):
    """Who asks again reads only what has come since."""
    events = [SPAWNED, *events_of(commands)]
    begun = agent_past(events[:place])

    assert agent_past(events[place:], begun) == agent_past(events)
    assert begun == agent_past(events[:place]), "what was told before is another now"


ROUNDS = st.lists(st.sampled_from([10, 400, 4_000]), min_size=1, max_size=8)


def searched(sizes, through):
    """A conversation of calls with results of these sizes; the older part of it a summary."""
    said = with_entry(Transcript(), UserMessage(text="Search."), "user_turn")
    for number, size in enumerate(sizes):
        call = ToolCallBlock(call_id=f"c{number}", name="look")
        answer = AssistantMessage(blocks=(call,), response_id=f"r{number}")
        result = ToolResultBlock(call_id=f"c{number}", name="look", content="x" * size)
        said = with_entry(said, answer, "assistant_turn", keys=(f"k{number}",))
        said = with_entry(
            said, ToolResultsMessage(results=(result,)), "tool_exchange", keys=(f"k{number}",)
        )
    if not 0 < through <= len(said.entries):
        return said
    summary = Compaction(through=EntryId(through), kept=(EntryId(1),), summary="long ago")
    return compacted(said, summary)


@forall(ROUNDS, st.integers(0, 12), st.lists(st.integers(0, 20), min_size=1, max_size=4))
def test_stubs_that_move_on_tell_what_stubs_made_at_once_tell(sizes, through, moves):
    """They are replaced where they stand; a wrong place would tell another call's result."""
    transcript = searched(sizes, through)
    for move in moves:
        transcript = with_stubs(transcript, EntryId(move))
    anew = moved_to(transcript, transcript.leaf)
    _, report = reported(transcript, RequestView(stubbed_through=transcript.stubbed_through))
    stubs = [one for one in transcript.messages if "[Previous: used look]" in str(one)]
    is_told = [(one.part == "summary") == (one.entry_id == 0) for one in report.messages]

    assert list(transcript.messages) == list(anew.messages)
    assert transcript.tokens == anew.tokens
    assert report.stubs.count == len(stubs)
    assert all(is_told)

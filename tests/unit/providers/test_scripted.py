"""The scripted model plays turns by position, and fails where it is told to."""

from collections.abc import Sequence
from contextlib import aclosing, suppress
from typing import Any

import anyio
import pytest

from mentra_actors.domain.content import (
    AssistantBlock,
    AssistantMessage,
    Message,
    TextBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
    text_of,
)
from mentra_actors.domain.model_call import ModelReply, ModelRequest, StopReason, TokenUsage
from mentra_actors.errors import ProviderError
from mentra_actors.providers.port import ModelEvent, ReplyFinished, TextDelta, ToolCallDelta
from mentra_actors.providers.scripted import (
    NEVER_ENDS,
    BreaksAfter,
    NeverEnds,
    ScriptedModel,
    Staged,
    call,
    position,
    say,
    think,
)

pytestmark = pytest.mark.anyio


def _request(*messages: Message, model: str = "m") -> ModelRequest:
    return ModelRequest(model=model, messages=messages or (UserMessage(text="hello"),))


async def _events(model: ScriptedModel, request: ModelRequest) -> list[ModelEvent]:
    async with aclosing(model.stream(request)) as events:
        return [event async for event in events]


async def _reply(model: ScriptedModel, request: ModelRequest) -> ModelReply:
    events = await _events(model, request)
    assert isinstance(events[-1], ReplyFinished)
    return events[-1].reply


async def _failure(model: ScriptedModel, seen: list[ModelEvent]) -> ProviderError:
    try:
        async for event in model.stream(_request()):
            seen.append(event)
    except ProviderError as error:
        return error
    pytest.fail("the stream did not break")


async def test_a_restarted_model_goes_on_where_the_conversation_is() -> None:
    """A process that dies between two turns must not hear the first turn again."""
    turns = ["one", "two"]
    first = await _reply(ScriptedModel(turns), _request())
    later = _request(
        UserMessage(text="hello"),
        AssistantMessage(blocks=first.blocks),
        UserMessage(text="and?"),
    )

    second = await _reply(ScriptedModel(turns), later)

    assert text_of(second.blocks) == "two"
    assert position(later) == 1


async def test_a_repeated_call_gets_the_same_answer() -> None:
    """An effect that is run again after a crash is answered as before, ids included."""
    model = ScriptedModel([[say("look"), call("search", query="x"), call("search", query="y")]])

    first = await _reply(model, _request())

    assert await _reply(model, _request()) == first
    assert [b.call_id for b in first.blocks if isinstance(b, ToolCallBlock)] == [
        "call_1_2",
        "call_1_3",
    ]
    assert first.stop_reason is StopReason.TOOL_USE


async def test_a_script_that_is_too_short_says_so() -> None:
    """A forgotten turn shows as a clear failure, not as an index error."""
    with pytest.raises(ProviderError, match="has 0 turns") as caught:
        await _reply(ScriptedModel([]), _request())

    assert not caught.value.transient


async def _asked_async(request: ModelRequest) -> TextBlock:
    return say(f"async {request.model}")


@pytest.mark.parametrize("script", ["Hello.", {"lead": "Hello."}, None, 7])
def test_a_text_is_no_script(script: Any) -> None:
    """It would be played letter by letter."""
    with pytest.raises(TypeError, match="a script is a list of turns"):
        ScriptedModel(script)


@pytest.mark.parametrize(
    ("script", "text"),
    [(lambda request: f"sync {request.model}", "sync m"), (_asked_async, "async m")],
)
async def test_a_function_chooses_the_turn(script: Any, text: str) -> None:
    """A script may look at what it is asked."""
    reply = await _reply(ScriptedModel(script), _request())

    assert text_of(reply.blocks) == text


async def test_small_deltas_join_to_the_reply() -> None:
    """What a viewer has seen live is what the answer says."""
    turn: list[AssistantBlock] = [think("hmm"), say("hello world"), call("f", a=1)]
    events = await _events(ScriptedModel([turn], delta_chars=2, delay_s=0.0001), _request())

    texts = [event.text for event in events if isinstance(event, TextDelta)]
    arguments = [event.arguments for event in events if isinstance(event, ToolCallDelta)]
    assert len(texts) > 3
    assert "".join(texts) == "hello world"
    assert "".join(arguments) == '{"a":1}'
    assert sum(isinstance(event, ReplyFinished) for event in events) == 1


async def test_a_whole_reply_is_played_as_it_is() -> None:
    """A test may pin usage and stop reason."""
    reply = ModelReply(
        blocks=(say("cut"),), stop_reason=StopReason.MAX_TOKENS, usage=TokenUsage(output_tokens=7)
    )

    assert await _reply(ScriptedModel([reply]), _request()) == reply


async def test_usage_is_estimated_from_characters() -> None:
    """Budgets can be tried out without a real model."""
    results: Sequence[ToolResultBlock] = (
        ToolResultBlock(call_id="a", name="f", content="y" * 40),
    )
    request = _request(UserMessage(text="x" * 40), ToolResultsMessage(results=tuple(results)))

    reply = await _reply(ScriptedModel(["z" * 8]), request)

    assert reply.usage == TokenUsage(input_tokens=20, output_tokens=2)


async def test_a_turn_may_be_an_exception() -> None:
    """Failures of a provider are scripted like answers."""
    error = ProviderError("quota", kind="http", transient=False, status=429)

    with pytest.raises(ProviderError) as caught:
        await _reply(ScriptedModel([error]), _request())

    assert caught.value is error


async def test_first_calls_may_fail_before_the_script_is_asked() -> None:
    """A retry of the same position must be able to succeed."""
    error = ProviderError("busy", kind="http", transient=True, status=503)
    model = ScriptedModel(["fine"], fail_first=[error])

    with pytest.raises(ProviderError):
        await _reply(model, _request())

    assert text_of((await _reply(model, _request())).blocks) == "fine"


@pytest.mark.parametrize("after", [0, 2])
async def test_a_stream_breaks_in_the_middle(after: int) -> None:
    """A half answer must end in an error and never in a finished reply."""
    model = ScriptedModel(["abcdef"], delta_chars=1, fail_first=[BreaksAfter(after)])
    seen: list[ModelEvent] = []

    error = await _failure(model, seen)

    assert seen == [TextDelta(char) for char in "abcdef"[:after]]
    assert error.transient
    assert error.output_seen == (after > 0)
    assert text_of((await _reply(model, _request())).blocks) == "abcdef"


async def test_every_stream_can_be_made_to_break() -> None:
    """A retry that never succeeds must end in a failed run, so a test needs one."""
    model = ScriptedModel(["abcdef"], delta_chars=1, break_after_deltas=1)

    errors = [await _failure(model, []) for _ in range(3)]

    assert [error.kind for error in errors] == ["transport"] * 3


@pytest.mark.parametrize("turn", [NEVER_ENDS, NeverEnds("half")])
async def test_a_turn_that_never_ends_can_be_cancelled(turn: NeverEnds) -> None:
    """Stopping a run must work while a model says nothing."""
    with anyio.move_on_after(0.02) as scope:
        await _reply(ScriptedModel([turn]), _request())

    assert scope.cancelled_caught


def test_a_delta_has_at_least_one_character() -> None:
    """A size of zero would stream for ever."""
    with pytest.raises(ValueError, match="delta_chars"):
        ScriptedModel([], delta_chars=0)


def _later(request: ModelRequest) -> ModelRequest:
    """The request after the first answer."""
    answer = AssistantMessage(blocks=(say("one"),))
    return ModelRequest(model=request.model, messages=(*request.messages, answer))


async def test_each_model_name_has_a_list_of_its_own() -> None:
    """Agents of a team must not read each other's turns."""
    model = ScriptedModel({"ann": ["from ann"], "bob": ["from bob"]})

    assert text_of((await _reply(model, _request(model="bob"))).blocks) == "from bob"
    with pytest.raises(ProviderError, match="turns for ann, bob, not for cy"):
        await _reply(model, _request(model="cy"))
    with pytest.raises(ProviderError, match="of bob has 1 turns, and turn 2"):
        await _reply(model, _later(_request(model="bob")))


async def test_a_staged_turn_has_its_own_cost_and_failures() -> None:
    """The second turn of a run may be the dear one, or the one that breaks."""
    busy = ProviderError("busy", kind="http", transient=True, status=503)
    usage = TokenUsage(input_tokens=900, output_tokens=7)
    turn = Staged("abcd", usage=usage, delay_s=0.0001, fail_first=[busy, BreaksAfter(2)])
    model = ScriptedModel(["one", turn], delta_chars=1)
    await _reply(model, _request())
    with pytest.raises(ProviderError, match="busy"):
        await _reply(model, _later(_request()))
    with pytest.raises(ProviderError, match="after 2 deltas"):
        await _reply(model, _later(_request()))
    with pytest.raises(AssertionError, match="turn 2 of 2 was not played"):
        model.assert_complete()

    assert (await _reply(model, _later(_request()))).usage == usage
    model.assert_complete()


async def test_a_script_is_complete_when_all_of_it_was_played_and_no_more() -> None:
    """A turn that nobody has heard, or one that was missing, is a test that tests too little."""
    model = ScriptedModel({"ann": ["one"], "bob": ["never asked"]}, fail_first=[BreaksAfter(1)])
    with pytest.raises(AssertionError, match=r"turn 1 of 1 of ann.*\n.*of bob.*\n.*BreaksAfter"):
        model.assert_complete()
    for request in (_request(model="ann"), _request(model="ann"), _request(model="bob")):
        with suppress(ProviderError):
            await _reply(model, request)
    model.assert_complete()
    with suppress(ProviderError):
        await _reply(model, _later(_request(model="ann")))
    with pytest.raises(AssertionError, match="turn 2 was asked for"):
        model.assert_complete()
    with pytest.raises(TypeError, match="no last turn"):
        ScriptedModel(lambda _request: "one").assert_complete()

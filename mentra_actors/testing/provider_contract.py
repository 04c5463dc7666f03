"""What every model provider must do; authors of one run it under pytest.

    class TestMyProvider(ProviderContract):
        def make_provider(self) -> ModelProvider:
            return MyProvider(...)

It asks for real answers: give it a provider whose server is a recording, or a small model.
"""

import abc
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import anyio
import msgspec
import pytest

from mentra_actors.domain.content import (
    AssistantMessage,
    TextBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.model_call import ModelReply, ModelRequest, ToolSpec
from mentra_actors.errors import ProviderError
from mentra_actors.ids import is_valid_name
from mentra_actors.providers.port import ModelEvent, ModelProvider, ReplyFinished, TextDelta
from mentra_actors.testing.patience import PatientContract

__all__ = ["CALLED_TOOL", "ProviderContract"]

PATIENCE_S = 60.0
CALLED_TOOL = ToolSpec(
    name="look_up",
    description="Look up a word.",
    input_schema='{"type":"object","properties":{"word":{"type":"string"}},"required":["word"]}',
)
"""The tool of the requests of this contract."""


class ProviderContract(PatientContract, abc.ABC):
    """Subclass it, say how a provider is made, and pytest collects the tests."""

    model = "m"
    """The model that is asked for, without the provider's name."""

    @abc.abstractmethod
    def make_provider(self) -> ModelProvider:
        """A provider that answers. On the event loop; the suite closes it."""

    def make_failing_provider(self) -> ModelProvider:
        """One whose every call fails, as for a key that is refused; else that test is skipped."""
        pytest.skip("no provider that fails")

    @pytest.fixture
    def request_for_model(self) -> ModelRequest:
        """A conversation with a call and its result in it, and a tool."""
        asked = ToolCallBlock(call_id="call_1", name="look_up", arguments='{"word":"sky"}')
        told = ToolResultBlock(call_id="call_1", name="look_up", content="blue")
        return ModelRequest(
            model=self.model,
            system="Answer in one word.",
            messages=(
                UserMessage(text="What is the sky like?"),
                AssistantMessage(blocks=(asked,)),
                ToolResultsMessage(results=(told,)),
            ),
            tools=(CALLED_TOOL,),
        )

    def test_its_name_can_stand_before_a_colon(self) -> None:
        """Agents name their model `provider:model`."""

        async def named(provider: ModelProvider) -> None:
            assert is_valid_name(provider.name)
            assert ":" not in provider.name

        self._with(self.make_provider, named)

    def test_an_answer_ends_with_the_whole_of_it(self, request_for_model: ModelRequest) -> None:
        """Only the last event counts; nothing runs that is not in it."""

        async def asked(provider: ModelProvider) -> None:
            events = await _events(provider, request_for_model)
            ends = [one for one in events if isinstance(one, ReplyFinished)]
            assert len(ends) == 1
            assert events[-1] is ends[0]
            _check_reply(ends[0].reply)

        self._with(self.make_provider, asked)

    def test_what_streams_is_what_the_answer_says(self, request_for_model: ModelRequest) -> None:
        """Who has read along has read the answer. A provider may stream nothing at all."""

        async def asked(provider: ModelProvider) -> None:
            events = await _events(provider, request_for_model)
            streamed = "".join(one.text for one in events if isinstance(one, TextDelta))
            texts = [one.text for one in _reply(events).blocks if isinstance(one, TextBlock)]
            assert streamed in ("", "".join(texts))

        self._with(self.make_provider, asked)

    def test_events_and_answer_can_be_stored(self, request_for_model: ModelRequest) -> None:
        """The log keeps the answer, and the ticks beside it what has streamed."""

        async def asked(provider: ModelProvider) -> None:
            reply = _reply(await _events(provider, request_for_model))
            stored = msgspec.msgpack.encode(reply)
            assert msgspec.msgpack.decode(stored, type=ModelReply) == reply

        self._with(self.make_provider, asked)

    def test_a_stream_that_is_left_disturbs_no_other(
        self, request_for_model: ModelRequest
    ) -> None:
        """A run is stopped in the middle of an answer, and the next one begins at once."""

        async def left(provider: ModelProvider) -> None:
            async with aclosing(provider.stream(request_for_model)) as stream:
                async for _event in stream:
                    break
            _check_reply(_reply(await _events(provider, request_for_model)))

        self._with(self.make_provider, left)

    def test_a_cancelled_call_ends(self, request_for_model: ModelRequest) -> None:
        """A provider that swallows the cancellation would keep the process from ending."""

        async def cancelled(provider: ModelProvider) -> None:
            with anyio.CancelScope() as scope:
                scope.cancel()
                await _events(provider, request_for_model)
            assert scope.cancelled_caught

        self._with(self.make_provider, cancelled)

    def test_calls_run_beside_each_other(self, request_for_model: ModelRequest) -> None:
        """One instance serves all agents; no answer may hold pieces of another."""

        async def several(provider: ModelProvider) -> None:
            replies: list[ModelReply] = []

            async def ask() -> None:
                replies.append(_reply(await _events(provider, request_for_model)))

            async with anyio.create_task_group() as group:
                for _ in range(4):
                    group.start_soon(ask)
            for reply in replies:
                _check_reply(reply)
            assert len(replies) == 4  # noqa: PLR2004 - as many as were asked

        self._with(self.make_provider, several)

    def test_it_can_be_closed_twice(self) -> None:
        """A runtime closes its providers however it ends."""

        async def closed(provider: ModelProvider) -> None:
            await provider.aclose()

        self._with(self.make_provider, closed)

    def test_a_failure_is_a_provider_error(self, request_for_model: ModelRequest) -> None:
        """Whether a repeat may help is decided by what the error says."""

        async def failing(provider: ModelProvider) -> None:
            with pytest.raises(ProviderError) as caught:
                await _events(provider, request_for_model)
            assert str(caught.value)
            assert isinstance(caught.value.transient, bool)

        self._with(self.make_failing_provider, failing)

    def _with(
        self, make: Callable[[], ModelProvider], body: Callable[[ModelProvider], Awaitable[None]]
    ) -> None:
        async def run() -> None:
            with anyio.fail_after(PATIENCE_S):
                provider = make()
                try:
                    await body(provider)
                finally:
                    await provider.aclose()

        anyio.run(run)


async def _events(provider: ModelProvider, request: ModelRequest) -> list[ModelEvent]:
    async with aclosing(provider.stream(request)) as stream:
        return [event async for event in stream]


def _reply(events: list[ModelEvent]) -> ModelReply:
    last = events[-1] if events else None
    assert isinstance(last, ReplyFinished), f"the last event is {last!r}"
    return last.reply


def _check_reply(reply: ModelReply) -> None:
    """It has blocks; each call has an id of its own, a name, and a JSON object as arguments."""
    calls = [block for block in reply.blocks if isinstance(block, ToolCallBlock)]
    assert reply.blocks, "the answer is empty"
    ids = [call.call_id for call in calls]
    assert all(ids), f"a call has no id: {calls}"
    assert len(set(ids)) == len(ids), f"two calls have one id: {ids}"
    for call in calls:
        assert call.name, "a call names no tool"
        msgspec.json.decode(call.arguments, type=dict)
    assert min(reply.usage.input_tokens, reply.usage.output_tokens) >= 0

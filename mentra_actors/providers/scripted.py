"""A model that plays a script: for examples, tests and benchmarks, without a network.

The script is a list of turns or a function of the request. A list is read by *position*: the
turn is the number of assistant messages in the request, not a count of calls. So a process that
restarts in the middle of a conversation goes on with the right turn, and a call that is repeated
gets the same answer. Two agents that share one list both begin with its first turn; give each its
own model name and choose with a function: `lambda r: SCRIPTS[r.model][position(r)]`.
"""

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeAlias

import anyio
import anyio.lowlevel
import msgspec

from mentra_actors.domain.content import (
    AssistantBlock,
    AssistantMessage,
    HostedToolBlock,
    ImageBlock,
    Message,
    OpaqueBlock,
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.model_call import ModelReply, ModelRequest, StopReason, TokenUsage
from mentra_actors.errors import ProviderError
from mentra_actors.providers.port import (
    ModelEvent,
    ReplyFinished,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)

__all__ = [
    "NEVER_ENDS",
    "BreaksAfter",
    "NeverEnds",
    "Script",
    "ScriptedModel",
    "Turn",
    "call",
    "position",
    "say",
    "think",
]

_CHARS_PER_TOKEN = 4


class NeverEnds(msgspec.Struct, frozen=True):
    """A turn that streams its text and then hangs until it is cancelled."""

    text: str = ""


NEVER_ENDS = NeverEnds()
_KEPT = 1000


class BreaksAfter(msgspec.Struct, frozen=True):
    """A failure in the middle of an answer: the stream breaks after so many deltas."""

    delta_count: int


Turn: TypeAlias = (
    str | ModelReply | AssistantBlock | Sequence[AssistantBlock] | NeverEnds | Exception
)
Script: TypeAlias = Sequence[Turn] | Callable[[ModelRequest], Turn | Awaitable[Turn]]


def say(text: str) -> TextBlock:
    """A block of text."""
    return TextBlock(text=text)


def think(text: str) -> ThinkingBlock:
    """A block of visible reasoning."""
    return ThinkingBlock(parts=(text,))


def call(tool: str, /, **arguments: Any) -> ToolCallBlock:
    """A call of a tool; the model numbers its `call_id` when it plays the turn."""
    return ToolCallBlock(call_id="", name=tool, arguments=msgspec.json.encode(arguments).decode())


def position(request: ModelRequest) -> int:
    """How many answers the conversation holds already: the index of the turn to play, from 0."""
    return sum(isinstance(message, AssistantMessage) for message in request.messages)


class ScriptedModel:
    """A `ModelProvider` that plays a script. Its token usage is an estimate: characters / 4.

    Args:
        turns: a list of turns, or a function (sync or async) from the request to a turn. A turn
            is a text, a block, a list of blocks, a whole reply, an exception to raise, or
            `NEVER_ENDS`.
        name: the part of the model name before the colon.
        delta_chars: stream in pieces of so many characters; without it each block is one piece.
        delay_s: wait before each piece.
        break_after_deltas: every call raises a transient `ProviderError` after so many pieces.
        repeat: after its last turn a list begins again.
        fail_first: what happens to the first calls of this instance, in order: an exception to
            raise before the script is asked, or `BreaksAfter` for one broken stream. Later calls
            follow the script, so a retry can succeed.
    """

    def __init__(  # noqa: PLR0913 - independent switches of a test double
        self,
        turns: Script,
        name: str = "scripted",
        *,
        delta_chars: int | None = None,
        delay_s: float = 0.0,
        break_after_deltas: int | None = None,
        fail_first: Sequence[Exception | BreaksAfter] = (),
        repeat: bool = False,
    ) -> None:
        if delta_chars is not None and delta_chars < 1:
            raise ValueError(f"delta_chars must be positive, found {delta_chars}")
        self._turns = turns
        self._name = name
        self._repeat = repeat and not callable(turns) and bool(turns)
        self._delta_chars = delta_chars
        self._delay_s = delay_s
        self._break_after_deltas = break_after_deltas
        self._failures_left = list(fail_first)
        self.asked: list[ModelRequest] = []
        """The last requests, oldest first, failed calls too: a thousand of them at least."""

    @property
    def name(self) -> str:
        """The part of the model name before the colon."""
        return self._name

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Events of one turn of the script."""
        self._keep(request)
        await anyio.lowlevel.checkpoint()
        break_after = self._next_break()
        turn = await self._turn(request)
        if isinstance(turn, Exception):
            raise turn
        ends = not isinstance(turn, NeverEnds)
        reply = _reply(say(turn.text) if isinstance(turn, NeverEnds) else turn, request)
        delta_count = 0
        for event in _deltas(reply.blocks, self._delta_chars):
            if delta_count == break_after:
                break
            await self._pause()
            yield event
            delta_count += 1
        if break_after is not None:
            raise _broken(delta_count)
        if not ends:
            await anyio.sleep_forever()
        yield ReplyFinished(reply)

    async def aclose(self) -> None:
        """Nothing to release."""

    def _keep(self, request: ModelRequest) -> None:
        self.asked.append(request)
        if len(self.asked) >= 2 * _KEPT:
            del self.asked[:_KEPT]

    async def _turn(self, request: ModelRequest) -> Turn:
        if not callable(self._turns):
            place = position(request)
            return _turn_at(self._turns, place % len(self._turns) if self._repeat else place)
        turn = self._turns(request)
        if inspect.isawaitable(turn):
            return await turn
        return turn

    def _next_break(self) -> int | None:
        """After how many deltas this call breaks; raises where it fails at once."""
        if not self._failures_left:
            return self._break_after_deltas
        failure = self._failures_left.pop(0)
        if isinstance(failure, Exception):
            raise failure
        return failure.delta_count

    async def _pause(self) -> None:
        if self._delay_s > 0:
            await anyio.sleep(self._delay_s)
        else:
            await anyio.lowlevel.checkpoint()


def _turn_at(turns: Sequence[Turn], index: int) -> Turn:
    if index < len(turns):
        return turns[index]
    raise ProviderError(
        f"the script has {len(turns)} turns, and turn {index + 1} was asked for",
        kind="invalid_request",
        transient=False,
    )


def _broken(delta_count: int) -> ProviderError:
    return ProviderError(
        f"the script breaks the stream after {delta_count} deltas",
        kind="transport",
        transient=True,
        output_seen=delta_count > 0,
    )


def _reply(
    turn: str | ModelReply | AssistantBlock | Sequence[AssistantBlock], request: ModelRequest
) -> ModelReply:
    """The turn as a whole answer; a `ModelReply` keeps all it says, but for empty call ids."""
    index = position(request)
    if isinstance(turn, ModelReply):
        return msgspec.structs.replace(turn, blocks=_numbered(turn.blocks, index))
    blocks = _numbered(_blocks(turn), index)
    has_calls = any(isinstance(block, ToolCallBlock) for block in blocks)
    return ModelReply(
        blocks=blocks,
        stop_reason=StopReason.TOOL_USE if has_calls else StopReason.END_TURN,
        raw_stop_reason="scripted",
        usage=_estimated_usage(request, blocks),
        response_id=f"scripted_{index + 1}",
        model=request.model,
    )


def _blocks(turn: str | AssistantBlock | Sequence[AssistantBlock]) -> tuple[AssistantBlock, ...]:
    if isinstance(turn, str):
        return (say(turn),)
    if isinstance(turn, AssistantBlock):
        return (turn,)
    return tuple(turn)


def _numbered(blocks: tuple[AssistantBlock, ...], index: int) -> tuple[AssistantBlock, ...]:
    """The blocks with an id for each call that has none: the same ones at each replay."""
    return tuple(
        msgspec.structs.replace(block, call_id=f"call_{index + 1}_{place}")
        if isinstance(block, ToolCallBlock) and not block.call_id
        else block
        for place, block in enumerate(blocks, start=1)
    )


def _deltas(blocks: tuple[AssistantBlock, ...], delta_chars: int | None) -> Iterator[ModelEvent]:
    for index, block in enumerate(blocks):
        for piece in _pieces(_text_of_block(block), delta_chars):
            match block:
                case TextBlock() | RefusalBlock():
                    yield TextDelta(piece, block_index=index)
                case ThinkingBlock():
                    yield ThinkingDelta(piece, block_index=index)
                case ToolCallBlock():
                    yield ToolCallDelta(block.call_id, block.name, piece, block_index=index)
                case OpaqueBlock() | HostedToolBlock() | ImageBlock():
                    pass


def _pieces(text: str, delta_chars: int | None) -> Iterator[str]:
    size = delta_chars or max(len(text), 1)
    return (text[start : start + size] for start in range(0, len(text), size))


def _estimated_usage(request: ModelRequest, blocks: tuple[AssistantBlock, ...]) -> TokenUsage:
    input_chars = len(request.system) + sum(map(_message_chars, request.messages))
    output_chars = sum(len(_text_of_block(block)) for block in blocks)
    return TokenUsage(
        input_tokens=input_chars // _CHARS_PER_TOKEN,
        output_tokens=output_chars // _CHARS_PER_TOKEN,
    )


def _message_chars(message: Message) -> int:
    match message:
        case UserMessage():
            return len(message.text)
        case AssistantMessage():
            return sum(len(_text_of_block(block)) for block in message.blocks)
        case ToolResultsMessage():
            return sum(len(result.content) for result in message.results)


def _text_of_block(block: AssistantBlock) -> str:
    match block:
        case TextBlock() | RefusalBlock():
            return block.text
        case ThinkingBlock():
            return "\n\n".join(block.parts)
        case ToolCallBlock():
            return block.arguments
        case OpaqueBlock() | HostedToolBlock() | ImageBlock():
            return ""

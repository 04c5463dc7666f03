"""A model that plays a script: for examples, tests and benchmarks, without a network.

The script is a list of turns, lists by model name, or a function of the request. A list is read
by *position*: the turn is the number of assistant messages in the request, not a count of calls.
So a process that restarts in the middle of a conversation goes on with the right turn, and a call
that is repeated gets the same answer. Two agents that share one list both begin with its first
turn; give each its own model name and a list of its own: `{"lead": [...], "worker": [...]}`.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence

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
from mentra_actors.providers.script import (
    NEVER_ENDS,
    BreaksAfter,
    NeverEnds,
    PlainTurn,
    Script,
    ScriptBook,
    Staged,
    Turn,
    position,
)

__all__ = [
    "NEVER_ENDS",
    "BreaksAfter",
    "NeverEnds",
    "Script",
    "ScriptedModel",
    "Staged",
    "Turn",
    "call",
    "position",
    "say",
    "think",
]

_CHARS_PER_TOKEN = 4
_KEPT = 1000


def say(text: str) -> TextBlock:
    """A block of text."""
    return TextBlock(text=text)


def think(text: str) -> ThinkingBlock:
    """A block of visible reasoning."""
    return ThinkingBlock(parts=(text,))


def call(tool: str, /, **arguments: object) -> ToolCallBlock:
    """A call of a tool; the model numbers its `call_id` when it plays the turn."""
    return ToolCallBlock(call_id="", name=tool, arguments=msgspec.json.encode(arguments).decode())


class ScriptedModel:
    """A `ModelProvider` that plays a script. Its token usage is an estimate: characters / 4.

    Args:
        turns: a list of turns, lists by model name, or a function (sync or async) from the
            request to a turn. A turn is a text, a block, a list of blocks, a whole reply, an
            exception to raise, or `NEVER_ENDS`; `Staged` gives one its usage, delay and failures.
        name: the part of the model name before the colon.
        delta_chars: stream in pieces of so many characters; without it each block is one piece.
        delay_s: wait before each piece.
        break_after_deltas: every call raises a transient `ProviderError` after so many pieces.
        repeat: after its last turn a list begins again.
        fail_first: what happens to the first calls of this instance, in order: an exception to
            raise before the script is asked, or `BreaksAfter` for one broken stream. Later calls
            follow the script, so a retry can succeed.

    Raises:
        TypeError: `turns` is no script, but a text, say.
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
        self._book = ScriptBook(turns, repeat=repeat)
        self._name = name
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
        staged = await self._book.turn(request)
        if break_after is None:
            break_after = self._break_of(staged, request)
        if isinstance(staged.turn, Exception):
            self._book.note_played(request)
            raise staged.turn
        reply = _reply(staged, request)
        delta_count = 0
        for event in _deltas(reply.blocks, self._delta_chars):
            if delta_count == break_after:
                break
            await self._pause(staged)
            yield event
            delta_count += 1
        if break_after is not None:
            raise _broken(delta_count)
        self._book.note_played(request)
        if isinstance(staged.turn, NeverEnds):
            await anyio.sleep_forever()
        yield ReplyFinished(reply)

    def assert_complete(self) -> None:
        """All turns were played to their end, all failures came, and nothing was asked beyond.

        Raises:
            AssertionError: it is not so; the message says which turn, which request.
            TypeError: the script is a function, which has no last turn.
        """
        faults = self._book.faults()
        if self._failures_left:
            faults.append(f"failures that never came: {self._failures_left}")
        if faults:
            raise AssertionError("\n".join(faults))

    async def aclose(self) -> None:
        """Nothing to release."""

    def _keep(self, request: ModelRequest) -> None:
        self.asked.append(request)
        if len(self.asked) >= 2 * _KEPT:
            del self.asked[:_KEPT]

    def _next_break(self) -> int | None:
        """After how many deltas this call breaks; raises where it fails at once."""
        if not self._failures_left:
            return self._break_after_deltas
        failure = self._failures_left.pop(0)
        if isinstance(failure, Exception):
            raise failure
        return failure.delta_count

    def _break_of(self, staged: Staged, request: ModelRequest) -> int | None:
        """After how many deltas this attempt at its turn breaks; raises where it fails at once."""
        if not staged.fail_first:
            return None
        self._book.note_failed(request)
        failure = staged.fail_first[0]
        if isinstance(failure, Exception):
            raise failure
        return failure.delta_count

    async def _pause(self, staged: Staged) -> None:
        delay_s = self._delay_s if staged.delay_s is None else staged.delay_s
        if delay_s > 0:
            await anyio.sleep(delay_s)
        else:
            await anyio.lowlevel.checkpoint()


def _broken(delta_count: int) -> ProviderError:
    return ProviderError(
        f"the script breaks the stream after {delta_count} deltas",
        kind="transport",
        transient=True,
        output_seen=delta_count > 0,
    )


def _reply(staged: Staged, request: ModelRequest) -> ModelReply:
    """The turn as a whole answer; a `ModelReply` keeps all it says, but for empty call ids."""
    index = position(request)
    turn, usage = staged.turn, staged.usage
    if isinstance(turn, ModelReply):
        numbered = _numbered(turn.blocks, index)
        return msgspec.structs.replace(turn, blocks=numbered, usage=usage or turn.usage)
    blocks = _numbered(_blocks(turn), index)
    has_calls = any(isinstance(block, ToolCallBlock) for block in blocks)
    return ModelReply(
        blocks=blocks,
        stop_reason=StopReason.TOOL_USE if has_calls else StopReason.END_TURN,
        raw_stop_reason="scripted",
        usage=usage or _estimated_usage(request, blocks),
        response_id=f"scripted_{index + 1}",
        model=request.model,
    )


def _blocks(turn: PlainTurn) -> tuple[AssistantBlock, ...]:
    match turn:
        case NeverEnds(text=text):
            return (say(text),)
        case str():
            return (say(turn),)
        case Exception() | ModelReply():
            raise TypeError(f"{turn!r} has no blocks of its own")
        case _:
            return (turn,) if isinstance(turn, AssistantBlock) else tuple(turn)


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

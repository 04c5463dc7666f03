"""What a request consists of, piece by piece: which part it is of, its tokens, its words. Pure.

The tokens of all pieces are those of the request: nothing is counted twice, nothing is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

from mentra_actors.domain.content import (
    AssistantBlock,
    AssistantMessage,
    Attachment,
    ImageBlock,
    Message,
    ThinkingBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.model_call import ModelRequest, ToolSpec
from mentra_actors.domain.request_view import RequestView
from mentra_actors.domain.token_estimate import (
    TOKENS_PER_PART,
    attachment_tokens,
    block_tokens,
    text_tokens,
)
from mentra_actors.providers.token_estimate import tool_tokens

__all__ = ["PartName", "Piece", "frame_pieces", "message_pieces", "tool_piece"]

PartName: TypeAlias = Literal[
    "system",
    "guides",
    "tools",
    "output",
    "summary",
    "people",
    "mail",
    "notices",
    "answers",
    "thinking",
    "calls",
    "results",
    "stubs",
    "images",
    "files",
    "recalled",
    "reminder",
]
"""`guides` is what tools add to the system prompt, `output` the shape of a typed answer.

`people` are prompts and what was said in between, `stubs` results of which only the tool is told,
`recalled` what is remembered, `reminder` of the task board.
"""

_SOURCES: Mapping[str, PartName] = MappingProxyType(
    {
        "prompt": "people",
        "steer": "people",
        "follow_up": "people",
        "mail": "mail",
        "summary": "summary",
        "delegation": "summary",
    }
)


class Piece(NamedTuple):
    """A piece of a request. `chars` are those of its text: what is no text has none."""

    part: PartName
    tokens: int
    chars: int
    words: str = ""


def frame_pieces(request: ModelRequest, own_prompt: str, output_tool: str) -> Iterator[Piece]:
    """All but the messages; `own_prompt` is the agent's, what follows it is from its tools."""
    own = own_prompt if request.system.startswith(own_prompt) else request.system
    guides = request.system[len(own) :]
    if own:
        yield Piece("system", text_tokens(own), len(own))
    if guides:
        more = text_tokens(request.system) - text_tokens(own)
        yield Piece("guides", more, len(guides))
    for tool in request.tools:
        yield tool_piece(tool, "output" if tool.name == output_tool else "tools")
    if request.output is not None:
        schema = request.output.schema
        yield Piece("output", text_tokens(schema), len(schema))


def tool_piece(tool: ToolSpec, part: PartName) -> Piece:
    """A tool as it is described; one that is found when needed takes nothing."""
    text = "" if tool.is_deferred else f"{tool.name}{tool.description}{tool.input_schema}"
    return Piece(part, tool_tokens(tool), len(text), tool.name)


def message_pieces(
    message: Message, view: RequestView, stubs: Sequence[bool], *, is_behind: bool
) -> Iterator[Piece]:
    """A message of the request; `stubs` says of each of its results whether it is one.

    A message that `is_behind` is no part of the conversation: it is said in this request only.
    """
    match message:
        case UserMessage():
            part = _behind(message, view) if is_behind else _SOURCES.get(message.source, "notices")
            tokens = TOKENS_PER_PART + text_tokens(message.text)
            yield Piece(part, tokens, len(message.text), message.text)
            yield from map(_attachment_piece, message.attachments)
        case AssistantMessage():
            pieces = [_block_piece(block) for block in message.blocks]
            first = pieces[0] if pieces else Piece("answers", 0, 0)
            yield Piece(first.part, first.tokens + TOKENS_PER_PART, first.chars, first.words)
            yield from pieces[1:]
        case ToolResultsMessage():
            yield from _results_pieces(message.results, stubs)


def _behind(message: UserMessage, view: RequestView) -> PartName:
    return "reminder" if message.text == view.reminder else "recalled"


def _results_pieces(results: Sequence[ToolResultBlock], stubs: Sequence[bool]) -> Iterator[Piece]:
    frame = TOKENS_PER_PART
    if not results:
        yield Piece("results", frame, 0)
    for result, is_stub in zip(results, stubs, strict=True):
        tokens = frame + TOKENS_PER_PART + text_tokens(result.content)
        words = f"{result.name}: {result.content}"
        yield Piece("stubs" if is_stub else "results", tokens, len(result.content), words)
        yield from map(_attachment_piece, result.attachments)
        frame = 0


def _attachment_piece(one: Attachment) -> Piece:
    if isinstance(one, ImageBlock):
        return Piece("images", attachment_tokens(one), 0, f"[{one.media_type or 'image'}]")
    return Piece("files", attachment_tokens(one), 0, f"[{one.name or one.media_type or 'file'}]")


def _block_piece(block: AssistantBlock) -> Piece:
    tokens = block_tokens(block)
    match block:
        case ToolCallBlock(name=name, arguments=arguments):
            return Piece("calls", tokens, len(name) + len(arguments), f"{name} {arguments}")
        case ThinkingBlock(parts=parts, encrypted=encrypted):
            words = "".join(parts)
            is_shown = sum(map(text_tokens, parts)) >= text_tokens(encrypted)
            return Piece("thinking", tokens, len(words if is_shown else encrypted), words)
        case ImageBlock():
            return _attachment_piece(block)
        case _:
            text = getattr(block, "text", "") or getattr(block, "raw", "")
            return Piece("answers", tokens, len(text), text)

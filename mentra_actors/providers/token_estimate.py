"""How many tokens a request may have, where nobody counts them.

The rule is simple on purpose: a token for four bytes of text, a few for each message, block and
tool, and for an image what its pixels cost. For English text it is within a quarter of the truth;
for code and other languages it can be off by more. It bounds nothing.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from mentra_actors.domain.content import (
    AssistantMessage,
    Attachment,
    FileBlock,
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
from mentra_actors.domain.media_types import PNG, media_type_of
from mentra_actors.domain.model_call import ModelRequest

__all__ = ["estimated_tokens"]

_BYTES_PER_TOKEN = 4
_PER_PART = 4
_PIXELS_PER_TOKEN = 750
_MOST_IMAGE_TOKENS = 1600
_FILE_BYTES_PER_TOKEN = 25
_UNSEEN_FILE_TOKENS = 2000


def estimated_tokens(request: ModelRequest) -> int:
    """The tokens of a request, guessed from its size."""
    tools = sum(
        _PER_PART + _text_tokens(f"{tool.name}{tool.description}{tool.input_schema}")
        for tool in request.tools
        if not tool.is_deferred
    )
    output = _text_tokens(request.output.schema) if request.output else 0
    messages = sum(_PER_PART + _message_tokens(message) for message in request.messages)
    return _text_tokens(request.system) + tools + output + messages


def _text_tokens(text: str) -> int:
    return math.ceil(len(text.encode("utf-8", "surrogatepass")) / _BYTES_PER_TOKEN)


def _message_tokens(message: Message) -> int:
    match message:
        case UserMessage():
            return _text_tokens(message.text) + _attached_tokens(message.attachments)
        case AssistantMessage():
            return sum(_BLOCKS[type(block)](block) for block in message.blocks)
        case ToolResultsMessage():
            return sum(
                _PER_PART + _text_tokens(result.content) + _attached_tokens(result.attachments)
                for result in message.results
            )


def _call_tokens(block: ToolCallBlock) -> int:
    return _PER_PART + _text_tokens(block.name) + _text_tokens(block.arguments)


def _thinking_tokens(block: ThinkingBlock) -> int:
    """The words, or what is encrypted; whichever of them goes back."""
    return max(sum(map(_text_tokens, block.parts)), _text_tokens(block.encrypted))


def _attached_tokens(attachments: tuple[Attachment, ...]) -> int:
    return sum(
        _image_tokens(one) if isinstance(one, ImageBlock) else _file_tokens(one)
        for one in attachments
    )


def _image_tokens(image: ImageBlock) -> int:
    """By its pixels; as many as the largest where they are not known."""
    if media_type_of(image.data) != PNG:
        return _MOST_IMAGE_TOKENS
    width, height = (int.from_bytes(image.data[at : at + 4]) for at in (16, 20))
    return min(math.ceil(width * height / _PIXELS_PER_TOKEN), _MOST_IMAGE_TOKENS)


def _file_tokens(file: FileBlock) -> int:
    if not file.data:
        return _UNSEEN_FILE_TOKENS
    is_text = file.media_type.startswith("text/")
    return math.ceil(len(file.data) / (_BYTES_PER_TOKEN if is_text else _FILE_BYTES_PER_TOKEN))


_BLOCKS: Mapping[type, Callable[[Any], int]] = {
    TextBlock: lambda block: _text_tokens(block.text),
    RefusalBlock: lambda block: _text_tokens(block.text),
    ThinkingBlock: _thinking_tokens,
    ToolCallBlock: _call_tokens,
    OpaqueBlock: lambda block: _text_tokens(block.raw),
    HostedToolBlock: lambda block: _text_tokens(block.raw),
    ImageBlock: _image_tokens,
}

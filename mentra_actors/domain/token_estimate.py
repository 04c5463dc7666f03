"""How many tokens words, messages and pictures may have, where nobody counts them. Pure.

The rule is simple on purpose: a token for four bytes of text, a few for each message and block,
and for an image what its pixels cost. For English text it is within a quarter of the truth; for
code and other languages it can be off by more.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from mentra_actors.domain.content import (
    AssistantBlock,
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
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.media_types import PNG, media_type_of

__all__ = [
    "TOKENS_PER_PART",
    "attachment_tokens",
    "block_tokens",
    "message_tokens",
    "result_tokens",
    "text_tokens",
]

_BYTES_PER_TOKEN = 4
TOKENS_PER_PART = 4
"""Of the frame around a message, a block or a tool."""
_PIXELS_PER_TOKEN = 750
_MOST_IMAGE_TOKENS = 1600
_FILE_BYTES_PER_TOKEN = 25
_UNSEEN_FILE_TOKENS = 2000


def text_tokens(text: str) -> int:
    """Of a text as it stands."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return -(-size // _BYTES_PER_TOKEN)


def message_tokens(message: Message) -> int:
    """Of a message with its frame."""
    return TOKENS_PER_PART + _said_tokens(message)


def _said_tokens(message: Message) -> int:
    match message:
        case UserMessage():
            return text_tokens(message.text) + _attached_tokens(message.attachments)
        case AssistantMessage():
            return sum(map(block_tokens, message.blocks))
        case ToolResultsMessage():
            return sum(map(result_tokens, message.results))


def block_tokens(block: AssistantBlock) -> int:
    """Of a part of an answer."""
    return _BLOCKS[type(block)](block)


def result_tokens(result: ToolResultBlock) -> int:
    """Of the result of a call, with its frame and its attachments."""
    told = TOKENS_PER_PART + text_tokens(result.content)
    return told + _attached_tokens(result.attachments)


def _call_tokens(block: ToolCallBlock) -> int:
    return TOKENS_PER_PART + text_tokens(block.name) + text_tokens(block.arguments)


def _thinking_tokens(block: ThinkingBlock) -> int:
    """The words, or what is encrypted; whichever of them goes back."""
    return max(sum(map(text_tokens, block.parts)), text_tokens(block.encrypted))


def _attached_tokens(attachments: tuple[Attachment, ...]) -> int:
    return sum(map(attachment_tokens, attachments))


def attachment_tokens(one: Attachment) -> int:
    """Of an image or a document."""
    return _image_tokens(one) if isinstance(one, ImageBlock) else _file_tokens(one)


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
    TextBlock: lambda block: text_tokens(block.text),
    RefusalBlock: lambda block: text_tokens(block.text),
    ThinkingBlock: _thinking_tokens,
    ToolCallBlock: _call_tokens,
    OpaqueBlock: lambda block: text_tokens(block.raw),
    HostedToolBlock: lambda block: text_tokens(block.raw),
    ImageBlock: _image_tokens,
}

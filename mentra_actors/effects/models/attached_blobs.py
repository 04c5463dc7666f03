"""Images and documents between a model and the store: bytes there, names on the log.

The log holds the names of blobs. Before a request they are read, and what an answer brings is
kept before the answer is recorded. A blob that is gone, because its agent was forgotten, is told
to the model in words.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import anyio.to_thread
import msgspec

from mentra_actors.domain.blob import BlobRef
from mentra_actors.domain.content import (
    AssistantBlock,
    AssistantMessage,
    Attachment,
    HostedToolBlock,
    ImageBlock,
    Message,
    ToolResultsMessage,
    UserMessage,
    blobs_of,
)

__all__ = ["AttachedBlobs", "BlobReader", "Blobs", "kept_attachments", "kept_blocks"]

_MAX_LOADED_BYTES = 128 * 1024 * 1024
_replace = msgspec.structs.replace
A = TypeVar("A", bound=Attachment)


class BlobReader(Protocol):
    """Content-addressed bytes beside the log, to be read. Safe from any thread."""

    def read_blob(self, digest: str) -> bytes | None:
        """The bytes kept under a digest, or None. May read a disk."""
        ...


class Blobs(BlobReader, Protocol):
    """Content-addressed bytes beside the log. Safe from any thread."""

    def put_blob(self, content: bytes) -> str:
        """Keep `content` and return its digest at once; never blocks."""
        ...


def kept_attachments(
    attachments: Sequence[Attachment], put_blob: Callable[[bytes], str]
) -> tuple[Attachment, ...]:
    """The same with names instead of bytes.

    Raises:
        StoreError: one could not be kept.
    """
    return tuple(_kept(one, put_blob) for one in attachments)


def kept_blocks(
    blocks: Sequence[AssistantBlock], put_blob: Callable[[bytes], str]
) -> tuple[AssistantBlock, ...]:
    """The blocks of an answer, with names instead of the bytes of images.

    Raises:
        StoreError: one could not be kept.
    """
    return tuple(_kept_block(block, put_blob) for block in blocks)


def _kept_block(block: AssistantBlock, put_blob: Callable[[bytes], str]) -> AssistantBlock:
    match block:
        case ImageBlock():
            return _kept(block, put_blob)
        case HostedToolBlock(images=images) if images:
            return _replace(block, images=tuple(_kept(one, put_blob) for one in images))
        case _:
            return block


def _kept(attachment: A, put_blob: Callable[[bytes], str]) -> A:
    if not attachment.data:
        return attachment
    size_bytes = len(attachment.data)
    blob = BlobRef(digest=put_blob(attachment.data), size_bytes=size_bytes)
    return _replace(attachment, data=b"", blob=blob)


class AttachedBlobs:
    """Messages with the bytes that they name.

    The same message gives the same object again, up to a bound, so what a provider has encoded of
    it stays valid. Used on the effects loop only.
    """

    def __init__(self, blobs: BlobReader, max_loaded_bytes: int = _MAX_LOADED_BYTES) -> None:
        self._blobs = blobs
        self._max_loaded_bytes = max_loaded_bytes
        self._loaded_bytes = 0
        self._loaded: OrderedDict[int, tuple[Message, Message, int]] = OrderedDict()

    async def loaded(self, messages: Sequence[Message]) -> Sequence[Message]:
        """The messages, with bytes instead of names; the same sequence if none names any.

        Raises:
            StoreError: a blob cannot be read.
        """
        places = [place for place, message in enumerate(messages) if blobs_of(message)]
        if not places:
            return messages
        whole = list(messages)
        for place in places:
            whole[place] = await self._whole(messages[place])
        self._evict()
        return whole

    async def _whole(self, message: Message) -> Message:
        known = self._loaded.get(id(message))
        if known is not None:
            self._loaded.move_to_end(id(message))
            return known[1]
        whole = await anyio.to_thread.run_sync(self._read, message)
        size_bytes = sum(blob.size_bytes for blob in blobs_of(message))
        self._loaded[id(message)] = (message, whole, size_bytes)
        self._loaded_bytes += size_bytes
        return whole

    def _evict(self) -> None:
        while self._loaded_bytes > self._max_loaded_bytes and len(self._loaded) > 1:
            _, (_, _, size_bytes) = self._loaded.popitem(last=False)
            self._loaded_bytes -= size_bytes

    def _read(self, message: Message) -> Message:
        match message:
            case UserMessage():
                attachments, gone = self._all(message.attachments)
                return _replace(message, attachments=attachments, text=_told(message.text, gone))
            case ToolResultsMessage():
                return _replace(message, results=tuple(map(self._result, message.results)))
            case AssistantMessage():
                return _replace(message, blocks=tuple(map(self._block, message.blocks)))

    def _result(self, result: Any) -> object:
        attachments, gone = self._all(result.attachments)
        return _replace(result, attachments=attachments, content=_told(result.content, gone))

    def _block(self, block: AssistantBlock) -> AssistantBlock:
        match block:
            case ImageBlock():
                return self._one(block) or block
            case HostedToolBlock(images=images):
                return _replace(block, images=tuple(filter(None, map(self._one, images))))
            case _:
                return block

    def _all(self, attachments: Sequence[Attachment]) -> tuple[tuple[Attachment, ...], int]:
        found = [self._one(one) for one in attachments]
        there = tuple(one for one in found if one is not None)
        return there, len(found) - len(there)

    def _one(self, attachment: A) -> A | None:
        if attachment.blob is None:
            return attachment
        content = self._blobs.read_blob(attachment.blob.digest)
        return None if content is None else _replace(attachment, data=content, blob=None)


def _told(text: str, gone: int) -> str:
    if not gone:
        return text
    words = "An attachment is" if gone == 1 else f"{gone} attachments are"
    return f"{text}\n\n[{words} no longer kept.]".strip()

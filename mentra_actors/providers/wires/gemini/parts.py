"""The parts of a Gemini answer, collected into blocks.

Parts have no ids: text continues the block before it where that is of the same kind, and nothing
continues a part that carried a signature. Nothing is left out because it was said before.
"""

import base64
import binascii

import msgspec

from mentra_actors.domain.content import (
    AssistantBlock,
    HostedToolBlock,
    ImageBlock,
    OpaqueBlock,
    Provenance,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from mentra_actors.providers.json_access import Json, object_of, text_of
from mentra_actors.providers.wires.gemini.partial_arguments import TextPieces, assemble

__all__ = ["CallDraft", "TextRun", "image_block", "part_kind", "raw_block"]

_BESIDE = frozenset(
    {"thought", "thoughtSignature", "partMetadata", "videoMetadata", "mediaResolution"}
)


class TextRun:
    """Text or thoughts that come in pieces, until a part carries a signature."""

    def __init__(self, block_index: int, *, is_thought: bool) -> None:
        self.block_index = block_index
        self.is_thought = is_thought
        self.signature = ""
        self._pieces: list[str] = []

    def add(self, text: str, signature: str) -> None:
        """Take the next piece; after a signature there is none."""
        self._pieces.append(text)
        self.signature = signature

    @property
    def text(self) -> str:
        """All pieces so far."""
        return "".join(self._pieces)

    def is_continued_by(self, text: str, signature: str, *, is_thought: bool) -> bool:
        """Whether a part belongs to this run and not to one of its own.

        Thoughts take a signature that comes after them, for it has no other place.
        """
        if is_thought is not self.is_thought or self.signature:
            return False
        return not signature or (is_thought and not text)

    def block(self, provenance: Provenance) -> AssistantBlock:
        """The block; the marks of its producer are on what only that one can read."""
        if self.is_thought:
            parts = (self.text,) if self.text else ()
            return ThinkingBlock(parts=parts, signature=self.signature, provenance=provenance)
        if not self.signature:
            return TextBlock(text=self.text)
        return TextBlock(text=self.text, signature=self.signature, provenance=provenance)


class CallDraft:
    """A call, whole or in fragments; `is_closed` says that nothing of it is missing.

    `sent_id` is what the server calls it, where it does; `call_id` is never that of another call.
    """

    def __init__(self, block_index: int, call_id: str, name: str, sent_id: str) -> None:
        self.block_index = block_index
        self.call_id = call_id
        self.name = name
        self.sent_id = sent_id
        self.signature = ""
        self.is_closed = False
        self._arguments: dict[str, object] = {}

    def add(self, call: Json) -> None:
        """Take the next fragment.

        Raises:
            PlaceError: nobody can tell where its arguments belong.
        """
        self._arguments.update(object_of(call, "args"))
        assemble(self._arguments, call)
        will_continue = call.get("willContinue")
        self.is_closed = will_continue is None or will_continue is False

    @property
    def arguments(self) -> str:
        """The arguments so far, as JSON text."""
        return msgspec.json.encode(self._arguments, enc_hook=_joined).decode()

    def block(self, provenance: Provenance) -> AssistantBlock:
        """The block of the call."""
        return ToolCallBlock(
            call_id=self.call_id,
            name=self.name,
            arguments=self.arguments,
            signature=self.signature,
            provenance=provenance if self.signature else None,
        )


def _joined(value: object) -> str:
    """What the encoder does not know in arguments: a text in pieces."""
    if not isinstance(value, TextPieces):
        raise TypeError(f"no JSON: {type(value).__name__}")
    return value.text


def part_kind(part: Json) -> str:
    """The field that says what a part is; empty where there is none."""
    return next(
        (key for key, value in part.items() if key not in _BESIDE and value is not None), ""
    )


def image_block(part: Json, provenance: Provenance) -> AssistantBlock:
    """Data as an image, where it is one; with a signature or as a thought, it can go back.

    Raises:
        ValueError: the image cannot be read.
    """
    inline = object_of(part, "inlineData")
    media_type = text_of(inline, "mimeType")
    if not media_type.startswith("image/"):
        return raw_block(part, "inlineData", provenance)
    image = ImageBlock(media_type=media_type, data=_bytes_of(inline, media_type))
    is_thought = part.get("thought") is True
    if not is_thought and not text_of(part, "thoughtSignature"):
        return image
    kept = {**part, "inlineData": {key: inline[key] for key in inline if key != "data"}}
    return HostedToolBlock(
        tool="image_generation",
        status="draft" if is_thought else "completed",
        raw=msgspec.json.encode(kept).decode(),
        provenance=provenance,
        images=(image,),
    )


def _bytes_of(inline: Json, media_type: str) -> bytes:
    try:
        data = base64.b64decode(text_of(inline, "data"), validate=True)
    except binascii.Error as error:
        raise ValueError(f"an image of type {media_type} is not base64: {error}") from error
    if not data:
        raise ValueError(f"an image of type {media_type} is empty")
    return data


def raw_block(part: Json, kind: str, provenance: Provenance) -> OpaqueBlock:
    """A part that has no neutral form, with all that stood in it."""
    raw = msgspec.json.encode(part).decode()
    return OpaqueBlock(item_type=kind, raw=raw, provenance=provenance)

"""Entries of `reasoning_details`: reasoning as a list of texts, summaries and encrypted pieces.

A stream sends an entry in pieces that share their `index`; each whole one is a block of its own,
so that it can go back just as it came.
"""

import msgspec

from mentra_actors.domain.content import OpaqueBlock, Provenance, ThinkingBlock
from mentra_actors.providers.json_access import Json, text_of

__all__ = ["REASONING_ITEM", "DetailPieces", "detail_of"]

REASONING_ITEM = "reasoning_detail"
"""The type of an opaque block that is an entry of no known type."""

_TEXT, _SUMMARY, _ENCRYPTED = "reasoning.text", "reasoning.summary", "reasoning.encrypted"
_APPENDED = ("text", "summary", "data")


class DetailPieces:
    """One entry, put together from its pieces."""

    def __init__(self) -> None:
        self._fields: dict[str, object] = {}
        self._pieces: dict[str, list[str]] = {}

    def add(self, piece: Json) -> str:
        """Take a piece; the words in it, which may be shown."""
        for name, value in piece.items():
            if name in _APPENDED and isinstance(value, str):
                self._fields.setdefault(name, "")
                self._pieces.setdefault(name, []).append(value)
            elif value is not None and name not in self._pieces:
                self._fields[name] = value
        return text_of(piece, "text") or text_of(piece, "summary")

    def block(self, provenance: Provenance) -> ThinkingBlock | OpaqueBlock:
        """The whole entry."""
        fields = self._fields | {name: "".join(texts) for name, texts in self._pieces.items()}
        if text_of(fields, "type") not in (_TEXT, _SUMMARY, _ENCRYPTED):
            raw = msgspec.json.encode(fields).decode()
            return OpaqueBlock(item_type=REASONING_ITEM, raw=raw, provenance=provenance)
        words = text_of(fields, "text") or text_of(fields, "summary")
        return ThinkingBlock(
            parts=(words,) if words else (),
            item_id=text_of(fields, "id"),
            encrypted=text_of(fields, "data"),
            provenance=provenance,
            signature=text_of(fields, "signature"),
            is_redacted=text_of(fields, "type") == _ENCRYPTED,
            is_raw=text_of(fields, "type") == _TEXT,
            format=text_of(fields, "format"),
        )


def detail_of(block: ThinkingBlock | OpaqueBlock, index: int) -> dict[str, object]:
    """The entry that a block is sent back as, the one at `index`."""
    if isinstance(block, OpaqueBlock):
        return {**msgspec.json.decode(block.raw), "index": index}
    words = "\n\n".join(block.parts)
    if block.is_redacted:
        said = {"type": _ENCRYPTED, "data": block.encrypted}
    elif block.is_raw:
        said = {"type": _TEXT, "text": words}
    else:
        said = {"type": _SUMMARY, "summary": words}
    more = {"id": block.item_id, "signature": block.signature, "format": block.format}
    return {**said, **{name: value for name, value in more.items() if value}, "index": index}

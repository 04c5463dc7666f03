"""Work of the server's own tools: its items as neutral blocks, and back.

The bytes of an image are kept once, in the block; its item is stored without them.
"""

import base64
import binascii
from collections.abc import Mapping

import msgspec

from mentra_actors.domain.content import HostedToolBlock, ImageBlock, Provenance
from mentra_actors.providers.json_access import Json, object_of, text_of

__all__ = ["HOSTED_TOOLS", "hosted_block", "hosted_item", "image_of"]

_IMAGE_CALL = "image_generation_call"
_RESULT = "result"

HOSTED_TOOLS: Mapping[str, str] = {
    "web_search_call": "web_search",
    _IMAGE_CALL: "image_generation",
    "tool_search_call": "tool_search",
}
"""The neutral word for the tool of each type of item."""


def hosted_block(item: Json, provenance: Provenance, *, query: str = "") -> HostedToolBlock:
    """The block of an item. `query` is what was streamed of it, where the item has none."""
    item_type = text_of(item, "type")
    images = _images(item)
    kept = {name: value for name, value in item.items() if name != _RESULT or not images}
    return HostedToolBlock(
        tool=HOSTED_TOOLS.get(item_type, item_type),
        raw=_json_text(kept),
        provenance=provenance,
        call_id=text_of(item, "call_id") or text_of(item, "id"),
        status=text_of(item, "status"),
        query=_query(item) or query,
        action=_action(item),
        images=images,
    )


def hosted_item(block: HostedToolBlock) -> dict[str, object] | None:
    """The item of a block as it came; None where the bytes of its image are not here."""
    item: dict[str, object] = msgspec.json.decode(block.raw)
    if not block.images:
        is_lost = text_of(item, "type") == _IMAGE_CALL and _RESULT not in item
        return None if is_lost else item
    content = block.images[0].data
    return {**item, _RESULT: base64.b64encode(content).decode("ascii")} if content else None


def image_of(encoded: str, output_format: str) -> ImageBlock | None:
    """An image from base64; None if that is none."""
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    word = {"": "png", "jpg": "jpeg", "svg": "svg+xml"}.get(output_format, output_format)
    return ImageBlock(media_type=f"image/{word}", data=content) if content else None


def _images(item: Json) -> tuple[ImageBlock, ...]:
    if text_of(item, "type") != _IMAGE_CALL:
        return ()
    image = image_of(text_of(item, _RESULT), text_of(item, "output_format"))
    return () if image is None else (image,)


def _query(item: Json) -> str:
    """What was searched for, or the prompt as it was revised; a list of queries is joined."""
    action, arguments = object_of(item, "action"), object_of(item, "arguments")
    texts = (
        text_of(item, "revised_prompt"),
        text_of(action, "query"),
        _joined(action, "queries"),
        text_of(arguments, "query"),
        _joined(arguments, "queries"),
        _joined(arguments, "paths"),
    )
    return next(filter(None, texts), "")


def _joined(value: Json, name: str) -> str:
    found = value.get(name)
    texts = found if isinstance(found, list) else []
    return "; ".join(text for text in texts if isinstance(text, str))


def _action(item: Json) -> str:
    """What was done, as JSON text; actions that nobody knows yet are kept like the others."""
    done = item.get("action") or item.get("arguments")
    return _json_text(done) if isinstance(done, dict) else ""


def _json_text(value: object) -> str:
    return msgspec.json.encode(value).decode()

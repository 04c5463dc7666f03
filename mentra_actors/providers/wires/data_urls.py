"""Bytes in URLs: `data:image/png;base64,…`."""

import base64
import binascii

from mentra_actors.domain.content import ImageBlock

__all__ = ["data_url", "image_of_url"]


def data_url(media_type: str, content: bytes) -> str:
    """A URL that holds the bytes themselves."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def image_of_url(url: str) -> ImageBlock:
    """The image at a URL, with its bytes where the URL holds them."""
    head, comma, encoded = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return ImageBlock(url=url)
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return ImageBlock(url=url)
    return ImageBlock(media_type=head[5:].partition(";")[0], data=content)

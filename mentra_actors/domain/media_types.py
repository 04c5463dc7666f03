"""Types of media, told by how the bytes begin."""

from collections.abc import Mapping

__all__ = ["PDF", "PNG", "media_type_of"]

PDF = "application/pdf"
PNG = "image/png"

_BEGINNINGS: Mapping[bytes, str] = {
    b"\x89PNG\r\n\x1a\n": PNG,
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"%PDF-": PDF,
}


def media_type_of(content: bytes) -> str:
    """The type of well-known images and documents; empty for all others."""
    for beginning, media_type in _BEGINNINGS.items():
        if content.startswith(beginning):
            return media_type
    is_webp = content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    return "image/webp" if is_webp else ""

"""A name for bytes that are kept beside the log."""

import msgspec

__all__ = ["BlobRef"]


class BlobRef(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """Bytes kept beside the log."""

    digest: str
    size_bytes: int

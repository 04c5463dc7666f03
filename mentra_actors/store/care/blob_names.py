"""Which blobs are named by what is stored.

To find out what is surely missing, only fields count that are meant to name a blob. To find out
what may be thrown away, everything counts that could be a name: 32 hex digits in a row, anywhere.
"""

import re
from collections.abc import Iterator, Mapping

import msgspec

from mentra_actors.domain.blob import BlobRef

__all__ = ["DIGEST_BYTES", "named_blobs", "possible_names"]

DIGEST_BYTES = 16
_DIGITS = 2 * DIGEST_BYTES
_RUN = re.compile(rb"[0-9a-fA-F]{%d,}" % _DIGITS)


def named_blobs(value: object) -> Iterator[bytes]:
    """Digests in the references to blobs within a decoded event."""
    if isinstance(value, BlobRef):
        if _RUN.fullmatch(value.digest.encode()) and len(value.digest) == _DIGITS:
            yield bytes.fromhex(value.digest)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from named_blobs(getattr(value, name))
    elif isinstance(value, tuple | list):
        for one in value:
            yield from named_blobs(one)
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from named_blobs(one)


def possible_names(content: bytes) -> Iterator[bytes]:
    """Everything in `content` that could be the digest of a blob."""
    for run in _RUN.finditer(content):
        digits = run.group().decode()
        for start in range(len(digits) - _DIGITS + 1):
            yield bytes.fromhex(digits[start : start + _DIGITS])

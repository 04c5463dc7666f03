"""Bodies of responses in pieces of bounded size, whatever the server has compressed into them."""

import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import cast

import httpx

__all__ = ["ACCEPTED_ENCODINGS", "body_pieces", "first_bytes"]

ACCEPTED_ENCODINGS = "gzip, deflate"
"""What a request asks for: these are undone here, step by step, so that no body explodes."""

_PIECE_BYTES = 1024 * 1024
_SLICE_BYTES = 4096
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_GZIP_MARK = 0x1F
_PLAIN = {"", "identity"}
_ZIPPED = {"gzip", "x-gzip", "deflate"}


async def body_pieces(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """The body in pieces of at most a megabyte, decompressed; closing it stops the reading.

    Raises:
        httpx.DecodingError: the body is compressed in another way, or broken.
    """
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if response.is_stream_consumed:  # a client has read it already
        yield response.content
        return
    if encoding in _PLAIN:
        async with aclosing(_raw(response)) as pieces:
            async for piece in pieces:
                yield piece
        return
    if encoding not in _ZIPPED:
        raise httpx.DecodingError(f"the body has an encoding that was not asked for: {encoding}")
    async with aclosing(_raw(response)) as pieces:
        async for piece in _unzipped(pieces):
            yield piece


async def first_bytes(
    response: httpx.Response, most_bytes: int, pieces: list[bytes] | None = None
) -> bytes:
    """The first bytes of a body; `pieces` keeps what was read when it breaks."""
    pieces = [] if pieces is None else pieces
    size_bytes = 0
    async with aclosing(body_pieces(response)) as body:
        async for piece in body:
            pieces.append(piece)
            size_bytes += len(piece)
            if size_bytes >= most_bytes:
                break
    return b"".join(pieces)[:most_bytes]


def _raw(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    return cast(AsyncGenerator[bytes, None], response.aiter_raw())


async def _unzipped(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    unzip = _Unzip()
    async for piece in pieces:
        # short slices: the rest of one is copied for each member that ends in it
        for begin in range(0, len(piece), _SLICE_BYTES):
            for part in unzip.feed(piece[begin : begin + _SLICE_BYTES]):
                yield part
    rest = unzip.close()
    if rest:
        yield rest


class _Unzip:
    """One body of gzip (of any number of members), zlib, or `deflate` without its head."""

    def __init__(self) -> None:
        self._unzip = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._has_begun = False
        self._is_gzip = False

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """What more bytes say, in pieces of at most a megabyte."""
        if packed and not self._has_begun:
            self._begin(packed)
        while packed and (not self._unzip.eof or self._begins_again(packed)):
            part = self._part(packed)
            packed = self._unzip.unconsumed_tail or self._unzip.unused_data
            if part:
                yield part

    def close(self) -> bytes:
        """What is left when the body has ended."""
        return self._unzip.flush()

    def _begin(self, packed: bytes) -> None:
        self._has_begun = True
        self._is_gzip = packed[0] == _GZIP_MARK
        if not _has_zlib_head(packed):  # common for `deflate`
            self._unzip = zlib.decompressobj(-zlib.MAX_WBITS)

    def _begins_again(self, packed: bytes) -> bool:
        """A member has ended; whether these bytes are another one, and not padding."""
        if not self._is_gzip or packed[0] != _GZIP_MARK:
            return False
        self._unzip = zlib.decompressobj(_GZIP_OR_ZLIB)
        return True

    def _part(self, packed: bytes) -> bytes:
        try:
            return self._unzip.decompress(packed, _PIECE_BYTES)
        except zlib.error as error:
            raise httpx.DecodingError(str(error)) from None


def _has_zlib_head(piece: bytes) -> bool:
    """Of gzip, or of zlib as far as the first byte shows it (RFC 1950: method 8)."""
    return piece[0] == _GZIP_MARK or piece[0] & 0x0F == zlib.DEFLATED

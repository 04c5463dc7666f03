"""Server-sent events: a push parser over bytes.

Lines end at LF, CR or CRLF and at nothing else: JSON may hold U+2028, U+0085 and other separators
raw. Every byte is searched once, however small the chunks are, because a line that is not complete
is put aside until its end arrives. Nothing is kept but that line, the data of the open frame, and
the last value of each field that counts.
"""

import re

import msgspec

from mentra_actors.errors import ProviderError

__all__ = ["MAX_FRAME_BYTES", "ServerSentEvent", "SseParser"]

MAX_FRAME_BYTES = 64 * 1024 * 1024

_LINE_END = re.compile(rb"\r\n|\n|\r")
_MAX_DIGITS = 10
_FIELDS = frozenset({b"event", b"id", b"retry"})
_BOM = b"\xef\xbb\xbf"


class ServerSentEvent(msgspec.Struct, frozen=True):
    """One event: its data lines joined by LF, and the optional fields as they came."""

    data: str
    event: str = ""
    event_id: str = ""
    retry_ms: int | None = None


class SseParser:
    """Chunks of bytes in, events out; the same events for every way of cutting the bytes."""

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._line = bytearray()
        self._data: bytes | bytearray | None = None
        self._fault: ProviderError | None = None
        self._fields: dict[bytes, bytes] = {}
        self._is_after_cr = False
        self._is_first_line = True

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """The events that this chunk completes; a fault after them is raised by the next call.

        Raises:
            ProviderError: `malformed_stream`: not UTF-8, or a frame above the size limit.
        """
        if self._fault is not None:
            raise self._fault
        if self._is_after_cr and chunk:
            self._is_after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if not chunk:
            return []
        self._is_after_cr = chunk.endswith(b"\r")
        lines = _LINE_END.split(chunk) if b"\r" in chunk else chunk.split(b"\n")
        *ends, rest = lines
        events: list[ServerSentEvent] = []
        try:
            for end in ends:
                line = self._complete_line(end) if self._line or self._is_first_line else end
                if line:
                    self._take_line(line)
                elif (event := self._dispatch()) is not None:
                    events.append(event)
            self._keep(rest)
        except ProviderError as error:
            self._fault = error
            self._line, self._data = bytearray(), None
            if not events:
                raise
        return events

    def close(self) -> ServerSentEvent | None:
        """The last frame, where the bytes ended before the blank line that should follow it.

        The caller decides whether it is whole: a connection that broke leaves the same trace.

        Raises:
            ProviderError: `malformed_stream`: it is not UTF-8.
        """
        if self._fault is not None:
            raise self._fault
        if self._line:
            line = self._complete_line(b"")
            if line:  # a mark of the byte order alone is none
                self._take_line(line)
        return self._dispatch()

    def _keep(self, piece: bytes) -> None:
        self._line += piece
        self._check_size(len(self._line))

    def _check_size(self, line_bytes: int) -> None:
        if line_bytes + len(self._data or b"") > self._max_frame_bytes:
            raise _malformed(f"an event is longer than {self._max_frame_bytes} bytes")

    def _complete_line(self, end: bytes) -> bytes:
        self._keep(end)
        line = bytes(self._line)
        self._line.clear()
        if self._is_first_line:
            self._is_first_line = False
            return line.removeprefix(_BOM)
        return line

    def _take_line(self, line: bytes) -> None:
        self._check_size(len(line))
        name, _, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if name == b"data":
            self._take_data(value)
        elif name in _FIELDS:
            self._fields[name] = value

    def _take_data(self, value: bytes) -> None:
        if self._data is None:
            self._data = value
        else:
            if isinstance(self._data, bytes):
                self._data = bytearray(self._data)
            self._data += b"\n"
            self._data += value

    def _dispatch(self) -> ServerSentEvent | None:
        found, fields = self._data, self._fields
        self._data, self._fields = None, {}
        if found is None:
            return None
        data = _decoded(found)
        event, event_id = fields.get(b"event"), fields.get(b"id")
        return ServerSentEvent(
            data,
            _decoded(event) if event else "",
            _decoded(event_id) if event_id else "",
            _milliseconds(fields.get(b"retry")),
        )


def _milliseconds(value: bytes | None) -> int | None:
    return int(value) if value and value.isdigit() and len(value) < _MAX_DIGITS else None


def _decoded(value: bytes | bytearray) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed(f"an event is not UTF-8 at byte {error.start}") from error


def _malformed(message: str) -> ProviderError:
    return ProviderError(
        f"malformed event stream: {message}", kind="malformed_stream", transient=False
    )

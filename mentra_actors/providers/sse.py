"""Server-sent events: a push parser over bytes.

Lines end at LF, CR or CRLF and at nothing else: JSON may hold U+2028, U+0085 and other separators
raw. Every byte is searched once, however small the chunks are, because a line that is not complete
is kept in pieces until its end arrives.
"""

import re

import msgspec

from mentra_actors.errors import ProviderError

__all__ = ["MAX_FRAME_BYTES", "ServerSentEvent", "SseParser"]

MAX_FRAME_BYTES = 64 * 1024 * 1024

_LINE_END = re.compile(rb"\r\n|\n|\r")
_MAX_DIGITS = 10
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
        self._line_pieces: list[bytes] = []
        self._line_bytes = 0
        self._data_lines: list[bytes] = []
        self._data_bytes = 0
        self._fields: dict[bytes, bytes] = {}
        self._is_after_cr = False
        self._is_first_line = True

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """The events that this chunk completes.

        Raises:
            ProviderError: `malformed_stream`: not UTF-8, or a frame above the size limit.
        """
        if self._is_after_cr and chunk:
            self._is_after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if not chunk:
            return []
        self._is_after_cr = chunk.endswith(b"\r")
        lines = _LINE_END.split(chunk) if b"\r" in chunk else chunk.split(b"\n")
        *ends, rest = lines
        events = []
        for end in ends:
            line = self._complete_line(end) if self._line_bytes or self._is_first_line else end
            if line:
                self._take_line(line)
            elif self._data_lines or self._fields:
                event = self._dispatch()
                if event is not None:
                    events.append(event)
        self._keep(rest)
        return events

    def close(self) -> ServerSentEvent | None:
        """The last frame, where the bytes ended before the blank line that should follow it.

        The caller decides whether it is whole: a connection that broke leaves the same trace.

        Raises:
            ProviderError: `malformed_stream`: it is not UTF-8.
        """
        if self._line_bytes:
            line = self._complete_line(b"")
            if line:  # a mark of the byte order alone is none
                self._take_line(line)
        return self._dispatch()

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._line_pieces.append(piece)
            self._line_bytes += len(piece)
        self._check_size()

    def _check_size(self) -> None:
        if self._line_bytes + self._data_bytes > self._max_frame_bytes:
            raise _malformed(f"an event is longer than {self._max_frame_bytes} bytes")

    def _complete_line(self, end: bytes) -> bytes:
        self._keep(end)
        line = b"".join(self._line_pieces)
        self._line_pieces.clear()
        self._line_bytes = 0
        if self._is_first_line:
            self._is_first_line = False
            return line.removeprefix(_BOM)
        return line

    def _take_line(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if name == b"data":
            self._data_lines.append(value)
            self._data_bytes += len(value) + 1
            if self._data_bytes > self._max_frame_bytes:
                self._check_size()
        elif name:
            self._fields[name] = value

    def _dispatch(self) -> ServerSentEvent | None:
        lines, fields = self._data_lines, self._fields
        self._data_lines, self._fields, self._data_bytes = [], {}, 0
        if not lines:
            return None
        data = _decoded(lines[0] if len(lines) == 1 else b"\n".join(lines))
        event, event_id = fields.get(b"event"), fields.get(b"id")
        return ServerSentEvent(
            data,
            _decoded(event) if event else "",
            _decoded(event_id) if event_id else "",
            _milliseconds(fields.get(b"retry")),
        )


def _milliseconds(value: bytes | None) -> int | None:
    return int(value) if value and value.isdigit() and len(value) < _MAX_DIGITS else None


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed(f"an event is not UTF-8 at byte {error.start}") from error


def _malformed(message: str) -> ProviderError:
    return ProviderError(
        f"malformed event stream: {message}", kind="malformed_stream", transient=False
    )

"""Server-sent events: a push parser over bytes.

Lines end at LF, CR or CRLF and at nothing else: JSON may hold U+2028, U+0085 and other separators
raw. Every byte is searched once, however small the chunks are, because a line that is not complete
is put aside until its end arrives. Nothing is kept but that line and the data of the open frame.
"""

import re

from mentra_actors.errors import ProviderError

__all__ = ["MAX_FRAME_BYTES", "SseParser"]

MAX_FRAME_BYTES = 64 * 1024 * 1024

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class SseParser:
    """Chunks of bytes in, events out; the same events for every way of cutting the bytes.

    An event is its data: the lines joined by LF. What kind it is stands in the data, too, so the
    other fields say nothing that is needed.
    """

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._line = bytearray()
        self._data: bytes | bytearray | None = None
        self._fault: ProviderError | None = None
        self._is_after_cr = False
        self._is_first_line = True

    def feed(self, chunk: bytes) -> list[str]:
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
        events: list[str] = []
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

    def close(self) -> str | None:
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

    def _take_data(self, value: bytes) -> None:
        if self._data is None:
            self._data = value
        else:
            if isinstance(self._data, bytes):
                self._data = bytearray(self._data)
            self._data += b"\n"
            self._data += value

    def _dispatch(self) -> str | None:
        found, self._data = self._data, None
        return None if found is None else _decoded(found)


def _decoded(value: bytes | bytearray) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed(f"an event is not UTF-8 at byte {error.start}") from error


def _malformed(message: str) -> ProviderError:
    return ProviderError(
        f"malformed event stream: {message}", kind="malformed_stream", transient=False
    )

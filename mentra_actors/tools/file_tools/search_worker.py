"""Searches files for a pattern in a process of its own, which can be killed.

`re` holds the interpreter's lock while it matches, so a pattern such as `(a+)+$` in a thread would
stop every thread of the program and no time limit could fire. Run as a script with the standard
library only, with one end of a socket as its standard input. It opens nothing: it is sent
descriptors of files that the parent has opened.

in: a frame with the `Query` as JSON; then, again and again, a header of eight bytes (how many
files, most hits wanted) with the descriptors.
out: frames, which are a length of four bytes and so many bytes. First what is wrong with the
pattern, or nothing. For each header any number of empty frames, which say that it goes on, and one
with the `FileHits` of the files that gave something, as JSON: their places in the header, from 0.
"""

import json
import os
import re
import resource
import socket
import stat
import struct
import sys
import warnings
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

__all__ = [
    "BLOCK_BYTES",
    "HEADER",
    "LENGTH",
    "MAX_FILES",
    "MAX_LINES",
    "MAX_LINE_CHARS",
    "FileHits",
    "Query",
    "Search",
    "main",
]

BLOCK_BYTES = 8 * 1024 * 1024
"""What is held of a file at once; smaller files are read whole."""
MAX_LINE_CHARS = 64 * 1024
"""So much of a line is searched."""
SHOWN_CHARS = 500
"""So much of a line is told."""
MAX_LINES = 20_000
"""Lines that are told of one file, at most and about."""
MAX_FILES = 64
"""Descriptors that are sent at once."""
LENGTH = struct.Struct(">I")
HEADER = struct.Struct(">II")
_CPU_SECONDS = 60
"""An orphan that is stuck in a match ends by itself."""


class Query(NamedTuple):
    """What is searched. `required` is in every line that matches, as it is; "" if unknown.

    `is_plain` says that `required` is all there is to match, `stays_in_line` that the pattern
    cannot take a newline, so that a whole text can be tried at once.
    """

    pattern: str
    ignore_case: bool = False
    multiline: bool = False
    context: int = 0
    required: str = ""
    is_plain: bool = False
    stays_in_line: bool = False


class FileHits(NamedTuple):
    """What a file gave: lines as (number, is a hit, text), the count of hits, and what failed."""

    lines: list[tuple[int, bool, str]]
    hits: int = 0
    skipped: str = ""
    cut_lines: int = 0


_NOTHING = FileHits([])


class Search:
    """One pattern, ready to be held against texts.

    Raises:
        re.error, ValueError, OverflowError, RecursionError: it is no pattern.
    """

    def __init__(self, query: Query) -> None:
        flags = re.MULTILINE | (re.IGNORECASE if query.ignore_case else 0)
        self._query = query
        self._pattern = re.compile(query.pattern, flags)
        required = query.required.lower() if query.ignore_case else query.required
        self._required = required.encode()

    def of_file(self, descriptor: int, wanted: int) -> Iterator[FileHits | None]:
        """None now and then while it goes on, and at the end what was found."""
        lines: list[tuple[int, bool, str]] = []
        hits = cut = first = 0
        skipped = ""
        try:
            size = _size_of_regular(descriptor)
            blocks = _blocks(descriptor, size, is_whole=self._query.multiline)
            for block, is_cut, is_whole in blocks:
                found, newlines = self._of_block(block, first, wanted - hits, is_whole=is_whole)
                lines += found.lines
                hits += found.hits
                cut += found.cut_lines + is_cut
                first += newlines
                if hits >= wanted:
                    break
                if not is_whole:
                    yield None
        except (_Unsearchable, OSError) as error:
            skipped = str(error)
        yield FileHits(lines, hits, skipped, cut)

    def _of_block(
        self, block: bytes, first: int, wanted: int, *, is_whole: bool
    ) -> tuple[FileHits, int]:
        """The hits of some whole lines, of which `first` precede them; and how many there are."""
        text = None
        is_ascii = block.isascii()
        if b"\0" in block or not is_ascii:
            text = _decoded(block, first, is_whole=is_whole)
        if not self._may_match(block, is_ascii=is_ascii):
            return FileHits([]), 0 if is_whole else block.count(b"\n")
        text = block.decode() if text is None else text
        if "\r" in text:
            text = text.replace("\r\n", "\n")
        newlines = 0 if is_whole else text.count("\n")
        if not self._query.multiline:
            text = text.removesuffix("\n").removesuffix("\r")
        return self._of_text(text, first, wanted), newlines

    def _may_match(self, block: bytes, *, is_ascii: bool) -> bool:
        if not self._required:
            return True
        if not self._query.ignore_case:
            return block.startswith((b"\xff\xfe", b"\xfe\xff")) or self._required in block
        return not is_ascii or self._required in block.lower()

    def _of_text(self, text: str, first: int, wanted: int) -> FileHits:
        hits: dict[int, tuple[int, int]] = {}
        number = counted = cut = count = 0
        for start, end, is_cut in self._lines(text):
            cut += is_cut
            if start < 0:
                continue
            number += text.count("\n", counted, start)
            counted = start
            lines = islice(_bounds(text, start, end), MAX_LINES)
            hits.update((number + offset, line) for offset, line in enumerate(lines))
            count += 1
            if count >= wanted or len(hits) > MAX_LINES:
                break
        return FileHits(_with_context(text, hits, first, self._query.context), count, "", cut)

    def _lines(self, text: str) -> Iterator[tuple[int, int, bool]]:
        """Where hits are, whole lines, and whether a line was cut; -1 when only that."""
        if self._query.multiline:
            return self._spans(text)
        if self._query.required and not self._query.ignore_case:
            return self._lines_with_required(text)
        if self._query.stays_in_line:
            return self._lines_of_whole(text)
        return self._each_line(text)

    def _spans(self, text: str) -> Iterator[tuple[int, int, bool]]:
        last = -1
        for match in self._pattern.finditer(text):
            begin, stop = match.span()
            if begin == len(text) and text.endswith("\n"):
                begin -= 1
            start = text.rfind("\n", 0, begin) + 1
            end = text.find("\n", max(begin, stop - 1))
            if start > last:
                last = len(text) if end < 0 else end
                yield start, last, False

    def _lines_with_required(self, text: str) -> Iterator[tuple[int, int, bool]]:
        required, matches, is_plain = (
            self._query.required,
            self._pattern.search,
            self._query.is_plain,
        )
        place = text.find(required)
        while place >= 0:
            start = text.rfind("\n", 0, place) + 1
            end = _end_of_line(text, place)
            is_cut = end - start > MAX_LINE_CHARS
            line = text[start : min(end, start + MAX_LINE_CHARS)]
            is_hit = required in line if is_plain else matches(line) is not None
            if is_hit or is_cut:
                yield (start if is_hit else -1), end, is_cut
            place = text.find(required, end + 1)

    def _lines_of_whole(self, text: str) -> Iterator[tuple[int, int, bool]]:
        matches = self._pattern.search
        place = 0
        while place <= len(text) and (match := matches(text, place)) is not None:
            start = text.rfind("\n", 0, match.start()) + 1
            end = _end_of_line(text, match.start())
            is_cut = end - start > MAX_LINE_CHARS
            is_hit = matches(text[start : min(end, start + MAX_LINE_CHARS)]) is not None
            if is_hit or is_cut:
                yield (start if is_hit else -1), end, is_cut
            place = end + 1

    def _each_line(self, text: str) -> Iterator[tuple[int, int, bool]]:
        matches = self._pattern.search
        start = 0
        for line in text.split("\n"):
            end = start + len(line)
            is_cut = len(line) > MAX_LINE_CHARS
            is_hit = matches(line[:MAX_LINE_CHARS] if is_cut else line) is not None
            if is_hit or is_cut:
                yield (start if is_hit else -1), end, is_cut
            start = end + 1


class _Unsearchable(Exception):
    """A file that is no text; the words go on after its name."""


def _size_of_regular(descriptor: int) -> int:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise _Unsearchable("it is a pipe, socket or device")
    return status.st_size


def _blocks(descriptor: int, size: int, *, is_whole: bool) -> Iterator[tuple[bytes, bool, bool]]:
    """Whole lines of a file, whether one of them was cut, and whether it is all of the file."""
    block = _read(descriptor, min(size + 1, BLOCK_BYTES))
    if len(block) <= size < BLOCK_BYTES:
        if block:
            yield block, False, True
        return
    if is_whole:
        raise _Unsearchable(
            f"it grows, or is larger than {BLOCK_BYTES} bytes, too large for multiline"
        )
    while block:
        more = _read(descriptor, BLOCK_BYTES)
        end = block.rfind(b"\n") + 1
        if not more:
            yield block, False, False
            return
        if end or len(block) < MAX_LINE_CHARS * 4:
            yield block[:end], False, False
            block = block[end:] + more
            continue
        _require_text(block)
        head = block[: MAX_LINE_CHARS * 4].decode(errors="ignore")[:MAX_LINE_CHARS]
        after, rest = _rest_of_line(descriptor, more)
        yield head.encode() + after, True, False
        block = rest or _read(descriptor, BLOCK_BYTES)


def _require_text(block: bytes) -> None:
    if b"\0" in block:
        raise _Unsearchable("it is binary")


def _rest_of_line(descriptor: int, block: bytes) -> tuple[bytes, bytes]:
    """The newline at which a line ends, if it does, and what follows."""
    while block:
        _require_text(block)
        end = block.find(b"\n")
        if end >= 0:
            return b"\n", block[end + 1 :]
        block = _read(descriptor, BLOCK_BYTES)
    return b"", b""


def _read(descriptor: int, size: int) -> bytes:
    """So many bytes, less only at the end of the file."""
    first = os.read(descriptor, size)
    if not first or len(first) == size:
        return first
    parts, count = [first], len(first)
    while count < size and (part := os.read(descriptor, size - count)):
        parts.append(part)
        count += len(part)
    return b"".join(parts)


def _decoded(block: bytes, first: int, *, is_whole: bool) -> str:
    try:
        if is_whole and block.startswith((b"\xff\xfe", b"\xfe\xff")):
            text = block.decode("utf-16")
        else:
            text = block.decode()
    except UnicodeDecodeError as error:
        if b"\0" in block:
            raise _Unsearchable("it is binary") from error
        line = first + block.count(b"\n", 0, error.start) + 1
        raise _Unsearchable(f"line {line} is not UTF-8 text") from error
    if "\0" in text:
        raise _Unsearchable("it is binary")
    return text if first else text.removeprefix("\ufeff")


def _end_of_line(text: str, place: int) -> int:
    end = text.find("\n", place)
    return len(text) if end < 0 else end


def _bounds(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Begin and end of each line from the beginning of one to the end of one."""
    while start <= end:
        stop = _end_of_line(text, start)
        yield start, stop
        start = stop + 1


def _with_context(
    text: str, hits: dict[int, tuple[int, int]], first: int, context: int
) -> list[tuple[int, bool, str]]:
    """All lines to tell, by number from 1."""
    told = dict.fromkeys(hits, True)
    bounds = dict(hits)
    if context:
        for number, (start, end) in hits.items():
            for near, place in _near(text, start, end, context):
                bounds.setdefault(number + near, place)
                told.setdefault(number + near, False)
    return [
        (first + number + 1, told[number], _cut(text, *bounds[number])) for number in sorted(told)
    ]


def _near(text: str, start: int, end: int, context: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """Lines before and after one, by their distance."""
    stop = start - 1
    for distance in range(1, context + 1):
        if stop < 0:
            break
        begin = text.rfind("\n", 0, stop) + 1
        yield -distance, (begin, stop)
        stop = begin - 1
    begin = end + 1
    for distance in range(1, context + 1):
        if begin > len(text):
            break
        stop = _end_of_line(text, begin)
        yield distance, (begin, stop)
        begin = stop + 1


def _cut(text: str, start: int, end: int) -> str:
    line = text[start : min(end, start + SHOWN_CHARS)]
    return f"{line}…" if end - start > SHOWN_CHARS else line.removesuffix("\r")


def main() -> None:
    """Serve one query until the parent is gone."""
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    warnings.simplefilter("ignore")
    parent = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    size = LENGTH.unpack(_received(parent, LENGTH.size))[0]
    try:
        search = Search(Query(*json.loads(_received(parent, size))))
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        _send(parent, str(error).encode() or b"it cannot be compiled")
        return
    _send(parent, b"")
    while True:
        header, descriptors, _, _ = socket.recv_fds(parent, HEADER.size, MAX_FILES)
        if not header:
            return
        _, wanted = HEADER.unpack(header)
        given: list[tuple[int, FileHits]] = []
        for place, descriptor in enumerate(descriptors):
            for found in search.of_file(descriptor, wanted):
                if found is None:
                    _send(parent, b"")
                elif found != _NOTHING:
                    given.append((place, found))
            os.close(descriptor)
        _send(parent, json.dumps(given).encode())


def _received(parent: socket.socket, size: int) -> bytes:
    return parent.recv(size, socket.MSG_WAITALL)


def _send(parent: socket.socket, frame: bytes) -> None:
    parent.sendall(LENGTH.pack(len(frame)) + frame)


if __name__ == "__main__":
    main()

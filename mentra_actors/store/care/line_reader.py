"""Reads the lines of an export or an archive, plain or compressed, and says which one is wrong."""

import contextlib
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from mentra_actors.errors import StoreCorrupted, StoreFormatError
from mentra_actors.store.care.export_lines import (
    EXPORT_FORMAT,
    EndLine,
    Header,
    Line,
    LineDigest,
    decode_line,
    section_of,
)
from mentra_actors.store.store_directory import STORE_FORMAT

__all__ = ["LineReader", "opened_lines"]

_GZIP_MAGIC = b"\x1f\x8b"
_FAULTS = (
    StoreCorrupted,
    ValueError,
    EOFError,
    msgspec.DecodeError,
    zlib.error,
    gzip.BadGzipFile,
)


class LineReader:
    """The lines of one file. Iterating gives those between the header and the last one.

    It must be read to its end: only the last line tells that nothing is missing.
    """

    def __init__(self, file: BinaryIO, name: str, size_bytes: int, raw: BinaryIO) -> None:
        """Use `opened_lines`.

        Raises:
            StoreFormatError: this is no export, or one of a newer release.
        """
        self.name = name
        self._file = file
        self._raw = raw
        self._size_bytes = size_bytes
        self._digest = LineDigest()
        self._end: EndLine | None = None
        self._section = 0
        self._number = 0
        self.header = self._header()

    @property
    def digest(self) -> str:
        """The digest of all lines but the last one, which is right, once all are read."""
        return self._digest.digest

    @property
    def lines(self) -> int:
        """How many lines were read."""
        return self._digest.lines

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes read and bytes in all; 0 in all where that is not known."""
        return (self._raw.tell(), self._size_bytes) if self._size_bytes else (0, 0)

    def __iter__(self) -> Iterator[Line]:
        while self._end is None:
            with self.faults():
                line = self._line()
                if section_of(line) < max(self._section, 1):
                    raise ValueError("it stands in the wrong place")
                self._section = section_of(line)
            if not isinstance(line, EndLine):
                yield line

    def check_end(self, last_position: int) -> None:
        """Make sure that nothing is missing and nothing follows.

        Raises:
            StoreCorrupted: something does.
        """
        with self.faults():
            if self._end is None or self._end.last_position != last_position:
                raise ValueError(f"positions end at {last_position}, which is not what it says")
            if self._file.readline():
                raise ValueError("something follows it that is not part of the export")

    @contextlib.contextmanager
    def faults(self) -> Iterator[None]:
        """Let an error say in which line it is."""
        try:
            yield
        except _FAULTS as error:
            raise StoreCorrupted(f"{self.name}, line {self._number}: {error}") from error

    def _line(self) -> Line:
        self._number += 1
        content = self._file.readline()
        if not content.endswith(b"\n"):
            raise ValueError("the last line is missing: the file was cut off")
        line = decode_line(content)
        if isinstance(line, EndLine):
            if (line.digest, line.lines) != (self._digest.digest, self._digest.lines):
                raise ValueError("lines before it were changed, or are missing")
            self._end = line
        else:
            self._digest.add(content)
        return line

    def _header(self) -> Header:
        try:
            line = self._line()
        except (*_FAULTS, OSError):
            line = None
        if not isinstance(line, Header):
            raise StoreFormatError(f"{self.name} is no export of a store")
        if line.format > EXPORT_FORMAT or line.schema > STORE_FORMAT:
            raise StoreFormatError(f"{self.name} was made by a newer release; upgrade to read it")
        return line


@contextlib.contextmanager
def opened_lines(source: str | Path | BinaryIO) -> Iterator[LineReader]:
    """The lines of a file, or of one that is open, which may be compressed.

    Raises:
        StoreFormatError: this is no export, or one of a newer release.
        OSError: it cannot be read.
    """
    with contextlib.ExitStack() as ends:
        if isinstance(source, str | Path):
            size_bytes = Path(source).stat().st_size
            raw: BinaryIO = ends.enter_context(Path(source).open("rb"))
            name = str(source)
        else:
            size_bytes, raw = 0, source
            name = str(getattr(source, "name", "the export"))
        buffered = raw if hasattr(raw, "peek") else io.BufferedReader(cast("io.RawIOBase", raw))
        file = cast("io.BufferedReader", buffered)
        if file.peek(len(_GZIP_MAGIC))[: len(_GZIP_MAGIC)] == _GZIP_MAGIC:
            file = cast("io.BufferedReader", ends.enter_context(gzip.open(file)))
        yield LineReader(file, name, size_bytes, raw)

"""An LMDB data file, read page by page as plain bytes."""

from pathlib import Path
from typing import BinaryIO, Self

from mentra_actors.errors import StoreCorrupted
from mentra_actors.store.embedded.pages import (
    LEAST_PAGE_BYTES,
    META_BYTES,
    OVERFLOW,
    PAGE_HEADER_BYTES,
    Meta,
    page_flags,
    parse_meta,
    run_pages,
)

__all__ = ["PageFile"]


class PageFile:
    """An open data file. One thread at a time may use it."""

    def __init__(self, file: BinaryIO, page_bytes: int) -> None:
        self._file = file
        self.page_bytes = page_bytes
        self.size_bytes = file.seek(0, 2)
        self.bytes_read = 0
        """For progress; a page that is read twice counts twice."""

    @classmethod
    def open(cls, path: Path, *, page_bytes: int = 0) -> Self:
        """The file at `path`; the size of its pages is `page_bytes` or what a meta page says.

        Raises:
            StoreCorrupted: no meta page says it.
            OSError: it cannot be read.
        """
        file = path.open("rb", buffering=0)
        try:
            return cls(file, page_bytes or _page_bytes(file))
        except BaseException:
            file.close()
            raise

    def page(self, number: int, pages: int = 1) -> bytes:
        """A page, or several in a row.

        Raises:
            StoreCorrupted: the file ends before.
        """
        size = pages * self.page_bytes
        self._file.seek(number * self.page_bytes)
        content = self._file.read(size)
        if len(content) != size:
            raise StoreCorrupted(f"page {number} is behind the end of the file")
        self.bytes_read += size
        return content

    def run(self, number: int, size_bytes: int) -> tuple[int, bytes]:
        """How many pages a run has, and the data in it.

        Raises:
            StoreCorrupted: no run of this size begins at this page.
        """
        first = self.page(number)
        if page_flags(first, number) != OVERFLOW:
            raise StoreCorrupted(f"page {number} does not begin a long value")
        needed = (PAGE_HEADER_BYTES - 1 + size_bytes) // self.page_bytes + 1
        pages = run_pages(first)
        # A value that became shorter within one transaction keeps the pages that it had.
        if pages < needed:
            raise StoreCorrupted(f"page {number} begins {pages} pages and not {needed}")
        content = first if needed == 1 else first + self.page(number + 1, needed - 1)
        return pages, content[PAGE_HEADER_BYTES : PAGE_HEADER_BYTES + size_bytes]

    def metas(self) -> tuple[Meta | StoreCorrupted, Meta | StoreCorrupted]:
        """Both meta pages, or what is wrong with them."""
        return self._meta(0), self._meta(1)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _meta(self, number: int) -> Meta | StoreCorrupted:
        try:
            meta = parse_meta(self.page(number), number)
        except StoreCorrupted as error:
            return error
        if meta.page_bytes != self.page_bytes:
            return StoreCorrupted(
                f"meta page {number} says that pages have {meta.page_bytes} bytes"
            )
        return meta


def _page_bytes(file: BinaryIO) -> int:
    """The size of pages that the first meta page says, or else the second, wherever it is."""
    problem: StoreCorrupted | None = None
    size = LEAST_PAGE_BYTES
    for number, at in [(0, 0), *((1, size << shift) for shift in range(8))]:
        file.seek(at)
        try:
            meta = parse_meta(file.read(META_BYTES), number)
        except StoreCorrupted as error:
            problem = problem or error
            continue
        if number == 0 or meta.page_bytes == at:
            return meta.page_bytes
    raise StoreCorrupted(f"it has no LMDB meta page: {problem}")

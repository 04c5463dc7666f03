"""Copies one commit of a data file, page by page and without the pages that are free.

Pages below come before the pages that refer to them, so each gets its number when it is written
and the file is written from front to back. The copy keeps the number of the commit, so it may
stand in for the file that it was made of even where a lock file remembers that number.

LMDB can copy as well. But version 0.9.36, as `lmdb` 3.0.0 has it, dies where a key has so many
values of one size that they fill a tree of their own, and the stream index is full of such keys.
"""

import os
from pathlib import Path
from typing import BinaryIO

from mentra_actors.errors import StoreCorrupted
from mentra_actors.store.care.report import OnProgress
from mentra_actors.store.care.store_image import opened_image
from mentra_actors.store.embedded.page_file import PageFile
from mentra_actors.store.embedded.pages import (
    BIG,
    BRANCH,
    LEAF,
    Meta,
    Tree,
    children_of,
    empty_free_tree,
    meta_page,
    page_at,
    page_flags,
    parse_tree,
    put_children,
    put_number,
    put_page,
    put_tree,
    references,
)
from mentra_actors.store.store_directory import DATA_FILE

__all__ = ["copy_data_file", "copy_pages"]

_FIRST_PAGE = 2
_PAGES_PER_PROGRESS = 1024
_METAS = 2
_BUFFER_BYTES = 1 << 20
_MOST_LEVELS = 32
_MOST_NESTED = 3
"""The tree of tables, a table, the values of one key."""


def copy_pages(
    source: PageFile,
    meta: Meta,
    target: BinaryIO,
    *,
    txn_id: int | None = None,
    on_progress: OnProgress | None = None,
) -> None:
    """Write the commit of `meta` to the empty file `target`; it is not flushed.

    With `txn_id` it gets another number.

    Raises:
        StoreCorrupted: a page is not what the one above it says; the copy is of no use.
        OSError: it cannot be written.
    """
    copy = _Copy(source, meta, target, on_progress)
    target.write(bytes(_FIRST_PAGE * meta.page_bytes))
    copied = meta._replace(
        main=copy.tree(meta.main),
        free=empty_free_tree(meta.page_bytes),
        last_page=copy.next_page - 1,
    )
    last = meta.txn_id if txn_id is None else txn_id
    for number in (max(last - 1, 0), last):
        target.seek(number % _METAS * meta.page_bytes)
        target.write(meta_page(copied._replace(txn_id=number)))


def copy_data_file(
    path: Path,
    target: Path,
    *,
    is_alone: bool = False,
    txn_id: int | None = None,
    on_progress: OnProgress | None = None,
) -> int:
    """Write the present commit of the store at `path` to the new file `target`, flushed.

    Its number, which is `txn_id` in the copy if that is given.

    Raises:
        StoreCorrupted: the store is damaged; the copy is of no use.
        StoreError: the store cannot be read.
        OSError: the copy cannot be written.
    """
    with opened_image(path, is_alone=is_alone) as image, target.open("xb", _BUFFER_BYTES) as file:
        try:
            copy_pages(image.file, image.meta, file, txn_id=txn_id, on_progress=on_progress)
        except StoreCorrupted as error:
            raise StoreCorrupted(f"{path / DATA_FILE} is damaged: {error}") from error
        file.flush()
        os.fsync(file.fileno())
        return image.meta.txn_id


class _Copy:
    """One copy in the making."""

    def __init__(
        self, source: PageFile, meta: Meta, target: BinaryIO, on_progress: OnProgress | None
    ) -> None:
        self.next_page = _FIRST_PAGE
        self._source = source
        self._target = target
        self._on_progress = on_progress
        self._most_pages = meta.last_page + 1
        self._page_bytes = meta.page_bytes

    def tree(self, tree: Tree, nested: int = 1) -> Tree:
        """Copy a tree and all that it refers to; what it is now. `nested` counts trees in it."""
        if tree.is_empty:
            return tree
        return tree._replace(root=self._page(tree.root, tree.depth, nested))

    def _page(self, number: int, levels: int, nested: int) -> int:
        """Copy a page and all below it, `levels` with its own; its new number."""
        page = self._source.page(number)
        flags = page_flags(page, number)
        copy = bytearray(page)
        if flags == BRANCH:
            if not 1 < levels <= _MOST_LEVELS:
                raise StoreCorrupted(f"page {number} is a branch where a leaf must be")
            below = [
                self._page(child, levels - 1, nested) for _, child in children_of(page, number)
            ]
            put_children(copy, number, below)
        elif flags == LEAF:
            for node_flags, size_bytes, at in references(page, number):
                if node_flags & BIG:
                    put_page(copy, at, self._run(page_at(page, at), size_bytes))
                elif nested < _MOST_NESTED:
                    put_tree(copy, at, self.tree(parse_tree(page[at:]), nested + 1))
                else:
                    raise StoreCorrupted(f"page {number} refers to a tree within a list")
        return self._write(copy)

    def _run(self, number: int, size_bytes: int) -> int:
        """Copy the pages of a long value; the new number of the first one."""
        pages, _ = self._source.run(number, size_bytes)
        return self._write(bytearray(self._source.page(number, pages)))

    def _write(self, content: bytearray) -> int:
        number = self.next_page
        put_number(content, number)
        self._target.write(content)
        self.next_page += len(content) // self._page_bytes
        if self.next_page > self._most_pages:
            raise StoreCorrupted("its trees have more pages than the file")
        if self._on_progress is not None and number % _PAGES_PER_PROGRESS == 0:
            self._on_progress(number * self._page_bytes, self._most_pages * self._page_bytes)
        return number

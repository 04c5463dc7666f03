"""Reads an LMDB data file from end to end without LMDB, and says all that is wrong with it.

One walk reads one commit: the trees of its meta page. It goes on after damage, so that what is
left can be read; what it passed over is in `faults`. Rows come in the order of their keys.

It checks what LMDB relies on: that each page is the one it should be, is reached once and holds
keys between those that its branch promises; that trees count what they hold; and that every page
is either in use or free.
"""

import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from mentra_actors.errors import StoreCorrupted
from mentra_actors.store.embedded.page_file import PageFile
from mentra_actors.store.embedded.pages import (
    BIG,
    BRANCH,
    DUPLICATES,
    FIXED_SIZE,
    LEAF,
    LEAF2,
    SUBTREE,
    TREE_BYTES,
    Meta,
    Node,
    Tree,
    children_of,
    fixed_values,
    nodes_of,
    page_flags,
    parse_tree,
)

__all__ = ["FREE_TREE", "MAIN_TREE", "FileWalk", "TableFault", "newest_meta"]

FREE_TREE = "free pages"
MAIN_TREE = "tables"
_FIRST_PAGE = 2
_MOST_DEPTH = 32
_PAGES_NOT_WRITTEN = 1 << 20
_IN_USE, _FREE = 1, 2
_PAGE_NUMBER_BYTES = 8


class TableFault(NamedTuple):
    """Something wrong. `after` is the last key of its table that was read before."""

    table: str
    what: str
    after: bytes = b""


class _Step(NamedTuple):
    """A page still to be read, and between which keys its own must lie."""

    page: int
    depth: int
    low: bytes
    high: bytes | None


class _Seen:
    """What a walk has met in one tree."""

    def __init__(self, table: str, faults: int) -> None:
        self.table = table
        self.faults_before = faults
        self.branches = self.leaves = self.long_pages = self.entries = 0
        self.branches_below = self.leaves_below = 0
        self.last_key = b""


def newest_meta(file: PageFile) -> tuple[Meta, list[TableFault]]:
    """The commit that a file stands at, and what is wrong with its meta pages.

    Raises:
        StoreCorrupted: it has no commit that can be read.
    """
    read = file.metas()
    faults = [TableFault(MAIN_TREE, str(one)) for one in read if isinstance(one, StoreCorrupted)]
    metas = [one for one in read if isinstance(one, Meta)]
    if not metas:
        raise StoreCorrupted(faults[0].what)
    commits = [meta.txn_id for meta in metas]
    if len(metas) > 1 and abs(commits[0] - commits[1]) != bool(sum(commits)):
        what = f"the meta pages hold commits {commits[0]} and {commits[1]}, which do not follow"
        faults.append(TableFault(MAIN_TREE, what))
    return max(metas, key=lambda one: one.txn_id), faults


class FileWalk:
    """Reads the trees of one commit. Each tree may be read once, by one thread."""

    def __init__(self, file: PageFile, meta: Meta) -> None:
        """Look at nothing yet.

        Raises:
            StoreCorrupted: the file cannot be so long as the commit says.
        """
        pages = file.size_bytes // file.page_bytes
        if meta.last_page > 2 * pages + _PAGES_NOT_WRITTEN:
            raise StoreCorrupted(f"it should have {meta.last_page + 1} pages and has {pages}")
        self.faults: list[TableFault] = []
        self._file = file
        self._meta = meta
        self._pages = bytearray(meta.last_page + 1)

    @property
    def free_pages(self) -> int:
        """Pages that hold nothing, as far as `check_pages` has found."""
        return self._pages.count(_FREE)

    @property
    def pages_in_use(self) -> list[int]:
        """Pages that were read, or are part of what was read."""
        return [page for page, use in enumerate(self._pages) if use == _IN_USE]

    def tables(self) -> dict[str, Tree]:
        """The named tables."""
        seen = _Seen(MAIN_TREE, len(self.faults))
        found = {}
        for key, flags, data in self._nodes(seen, self._meta.main):
            if flags == SUBTREE and len(data) == TREE_BYTES:
                found[key.decode(errors="backslashreplace")] = parse_tree(data)
            else:
                self._fault(seen, f"{key!r} is no table")
        return found

    def rows(self, table: str, tree: Tree) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values of a table that has one value for a key."""
        seen = _Seen(table, len(self.faults))
        for key, flags, data in self._nodes(seen, tree):
            if flags:
                self._fault(seen, f"a row of unknown kind ({flags:#x})")
            else:
                yield key, data

    def lists(
        self, table: str, tree: Tree, *, value_bytes: int
    ) -> Iterator[tuple[bytes, Sequence[bytes]]]:
        """Keys and values of a table that has several values of one size for a key.

        A key may come several times in a row, each time with the values that follow.
        """
        seen = _Seen(table, len(self.faults))
        for step, page in self._leaf_pages(seen, tree, LEAF):
            for key, flags, _, data in self._read(seen, step, page):
                seen.last_key = key
                if not flags and len(data) == value_bytes:
                    seen.entries += 1
                    yield key, (data,)
                elif flags == DUPLICATES:
                    values = self._short_list(seen, step.page, data, value_bytes)
                    seen.entries += len(values)
                    yield key, values
                elif flags == DUPLICATES | SUBTREE:
                    for values in self._long_list(seen, data, value_bytes):
                        yield key, values
                else:
                    self._fault(seen, f"a row of unknown kind ({flags:#x})")
        self._check_counts(seen, tree)

    def check_pages(self) -> None:
        """Make sure that each page is in use or free, after all tables were read."""
        seen = _Seen(FREE_TREE, len(self.faults))
        for key, flags, data in self._nodes(seen, self._meta.free):
            problem = "a row of unknown kind" if flags else self._free(key, data)
            if problem:
                self._fault(seen, problem)
        lost = self._pages.count(0, _FIRST_PAGE)
        if lost and not self.faults:
            first = self._pages.index(0, _FIRST_PAGE)
            self._fault(seen, f"{lost} pages, the first is {first}, are neither in use nor free")

    def _nodes(self, seen: _Seen, tree: Tree) -> Iterator[tuple[bytes, int, bytes]]:
        """Keys, flags and values of a tree; long values are fetched."""
        for step, page in self._leaf_pages(seen, tree, LEAF):
            nodes = self._read(seen, step, page)
            seen.entries += len(nodes)
            for key, flags, size_bytes, data in nodes:
                if flags != BIG:
                    yield key, flags, data
                    seen.last_key = key
                    continue
                try:
                    value = self._long_value(seen, data, size_bytes)
                except StoreCorrupted as error:
                    self._fault(seen, str(error))
                else:
                    yield key, 0, value
                seen.last_key = key
        self._check_counts(seen, tree)

    def _leaf_pages(self, seen: _Seen, tree: Tree, leaf: int) -> Iterator[tuple[_Step, bytes]]:
        """The leaves of a tree in order, as far as they are what their branches promise."""
        steps = [] if tree.is_empty else [_Step(tree.root, 1, b"", None)]
        while steps:
            step = steps.pop()
            try:
                self._claim(step.page)
                page = self._file.page(step.page)
                flags = page_flags(page, step.page)
                if flags == BRANCH and step.depth < min(tree.depth, _MOST_DEPTH):
                    steps.extend(reversed(_below(seen, step, page)))
                    seen.branches += 1
                    continue
                if flags != leaf or step.depth != tree.depth:
                    raise StoreCorrupted(
                        f"page {step.page} (flags {flags:#x}) is at depth {step.depth} of a tree "
                        f"of depth {tree.depth}"
                    )
            except StoreCorrupted as error:
                self._fault(seen, str(error))
                continue
            seen.leaves += 1
            yield step, page

    def _read(self, seen: _Seen, step: _Step, page: bytes) -> list[Node]:
        try:
            nodes = nodes_of(page, step.page)
            _check_order([_ordered(seen, key) for key, _, _, _ in nodes], step)
        except StoreCorrupted as error:
            self._fault(seen, str(error))
            return []
        return nodes

    def _long_value(self, seen: _Seen, data: bytes, size_bytes: int) -> bytes:
        first = int.from_bytes(data, sys.byteorder)
        self._check_number(first)
        pages, value = self._file.run(first, size_bytes)
        self._claim(first, pages)
        seen.long_pages += pages
        return value

    def _short_list(
        self, seen: _Seen, page: int, data: bytes, value_bytes: int
    ) -> Sequence[bytes]:
        try:
            values = fixed_values(data, page, value_bytes)
            _check_order(values, _Step(page, 0, b"", None))
        except StoreCorrupted as error:
            self._fault(seen, str(error))
            return ()
        return values

    def _long_list(self, above: _Seen, data: bytes, value_bytes: int) -> Iterator[Sequence[bytes]]:
        """Values of one key that are a tree of their own."""
        tree = parse_tree(data) if len(data) == TREE_BYTES else None
        if tree is None or (tree.flags, tree.value_bytes) != (FIXED_SIZE, value_bytes):
            self._fault(above, "a list of values of unknown kind")
            return
        above.entries += tree.entries
        seen = _Seen(above.table, len(self.faults))
        seen.last_key = above.last_key
        for step, page in self._leaf_pages(seen, tree, LEAF | LEAF2):
            try:
                values = fixed_values(page, step.page, value_bytes)
                _check_order(values, step)
            except StoreCorrupted as error:
                self._fault(seen, str(error))
                continue
            seen.entries += len(values)
            yield values
        self._check_counts(seen, tree)
        above.branches_below += seen.branches
        above.leaves_below += seen.leaves

    def _check_counts(self, seen: _Seen, tree: Tree) -> None:
        """Compare with what the tree says; older releases of LMDB did not count trees in it."""
        if len(self.faults) > seen.faults_before:
            return
        counts = (
            ("branch pages", seen.branches, seen.branches_below, tree.branch_pages),
            ("leaf pages", seen.leaves, seen.leaves_below, tree.leaf_pages),
            ("pages of long values", seen.long_pages, 0, tree.overflow_pages),
            ("rows", seen.entries, 0, tree.entries),
        )
        for what, own, below, said in counts:
            if not own <= said <= own + below:
                self._fault(seen, f"it has {own + below} {what} and should have {said}")

    def _claim(self, page: int, pages: int = 1) -> None:
        """Mark pages as used; none may be used twice."""
        self._check_number(page)
        self._check_number(page + pages - 1)
        if any(self._pages[page : page + pages]):
            raise StoreCorrupted(f"page {page} is used in two places")
        self._pages[page : page + pages] = bytes([_IN_USE]) * pages

    def _check_number(self, page: int) -> None:
        if not _FIRST_PAGE <= page <= self._meta.last_page:
            raise StoreCorrupted(f"it refers to page {page} of {self._meta.last_page + 1}")

    def _free(self, key: bytes, data: bytes) -> str:
        """Mark the pages of one list of free ones; what is wrong with it."""
        size = _PAGE_NUMBER_BYTES
        numbers = [
            int.from_bytes(data[at : at + size], sys.byteorder) for at in range(0, len(data), size)
        ]
        commit = int.from_bytes(key, sys.byteorder)
        if len(key) != size or not 1 <= commit <= self._meta.txn_id:
            return f"a list of free pages is of commit {commit}"
        if len(data) % size or numbers[:1] != [len(numbers) - 1]:
            return f"the list of free pages of commit {commit} is not as long as it says"
        for page in numbers[1:]:
            if not _FIRST_PAGE <= page <= self._meta.last_page:
                return f"page {page} of {self._meta.last_page + 1} is free"
            if self._pages[page]:
                return f"page {page} is free and in use, or free twice"
            self._pages[page] = _FREE
        if any(one <= other for one, other in pairwise(numbers[1:])):
            return f"the list of free pages of commit {commit} is out of order"
        return ""

    def _fault(self, seen: _Seen, what: str) -> None:
        self.faults.append(TableFault(seen.table, what, seen.last_key))


def _below(seen: _Seen, step: _Step, page: bytes) -> list[_Step]:
    """The pages below a branch, each with its keys."""
    children = children_of(page, step.page)
    keys = [_ordered(seen, key) for key, _ in children[1:]]
    _check_order(keys, step)
    lows = [step.low, *keys]
    highs = [*keys, step.high]
    return [
        _Step(child, step.depth + 1, low, high)
        for (_, child), low, high in zip(children, lows, highs, strict=True)
    ]


def _ordered(seen: _Seen, key: bytes) -> bytes:
    """A key as bytes that sort as LMDB sorts it: those of free pages are integers."""
    return key[::-1] if seen.table == FREE_TREE and sys.byteorder == "little" else key


def _check_order(keys: Sequence[bytes], step: _Step) -> None:
    """Make sure that keys ascend and lie where the branch above says.

    Raises:
        StoreCorrupted: they do not.
    """
    if not keys:
        return
    is_outside = keys[0] < step.low or (step.high is not None and keys[-1] >= step.high)
    if is_outside or not all(map(bytes.__lt__, keys, keys[1:])):
        raise StoreCorrupted(f"page {step.page} holds keys out of order")

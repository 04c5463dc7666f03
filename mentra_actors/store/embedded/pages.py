"""Pages of an LMDB data file, as plain bytes and without LMDB.

LMDB maps its file and trusts it, so damage may kill the process. What is read here ends, at
worst, in `StoreCorrupted`. It knows the format of LMDB 0.9 on a 64-bit machine, which is the one
of every store.

A page begins with its number, a flag that says what it is, and how far its two ends are filled:
pointers to nodes grow from the front, nodes from the back. A node is a size, flags, a key and its
data; data that is too long for a page lies in a run of pages of its own.
"""

import struct
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

from mentra_actors.errors import StoreCorrupted

__all__ = [
    "BIG",
    "BRANCH",
    "DUPLICATES",
    "FIXED_SIZE",
    "LEAF",
    "LEAF2",
    "LEAST_PAGE_BYTES",
    "LISTS",
    "META_BYTES",
    "OVERFLOW",
    "PAGE_HEADER_BYTES",
    "SUBTREE",
    "TREE_BYTES",
    "Meta",
    "Node",
    "Tree",
    "children_of",
    "empty_free_tree",
    "fixed_values",
    "meta_page",
    "nodes_by_force",
    "nodes_of",
    "page_at",
    "page_flags",
    "parse_meta",
    "parse_tree",
    "put_children",
    "put_number",
    "put_page",
    "put_tree",
    "references",
    "run_pages",
]

PAGE_HEADER_BYTES = 16
_HEADER = struct.Struct("=QHHHH")
"""Page number, size of the values of a page of fixed values, flags, lower end, upper end."""
_META = struct.Struct("=IIQQ")
_TREE = struct.Struct("=IHHQQQQQ")
_META_END = struct.Struct("=QQ")
_NODE = struct.Struct("=HHHH")
_CHILD = struct.Struct("=HHH")
TREE_BYTES = _TREE.size
_PAGE_NUMBER_BYTES = 8
_RUN_PAGES = slice(12, 16)
META_BYTES = PAGE_HEADER_BYTES + _META.size + 2 * _TREE.size + _META_END.size
_MAGIC = 0xBEEFC0DE
_VERSION_0_9 = 1
_NO_PAGE = (1 << 64) - 1
LEAST_PAGE_BYTES = 256
_MOST_PAGE_BYTES = 0x8000
_MOST_MAP_BYTES = 1 << 47

# Flags of a page.
BRANCH, LEAF, OVERFLOW, _META_FLAG, LEAF2 = 0x01, 0x02, 0x04, 0x08, 0x20
# Flags of a node: its data lies in pages of its own; it is a tree; it is a list of duplicates.
BIG, SUBTREE, DUPLICATES = 0x01, 0x02, 0x04
# Flags of a table: a key has several values; all of these have one size.
LISTS, FIXED_SIZE = 0x04, 0x10
_FREE_TREE_FLAGS = 0x08
"""Keys are integers; the other bits would be options of LMDB that no store uses."""


class Tree(NamedTuple):
    """Where a tree is, and what it counts."""

    value_bytes: int
    flags: int
    depth: int
    branch_pages: int
    leaf_pages: int
    overflow_pages: int
    entries: int
    root: int

    @property
    def is_empty(self) -> bool:
        """True if it has no pages."""
        return self.root == _NO_PAGE


class Meta(NamedTuple):
    """One of the two roots of a file: a commit, and where its trees are."""

    map_bytes: int
    page_bytes: int
    free: Tree
    main: Tree
    last_page: int
    txn_id: int


Node: TypeAlias = tuple[bytes, int, int, bytes]
"""One row of a leaf: key, flags, bytes of the value, value; with `BIG`, the number of a page."""


def parse_tree(data: bytes) -> Tree:
    """A tree from its 48 bytes."""
    return Tree(*_TREE.unpack_from(data))


def parse_meta(page: bytes, number: int) -> Meta:
    """The meta page with this number (0 or 1), from its first bytes.

    Raises:
        StoreCorrupted: it is none.
    """
    if len(page) < META_BYTES:
        raise StoreCorrupted(f"meta page {number} is cut off")
    stored_number, _, flags, _, _ = _HEADER.unpack_from(page)
    magic, version, _, map_bytes = _META.unpack_from(page, PAGE_HEADER_BYTES)
    if magic != _MAGIC or version != _VERSION_0_9 or not flags & _META_FLAG:
        raise StoreCorrupted(f"page {number} is no LMDB meta page, and must be one")
    start = PAGE_HEADER_BYTES + _META.size
    free, main = (parse_tree(page[start + i * _TREE.size :]) for i in (0, 1))
    last_page, txn_id = _META_END.unpack_from(page, start + 2 * _TREE.size)
    meta = Meta(map_bytes, free.value_bytes, free, main, last_page, txn_id)
    if problem := _meta_problem(meta, number, stored_number):
        raise StoreCorrupted(f"meta page {number} {problem}")
    return meta


def _meta_problem(meta: Meta, number: int, stored_number: int) -> str:
    size = meta.page_bytes
    if not LEAST_PAGE_BYTES <= size <= _MOST_PAGE_BYTES or size & (size - 1):
        return f"says that pages have {size} bytes"
    if stored_number != number:
        return f"says that it is page {stored_number}"
    if meta.txn_id and meta.txn_id % 2 != number:
        return f"holds commit {meta.txn_id}, which belongs to the other one"
    if meta.free.flags != _FREE_TREE_FLAGS or meta.main.flags or meta.main.value_bytes:
        return "has options that no store uses"
    if not (meta.last_page + 1) * size <= meta.map_bytes <= _MOST_MAP_BYTES:
        return f"asks for {meta.map_bytes} bytes of address space"
    return ""


def page_flags(page: bytes, number: int) -> int:
    """What a page is, if it is the one with this number.

    Raises:
        StoreCorrupted: it is another one, or not in a state of rest.
    """
    stored_number, _, flags, _, _ = _HEADER.unpack_from(page)
    if stored_number != number:
        raise StoreCorrupted(f"page {number} says that it is page {stored_number}")
    if flags not in (BRANCH, LEAF, LEAF | LEAF2, OVERFLOW):
        raise StoreCorrupted(f"page {number} is of no known kind (flags {flags:#x})")
    return int(flags)


def meta_page(meta: Meta) -> bytes:
    """The meta page that says this: page 0 for an even commit, page 1 for an odd one."""
    page = bytearray(meta.page_bytes)
    _HEADER.pack_into(page, 0, meta.txn_id % 2, 0, _META_FLAG, 0, 0)
    at = PAGE_HEADER_BYTES
    _META.pack_into(page, at, _MAGIC, _VERSION_0_9, 0, meta.map_bytes)
    for place, tree in enumerate((meta.free, meta.main)):
        _TREE.pack_into(page, at + _META.size + place * _TREE.size, *tree)
    end = at + _META.size + 2 * _TREE.size
    _META_END.pack_into(page, end, meta.last_page, meta.txn_id)
    return bytes(page)


def empty_free_tree(page_bytes: int) -> Tree:
    """Of a file without free pages."""
    return Tree(page_bytes, _FREE_TREE_FLAGS, 0, 0, 0, 0, 0, _NO_PAGE)


def run_pages(page: bytes) -> int:
    """How many pages the run has that begins with this one."""
    return int.from_bytes(page[_RUN_PAGES], sys.byteorder)


def nodes_of(page: bytes, number: int) -> list[Node]:
    """The nodes of a leaf, in order.

    Raises:
        StoreCorrupted: a node lies outside of its page, or over another one.
    """
    offsets, upper = _offsets(page, number)
    end = len(page)
    nodes: list[Node] = []
    filled = 0
    for offset in offsets:
        low, high, flags, key_bytes = _NODE.unpack_from(page, offset)
        key_at = offset + _NODE.size
        data_at = key_at + key_bytes
        size = low | high << 16
        data_end = data_at + (_PAGE_NUMBER_BYTES if flags & BIG else size)
        if data_end > end:
            raise StoreCorrupted(f"page {number} has a node outside of it")
        nodes.append((page[key_at:data_at], flags, size, page[data_at:data_end]))
        filled += (data_end - offset + 1) & ~1
    if filled != end - upper:
        raise StoreCorrupted(f"page {number} has nodes that overlap or were lost")
    return nodes


def page_at(page: bytes, at: int) -> int:
    """The number of a page that stands at `at`."""
    return int.from_bytes(page[at : at + _PAGE_NUMBER_BYTES], sys.byteorder)


def references(page: bytes, number: int) -> Iterator[tuple[int, int, int]]:
    """What a leaf refers to: flags of a node, bytes of its value, where its data begins.

    Raises:
        StoreCorrupted: as for `nodes_of`.
    """
    offsets, _ = _offsets(page, number)
    for offset in offsets:
        low, high, flags, key_bytes = _NODE.unpack_from(page, offset)
        if flags & (BIG | SUBTREE):
            at = offset + _NODE.size + key_bytes
            if at + (_PAGE_NUMBER_BYTES if flags & BIG else TREE_BYTES) > len(page):
                raise StoreCorrupted(f"page {number} has a node outside of it")
            yield flags, low | high << 16, at


def put_children(page: bytearray, number: int, children: Sequence[int]) -> None:
    """Let a branch refer to other pages, in the order of `children_of`."""
    offsets, _ = _offsets(bytes(page), number)
    for offset, child in zip(offsets, children, strict=True):
        _CHILD.pack_into(page, offset, child & 0xFFFF, child >> 16 & 0xFFFF, child >> 32)


def put_number(page: bytearray, number: int) -> None:
    """Let a page be the one with this number."""
    put_page(page, 0, number)


def put_page(page: bytearray, at: int, number: int) -> None:
    """Let the number of another page stand at `at`."""
    page[at : at + _PAGE_NUMBER_BYTES] = number.to_bytes(_PAGE_NUMBER_BYTES, sys.byteorder)


def put_tree(page: bytearray, at: int, tree: Tree) -> None:
    """Let the node whose data begins at `at` hold this tree."""
    _TREE.pack_into(page, at, *tree)


def nodes_by_force(page: bytes) -> Iterator[Node]:
    """Whatever looks like a node of a leaf, on a page that may be damaged."""
    lower = _HEADER.unpack_from(page)[3]
    end = len(page)
    for pointer in range(PAGE_HEADER_BYTES, min(lower, end) - 1, 2):
        offset = int.from_bytes(page[pointer : pointer + 2], sys.byteorder)
        if not PAGE_HEADER_BYTES < offset <= end - _NODE.size:
            continue
        low, high, flags, key_bytes = _NODE.unpack_from(page, offset)
        key_at = offset + _NODE.size
        data_at, size = key_at + key_bytes, low | high << 16
        data_end = data_at + (_PAGE_NUMBER_BYTES if flags & BIG else size)
        if data_end <= end:
            yield page[key_at:data_at], flags, size, page[data_at:data_end]


def children_of(page: bytes, number: int) -> list[tuple[bytes, int]]:
    """Where the pages below a branch begin: least key and page number; the first key says nothing.

    Raises:
        StoreCorrupted: as for `nodes_of`, or there is no page below.
    """
    offsets, upper = _offsets(page, number)
    children = []
    filled = 0
    for offset in offsets:
        low, high, highest, key_bytes = _NODE.unpack_from(page, offset)
        key_at = offset + _NODE.size
        children.append((page[key_at : key_at + key_bytes], low | high << 16 | highest << 32))
        filled += (_NODE.size + key_bytes + 1) & ~1
    if filled != len(page) - upper or not children:
        raise StoreCorrupted(f"page {number} has nodes that overlap or were lost")
    return children


def _offsets(page: bytes, number: int) -> tuple[tuple[int, ...], int]:
    """Where the nodes of a page begin, and where the first of them may."""
    _, _, _, lower, upper = _HEADER.unpack_from(page)
    if not PAGE_HEADER_BYTES <= lower <= upper <= len(page) or lower % 2:
        raise StoreCorrupted(f"page {number} is filled to {lower} and from {upper}")
    count = (lower - PAGE_HEADER_BYTES) // 2
    offsets = struct.unpack_from(f"={count}H", page, PAGE_HEADER_BYTES)
    if offsets and not (upper <= min(offsets) and max(offsets) <= len(page) - _NODE.size):
        raise StoreCorrupted(f"page {number} has a node outside of it")
    return offsets, upper


def fixed_values(page: bytes, number: int, value_bytes: int) -> list[bytes]:
    """Values of a page, or of a page within a page, where all have the same size.

    Raises:
        StoreCorrupted: they do not fit.
    """
    if len(page) < PAGE_HEADER_BYTES:
        raise StoreCorrupted(f"page {number} has a list that is cut off")
    _, stored_bytes, _, lower, _ = _HEADER.unpack_from(page)
    count = (lower - PAGE_HEADER_BYTES) // 2
    end = PAGE_HEADER_BYTES + count * value_bytes
    if stored_bytes != value_bytes or lower < PAGE_HEADER_BYTES or end > len(page):
        raise StoreCorrupted(f"page {number} has {count} values of {stored_bytes} bytes")
    return [page[at : at + value_bytes] for at in range(PAGE_HEADER_BYTES, end, value_bytes)]

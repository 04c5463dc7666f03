"""What a disk may hold after a loss of power: recorded system calls in, possible files out. Pure.

A `Disk` performs what was recorded: creations, writes, flushes. At any operation the power may be
cut; `after_power_loss` draws one of the folders that a restart may then find.

* What a flush that has returned covers is there: `fsync` and `fdatasync` of a file cover its
  content and its length, a write through a descriptor opened with O_DSYNC the blocks that it
  touches and the length up to its end, `fsync` of a folder the names in it.
* Of the rest each block is, on its own, as it was after any of the writes since: the first writes
  may be lost and later ones there. The length of the file is any that it had since.
* Changes of names (create, rename, remove) are kept in order, as file systems with a journal do:
  a prefix of them is there.
* A block, a sector of 512 bytes or a page of 4 KiB, is never half old and half new.

Stores through a shared mapping are not recorded; a file that is only mapped is as long as it was
made, and empty.
"""

import random
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TypeAlias, assert_never

import msgspec

__all__ = [
    "CreateFile",
    "Cut",
    "Disk",
    "FlushFile",
    "FlushFolder",
    "Loss",
    "Operation",
    "RemoveFile",
    "RenameFile",
    "ResizeFile",
    "WriteBytes",
    "decode_operations",
    "disks_at",
]

PAGE_BYTES = 4096
_HEADER = struct.Struct("=cBHQQ")


class CreateFile(msgspec.Struct, frozen=True):
    """A new, empty file. Names are relative to the recorded folder."""

    name: str


class RemoveFile(msgspec.Struct, frozen=True):
    """A name is gone."""

    name: str


class RenameFile(msgspec.Struct, frozen=True):
    """A file has another name; who had that one is gone."""

    name: str
    new_name: str


class ResizeFile(msgspec.Struct, frozen=True):
    """A file is cut, or continued with zeros."""

    name: str
    size_bytes: int


class WriteBytes(msgspec.Struct, frozen=True):
    """Bytes at an offset; with `is_flushed` they are durable when the write returns (O_DSYNC)."""

    name: str
    offset: int
    content: bytes
    is_flushed: bool = False


class FlushFile(msgspec.Struct, frozen=True):
    """Content and length of a file are durable."""

    name: str


class FlushFolder(msgspec.Struct, frozen=True):
    """The names in a folder are durable."""

    name: str


_NameChange: TypeAlias = CreateFile | RemoveFile | RenameFile
_ContentChange: TypeAlias = ResizeFile | WriteBytes
Operation: TypeAlias = _NameChange | _ContentChange | FlushFile | FlushFolder


class Cut(msgspec.Struct, frozen=True, order=True):
    """When the power goes: `returned` operations have returned.

    With `in_the_next` the one after them has begun: what it does may be there in part.
    """

    returned: int
    in_the_next: bool = False


class Loss(msgspec.Struct, frozen=True):
    """How much of what was not flushed is lost."""

    survival: float
    """Probability that the newest content of a block is there, and the newest length."""
    block_bytes: int = PAGE_BYTES
    keeps_last_write: bool = False
    """True if the last write to each file is there, whatever else is lost."""


class Disk:
    """The files below one folder: what is durable, and what was done since."""

    def __init__(self) -> None:
        self._files: list[_File] = []
        self._names: dict[str, int] = {}
        self._durable_names: dict[str, int] = {}
        self._name_changes: list[tuple[str, dict[str, int]]] = []

    def begin(self, operation: Operation) -> None:
        """Take over an operation that has begun; nothing that it does is durable."""
        match operation:
            case CreateFile() | RemoveFile() | RenameFile():
                self._change_names(operation)
            case ResizeFile(name=name) | WriteBytes(name=name):
                self._file(name).changes.append(operation)
            case FlushFile() | FlushFolder():
                pass
            case _:
                assert_never(operation)

    def finish(self, operation: Operation) -> None:
        """The operation that has begun has returned: what it flushes is durable."""
        match operation:
            case FlushFile(name=name):
                self._file(name).flush()
            case FlushFolder(name=name):
                self._flush_names(name)
            case WriteBytes(is_flushed=True):
                self._file(operation.name).flush_pages(operation)
            case _:
                pass

    def live(self) -> Mapping[str, bytes]:
        """Every file by name, as a running process reads it."""
        return {name: self._files[number].live() for name, number in self._names.items()}

    def after_power_loss(self, chance: random.Random, loss: Loss) -> Mapping[str, bytes]:
        """Every file by name, as a restart may find it."""
        names = chance.choice([self._durable_names, *(names for _, names in self._name_changes)])
        return {
            name: self._files[number].after_power_loss(chance, loss)
            for name, number in sorted(names.items())
        }

    def _file(self, name: str) -> "_File":
        return self._files[self._names[name]]

    def _change_names(self, change: _NameChange) -> None:
        match change:
            case CreateFile(name=name):
                self._files.append(_File())
                self._names[name] = len(self._files) - 1
            case RemoveFile(name=name):
                del self._names[name]
            case RenameFile(name=name, new_name=new_name):
                self._names[new_name] = self._names.pop(name)
            case _:
                assert_never(change)
        self._name_changes.append((_folder_of(change.name), dict(self._names)))

    def _flush_names(self, folder: str) -> None:
        """Changes are kept in order, so those before the last one of this folder are there too."""
        while any(changed == folder for changed, _ in self._name_changes):
            _, self._durable_names = self._name_changes.pop(0)


class _File:
    """Content that is durable, and the changes since."""

    def __init__(self) -> None:
        self.durable = bytearray()
        self.changes: list[_ContentChange] = []

    def live(self) -> bytes:
        content = bytearray(self.durable)
        for change in self.changes:
            _apply(content, change)
        return bytes(content)

    def flush(self) -> None:
        for change in self.changes:
            _apply(self.durable, change)
        self.changes.clear()

    def flush_pages(self, write: WriteBytes) -> None:
        """The pages that a write touches are durable, as they are now; the length to its end."""
        start = write.offset // PAGE_BYTES * PAGE_BYTES
        end = -(-_end(write) // PAGE_BYTES) * PAGE_BYTES
        left: list[_ContentChange] = []
        for change in self.changes:
            if isinstance(change, WriteBytes):
                _put(self.durable, change, start, end)
                left += [_part(change, 0, start), _part(change, end, _end(change))]
            else:
                left.append(change)
        self.changes = [one for one in left if isinstance(one, ResizeFile) or one.content]

    def after_power_loss(self, chance: random.Random, loss: Loss) -> bytes:
        image = bytearray(self.durable)
        for block, changes in self._changes_by_block(loss.block_bytes).items():
            start = block * loss.block_bytes
            for change in changes[: self._count_kept(changes, chance, loss)]:
                _put(image, change, start, start + loss.block_bytes)
        sizes = self._sizes()
        _resize(image, sizes[-1] if chance.random() < loss.survival else chance.choice(sizes))
        return bytes(image)

    def _changes_by_block(self, block_bytes: int) -> Mapping[int, Sequence[WriteBytes]]:
        found: dict[int, list[WriteBytes]] = {}
        for change in self.changes:
            if isinstance(change, WriteBytes):
                for block in range(change.offset // block_bytes, -(-_end(change) // block_bytes)):
                    found.setdefault(block, []).append(change)
        return found

    def _count_kept(self, changes: Sequence[WriteBytes], chance: random.Random, loss: Loss) -> int:
        """How many of the changes of one block are there; the later contain the earlier."""
        is_of_last_write = changes[-1] is self.changes[-1]
        if (is_of_last_write and loss.keeps_last_write) or chance.random() < loss.survival:
            return len(changes)
        return chance.randrange(len(changes))

    def _sizes(self) -> Sequence[int]:
        """Every length that the file had since it was flushed."""
        sizes = [len(self.durable)]
        for change in self.changes:
            is_write = isinstance(change, WriteBytes)
            sizes.append(max(sizes[-1] if is_write else 0, _end(change)))
        return sizes


def decode_operations(recording: bytes) -> Sequence[Operation]:
    """The operations of a recording, as `tests/crash/record_writes.c` writes it."""
    found: list[Operation] = []
    at = 0
    while at < len(recording):
        kind, is_flushed, name_bytes, offset, size = _HEADER.unpack_from(recording, at)
        at += _HEADER.size
        name = recording[at : at + name_bytes].decode()
        content = recording[at + name_bytes : at + name_bytes + size]
        at += name_bytes + size
        found.append(_operation(kind, name, offset, content, is_flushed=bool(is_flushed)))
    return found


def disks_at(operations: Sequence[Operation], cuts: Iterable[Cut]) -> Iterator[tuple[Cut, Disk]]:
    """The disk at each cut, in order of time; it changes when the next one is asked for."""
    disk = Disk()
    begun = returned = 0
    for cut in sorted(cuts):
        while begun < cut.returned + cut.in_the_next:
            if returned < begun:
                disk.finish(operations[returned])
                returned += 1
            disk.begin(operations[begun])
            begun += 1
        if returned < cut.returned:
            disk.finish(operations[returned])
            returned += 1
        yield cut, disk


def _operation(
    kind: bytes, name: str, offset: int, content: bytes, *, is_flushed: bool
) -> Operation:
    match kind:
        case b"c":
            return CreateFile(name)
        case b"d":
            return RemoveFile(name)
        case b"r":
            return RenameFile(name, content.decode())
        case b"s":
            return ResizeFile(name, offset)
        case b"w":
            return WriteBytes(name, offset, content, is_flushed)
        case b"f":
            return FlushFile(name)
        case b"F":
            return FlushFolder(name)
        case _:
            raise ValueError(f"a recording has no operation {kind!r}")


def _folder_of(name: str) -> str:
    folder = str(PurePosixPath(name).parent)
    return "" if folder == "." else folder


def _end(change: _ContentChange) -> int:
    """Where a write ends, or the length that a file is given."""
    if isinstance(change, ResizeFile):
        return change.size_bytes
    return change.offset + len(change.content)


def _part(write: WriteBytes, start: int, end: int) -> WriteBytes:
    """The part of a write that lies between two offsets; it may be empty."""
    start = max(start, write.offset)
    content = write.content[start - write.offset : max(end - write.offset, 0)]
    return WriteBytes(write.name, start, content)


def _put(content: bytearray, write: WriteBytes, start: int, end: int) -> None:
    """Do the part of a write that lies between two offsets."""
    part = _part(write, start, end)
    if part.content:
        _resize(content, max(len(content), part.offset))
        content[part.offset : _end(part)] = part.content


def _apply(content: bytearray, change: _ContentChange) -> None:
    if isinstance(change, ResizeFile):
        _resize(content, change.size_bytes)
    else:
        _put(content, change, 0, _end(change))


def _resize(content: bytearray, size_bytes: int) -> None:
    if size_bytes < len(content):
        del content[size_bytes:]
    else:
        content.extend(bytes(size_bytes - len(content)))

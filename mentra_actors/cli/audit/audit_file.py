"""An audit as a file: written, gone on with, and checked, in the memory of one page."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeAlias

import msgspec

from mentra_actors.cli.audit.audit_chain import FORMAT, Chain, ChainLook, look_at_chain
from mentra_actors.cli.audit.audit_masks import masked
from mentra_actors.cli.reading import OpenStore
from mentra_actors.errors import ConfigurationError, StoreError
from projections.hooks.hook_history import hook_events
from projections.running.fingerprint import place_fingerprint_at

__all__ = ["WrittenAudit", "checked_audit", "write_audit"]

_OWNER_ONLY = 0o600
_Write: TypeAlias = Callable[[bytes], object]


class WrittenAudit(msgspec.Struct, frozen=True, kw_only=True):
    """What a file has now: all of its events, through which position, and its root."""

    file: str
    events: int
    new_events: int
    through: int
    root: str


def write_audit(
    team: OpenStore, path: Path, *, after: int, through: int | None, append: bool
) -> WrittenAudit:
    """Write what is told of the log after a position to a new file; or go on with a file.

    Raises:
        ConfigurationError: the file is there already; with `append` it is not, or it is broken,
            or of another log. It is as it was.
        StoreError: the log cannot be read, or the disk is full; `append` goes on with the file.
    """
    last = team.journal.last_position()
    end = last if through is None else min(through, last)
    with _opened(path, append=append) as file:
        if not append:
            look = ChainLook()
            header = {"format": FORMAT, "log": _log_of(team), "after": after}
            chain = Chain()
            file.write(chain.line("header", header))
        else:
            look = _sound_part(team, path, file)
            chain = Chain(look.sequence, look.head)
            if look.end is not None and look.end.through >= end:
                return _written(path, look.events, 0, look.end.through, look.end.root)
            after = _goes_on_after(look)
        new = _write_events(team, file.write, chain, look, after, end)
        root, count = chain.head, look.events + new
        file.write(chain.line("end", {"count": count, "root": root, "through": end}))
        file.flush()
        os.fsync(file.fileno())
    return _written(path, count, new, end, root)


def checked_audit(path: Path) -> ChainLook:
    """What is in a file, and where its chain breaks.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return look_at_chain(file)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error


def _written(path: Path, events: int, new: int, through: int, root: str) -> WrittenAudit:
    return WrittenAudit(file=str(path), events=events, new_events=new, through=through, root=root)


@contextmanager
def _opened(path: Path, *, append: bool) -> Iterator[BinaryIO]:
    """The file, new or as it is; only its owner can read a new one."""
    flags = os.O_RDWR if append else os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC, _OWNER_ONLY)
    except FileExistsError:
        raise ConfigurationError(f"{path} is there already; --append goes on with it") from None
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "r+b" if append else "wb") as file:
            yield file
    except OSError as error:
        raise StoreError(f"{path} could not be written: {error.strerror}") from error


def _sound_part(team: OpenStore, path: Path, file: BinaryIO) -> ChainLook:
    """Stand behind the last sound line of a file that was broken off or finished."""
    look = look_at_chain(file)
    if look.header is None or (look.fault and not look.is_cut):
        raise ConfigurationError(f"line {look.line} of {path} {look.fault}: nothing was written")
    if look.header.log != _log_of(team):
        raise ConfigurationError(f"{path} is an audit of another log: nothing was written")
    file.seek(look.sound_bytes)
    file.truncate()
    return look


def _log_of(team: OpenStore) -> str:
    return f"{place_fingerprint_at(team.reader, 1):016x}"


def _goes_on_after(look: ChainLook) -> int:
    """The position after which nothing is in the file, or not all."""
    if look.end is not None:
        return look.end.through
    start = 0 if look.header is None else look.header.after
    return max(start, look.last_position - 1)


def _write_events(
    team: OpenStore, write: _Write, chain: Chain, look: ChainLook, after: int, through: int
) -> int:
    there = look.events_at_last if look.end is None else 0
    new = 0
    for event in hook_events(team.journal, after=after, through=through):
        if there and event.position == look.last_position:
            there -= 1
            continue
        write(chain.line("event", masked(event)))
        new += 1
    return new

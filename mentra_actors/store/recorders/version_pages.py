"""Reads a range of versions a page at a time, so that no read transaction stays open for long."""

from collections.abc import Callable
from typing import TypeAlias

import msgspec
from eventsourcing.persistence import StoredEvent

from mentra_actors.store.recorders.side_rows import PAGE_ROWS

__all__ = ["ReadPage", "VersionRange", "select_versions"]


class VersionRange(msgspec.Struct, frozen=True):
    """Versions with `gt < version <= lte`, in descending order if `desc`."""

    gt: int | None
    lte: int | None
    desc: bool

    def after(self, event: StoredEvent) -> "VersionRange":
        """What comes after an event."""
        if self.desc:
            return msgspec.structs.replace(self, lte=event.originator_version - 1)
        return msgspec.structs.replace(self, gt=event.originator_version)


ReadPage: TypeAlias = Callable[[VersionRange, int], tuple[list[StoredEvent], bool]]
"""At most so many events of a range, and whether it ends there; none only where it ends."""


def select_versions(
    read_page: ReadPage, versions: VersionRange, limit: int | None
) -> list[StoredEvent]:
    """The first `limit` events of a range, or all."""
    found: list[StoredEvent] = []
    is_end = False
    while not is_end and (limit is None or len(found) < limit):
        count = PAGE_ROWS if limit is None else min(PAGE_ROWS, limit - len(found))
        page, is_end = read_page(versions, count)
        found.extend(page)
        if page:
            versions = versions.after(page[-1])
    return found

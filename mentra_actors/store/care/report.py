"""What was found out about a store."""

from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

import msgspec

__all__ = ["Finding", "Findings", "OnProgress", "Report", "Severity"]

Severity: TypeAlias = Literal["damage", "warning"]
OnProgress: TypeAlias = Callable[[int, int], None]
"""Called with bytes done and bytes to do, both about, on the thread that asked."""

_MOST_OF_A_KIND = 50


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, or worth to know. `position` is 0 where it is none of the log."""

    severity: Severity
    where: str
    what: str
    position: int = 0


class Findings:
    """Findings as they come; of many in one place only the first ones are kept."""

    def __init__(self) -> None:
        self._found: list[Finding] = []
        self._counts: dict[tuple[Severity, str], int] = {}

    def damage(self, where: str, what: str, *, position: int = 0) -> None:
        """Something is not as it was written."""
        self._add(Finding(severity="damage", where=where, what=what, position=position))

    def warning(self, where: str, what: str) -> None:
        """Something to know, which harms nothing."""
        self._add(Finding(severity="warning", where=where, what=what))

    def add(self, finding: Finding) -> None:
        """One that somebody else has found."""
        self._add(finding)

    def __iter__(self) -> Iterator[Finding]:
        yield from self._found
        for (severity, where), count in self._counts.items():
            if count > _MOST_OF_A_KIND:
                what = f"and {count - _MOST_OF_A_KIND} more of this kind"
                yield Finding(severity=severity, where=where, what=what)

    def _add(self, finding: Finding) -> None:
        kind = (finding.severity, finding.where)
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if self._counts[kind] <= _MOST_OF_A_KIND:
            self._found.append(finding)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `verify_store` found.

    Everything up to `last_good_position` is as it was written, as far as anybody can tell;
    `first_bad_position` is None if nothing of the log is damaged. `fingerprint` stands for all of
    the log up to `fingerprint_position`: two copies with the same one hold the same history.
    """

    path: str
    store_id: str = ""
    findings: tuple[Finding, ...] = ()
    last_position: int = 0
    last_good_position: int = 0
    first_bad_position: int | None = None
    fingerprint: str = ""
    fingerprint_position: int = 0
    writer_epoch: int = 0
    records: int = 0
    events: int = 0
    streams: int = 0
    archived_events: int = 0
    sealed_events: int = 0
    unknown_tags: dict[str, int] = {}
    snapshots: int = 0
    blobs: int = 0
    open_marks: int = 0
    fences: int = 0
    remembered_requests: int = 0
    ticks: int = 0
    size_bytes: int = 0
    free_bytes: int = 0
    duration_s: float = 0.0

    @property
    def is_sound(self) -> bool:
        """True if nothing is damaged; there may be warnings."""
        return all(finding.severity != "damage" for finding in self.findings)

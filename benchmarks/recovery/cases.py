"""Where a process is killed, how the next one goes on, and what may go wrong."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.recovery.judgement import Faults

__all__ = ["CASES", "FAULTS", "Case", "Row"]

FAULTS = {
    "twice": "effects that ran twice",
    "lost": "finished calls whose result the model is not shown",
    "untold": "interrupted calls of which it is told nothing true",
    "bricked": "conversations that cannot go on",
}
"""The names of `Faults` in words; see `judgement` for the exact ones."""


@dataclass(frozen=True)
class Case:
    """Where the first process dies, and how the second one goes on."""

    name: str
    dies: str
    action: str
    finished: Sequence[str]
    interrupted: Sequence[str] = ()

    @property
    def seen_at_death(self) -> set[str]:
        """The tools whose effects are in the witness file when the first process dies."""
        return set(self.interrupted or self.finished)

    def attempts(self) -> Iterator[str]:
        """What is tried before a conversation counts as bricked, each in its own process."""
        yield self.action
        yield self.action
        yield "resume"
        yield self.action


CASES = (
    Case("A, killed in a tool, resumed", "tool", "resume", ("charge",), ("mail",)),
    Case("B, killed in a tool, new message", "tool", "message", ("charge",), ("mail",)),
    Case("C, killed after the tools, resumed", "model", "resume", ("charge", "mail")),
    Case("D, killed after the tools, new message", "model", "message", ("charge", "mail")),
)


@dataclass(frozen=True)
class Row:
    """All cases of one variant; None where its way to resume is not offered."""

    name: str
    faults: Mapping[str, Faults | None]
    remarks: Sequence[str] = ()

    def of(self, fault: str, cases: Sequence[Case] = CASES) -> int | None:
        """How often a fault happened in some cases; None if none of them is offered."""
        known = [self.faults[case.name] for case in cases]
        counts = [int(getattr(one, fault)) for one in known if one is not None]
        return sum(counts) if counts else None

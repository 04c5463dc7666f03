"""What a plot shows, before anything is drawn: bars, groups of bars, parts of bars, curves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["LABEL_LETTERS", "Bars", "Curves", "Grouped", "Margins", "Panel", "Stacked", "is_ours"]

LABEL_LETTERS = 46
"""Longer names of rows take a second line."""


def lines_of(names: Iterable[str]) -> float:
    """The height of rows with such names, in lines of text."""
    return sum(1.0 if len(name) <= LABEL_LETTERS else 1.7 for name in names)


@dataclass(frozen=True)
class Bars:
    """One bar a side, on a logarithmic axis. `only_ours` where no side is another's."""

    title: str
    rows: Mapping[str, float]
    only_ours: bool = False

    @property
    def height(self) -> float:
        """In rows of text."""
        return lines_of(self.rows)


@dataclass(frozen=True)
class Grouped:
    """Sides beside each other for each of some cases: `groups[case][side]`."""

    title: str
    groups: Mapping[str, Mapping[str, float]]

    @property
    def height(self) -> float:
        """In rows of text."""
        return 1 + sum(0.4 + 0.75 * len(one) for one in self.groups.values())


@dataclass(frozen=True)
class Stacked:
    """Bars that are put together of parts that are counted: `rows[side][part]`."""

    title: str
    rows: Mapping[str, Mapping[str, float]]

    @property
    def height(self) -> float:
        """In rows of text."""
        return 4 + lines_of(self.rows)


@dataclass(frozen=True)
class Curves:
    """Points by side, both axes logarithmic."""

    title: str
    across: str
    lines: Mapping[str, Sequence[tuple[float, float]]]

    @property
    def height(self) -> float:
        """In rows of text."""
        return 11


@dataclass(frozen=True)
class Margins:
    """How far goals are held (above 1) or missed (below 1), beside the line of the goal."""

    title: str
    rows: Mapping[str, float]

    @property
    def height(self) -> float:
        """In rows of text."""
        return lines_of(self.rows)


Panel = Bars | Grouped | Stacked | Curves | Margins


def is_ours(side: str) -> bool:
    """Whether a side is one of this project's."""
    return side.startswith(("ours", "mentra-actors"))

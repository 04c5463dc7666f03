"""Fails when a ratio has become several times worse: `make bench-gate`.

    python -m benchmarks.gate [NAME ...]

The comparisons are cheap (some 25 seconds of CPU time altogether) and the bounds in gate.toml
generous. A ratio that passes its bound is taken once more before it fails.
"""

import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gate_comparisons import COMPARISONS, Ratios
from benchmarks.harness import median

__all__ = ["BOUNDS", "Bound", "bounds", "judged"]

BOUNDS = Path(__file__).parent / "gate.toml"


@dataclass(frozen=True)
class Bound:
    """The most that a ratio may be, what it usually is, and where to look when it is more."""

    what: str
    usual: float
    most: float
    look: str


def bounds(text: str) -> dict[str, Bound]:
    """What gate.toml says, by the name of the comparison."""
    return {name: Bound(**words) for name, words in tomllib.loads(text).items()}


def judged(
    wanted: Mapping[str, Bound], comparisons: Mapping[str, Ratios], say: Callable[[str], object]
) -> list[str]:
    """Take the ratios; what to tell of those that pass their bound twice."""
    regressions = []
    for name, bound in wanted.items():
        ratio = median(taken(name, comparisons[name], bound, say))
        if ratio > bound.most:
            say(f"{name}: more than {bound.most:g}; once more")
            ratio = median(taken(name, comparisons[name], bound, say))
        if ratio > bound.most:
            regressions.append(
                f"{name} has regressed: {bound.what} is {ratio:.3g}, which is "
                f"{ratio / bound.usual:.1f} times the usual {bound.usual:g}; at most "
                f"{bound.most:g} is allowed.\n  Look at: {bound.look}.\n  If the change is worth "
                f"it, raise `usual` and `most` in {BOUNDS.name} and say why in the commit."
            )
    return regressions


def taken(
    name: str, compare: Ratios, bound: Bound, say: Callable[[str], object]
) -> Sequence[float]:
    """The ratios of all rounds."""
    ratios = compare()
    rounds = ", ".join(f"{one:.3g}" for one in sorted(ratios))
    say(f"{name}: {median(ratios):.3g} (usual {bound.usual:g}, most {bound.most:g}; {rounds})")
    return ratios


def main() -> None:
    """Print each ratio; the exit status is 1 if one has regressed."""
    known = bounds(BOUNDS.read_text())
    chosen = sys.argv[1:] or list(known)
    if unknown := set(chosen) - set(known):
        sys.exit(f"there is no comparison {min(unknown)}; there are {', '.join(known)}")
    wanted = {name: known[name] for name in chosen}
    if regressions := judged(wanted, COMPARISONS, lambda words: print(words, flush=True)):
        sys.exit("\n".join(regressions))


if __name__ == "__main__":
    main()

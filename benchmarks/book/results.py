"""What a run of a program has shown: one JSON file a program, in `benchmarks/results`."""

import fnmatch
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from benchmarks.harness import Goal
from benchmarks.programs import PROGRAMS

__all__ = ["PLOTS", "RESULTS", "Result", "remark_of", "saved", "stored_results", "unexplained"]

_BOOK = Path(__file__).parents[1]
RESULTS = _BOOK / "results"
REMARKS = _BOOK / "remarks"
PLOTS = _BOOK / "plots"


@dataclass(frozen=True)
class Result:
    """One run of one program.

    `machine`, `versions` (of us and of libraries) and `peers` (packages that were installed for
    it) map names to words. `commit` is that of the working tree; `-dirty` when it had changes.
    """

    program: str
    title: str
    date: str
    mode: str
    commit: str
    seconds: float
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    peers: Mapping[str, str] = field(default_factory=dict)
    goals: tuple[Goal, ...] = ()

    def held(self) -> list[Goal]:
        """Goals that hold."""
        return [goal for goal in self.goals if goal.holds]

    def missed(self) -> list[Goal]:
        """Goals that do not hold."""
        return [goal for goal in self.goals if goal.holds is False]


def saved(result: Result, folder: Path = RESULTS) -> Path:
    """Write the file of a result; an earlier one is replaced as a whole."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{result.program}.json"
    beside = path.with_suffix(".next")
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    beside.replace(path)
    return path


def stored_results(folder: Path = RESULTS) -> list[Result]:
    """All results that are there, in the order of the programs."""
    paths = [folder / f"{name}.json" for name in PROGRAMS]
    return [msgspec.json.decode(path.read_bytes(), type=Result) for path in paths if path.exists()]


def remark_of(program: str, folder: Path = REMARKS) -> str:
    """What people have written about the figures of a program; empty if nothing."""
    path = folder / f"{program}.md"
    return path.read_text().strip() if path.exists() else ""


def unexplained(result: Result, remark: str) -> list[str]:
    """Missed goals that the remark does not name.

    A remark names a goal by a code span that holds its name; `*` stands for any words.
    """
    patterns = re.findall(r"`([^`]+)`", remark)
    return [goal.name for goal in result.missed() if not _is_named(goal.name, patterns)]


def _is_named(name: str, patterns: Iterable[str]) -> bool:
    plain = name.replace("`", "")
    telling = (one for one in patterns if len(one.replace("*", "").strip()) > 3)
    return any(fnmatch.fnmatchcase(plain, pattern) for pattern in telling)

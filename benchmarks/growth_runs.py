"""Runs one side of the growth benchmark: a long conversation, and what its turns have cost."""

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness import Spread, median, spread
from benchmarks.peers.conversation import payload_bytes
from benchmarks.peers.environments import PeerProcess
from benchmarks.peers.turns import Turns

__all__ = ["EARLY", "Figures", "Plan", "Ratios", "Run", "Side", "long_run", "our_run"]

EARLY = 10
"""The turn that later ones are compared with."""
_HALF_WINDOW = 25
_MOST_AT_ONCE = 50
_ASK_S = 0.5
_PROGRESS_S = 2.0
_WARM_UP_ROUNDS = 3
_FLUSHES = 15
_EARLY_TURNS = range(EARLY // 2, EARLY + EARLY // 2 + 1)


@dataclass(frozen=True)
class Side:
    """A program of `peers` with its words, and its environment (None: ours)."""

    name: str
    program: str
    environment: str | None = None
    is_peer: bool = True


@dataclass(frozen=True)
class Plan:
    """Which turns are looked at; how often late and early ones; when a run stops early."""

    stops: Sequence[int]
    rounds: int
    ours_most_s: float
    peers_most_s: float
    most_bytes: float

    def most_s(self, side: Side) -> float:
        """Seconds that the turns of a side may take."""
        return self.peers_most_s if side.is_peer else self.ours_most_s


@dataclass(frozen=True)
class Figures:
    """Of the turns around one: medians of milliseconds, means of kilobytes, disk over payload."""

    wall_ms: float
    cpu_ms: float
    written_kb: float
    passed_kb: float
    disk_ratio: float


@dataclass(frozen=True)
class Ratios:
    """Late turns over early ones that were run in turn with them.

    Of times it is the median over the pairs, of bytes the ratio of the sums; `around` has the
    quartiles of the pairs, of times.
    """

    wall: float
    cpu: float
    written: float
    passed: float
    around: Mapping[str, Spread | None] = field(default_factory=dict)


@dataclass
class Run:
    """One side's conversation.

    `stopped` says why it ended early, `ratios` is ours only. `flush_ms` is what the disk took for
    a flush before and after it: sides run one after the other, and the disk has its moods.
    """

    side: Side
    flush_ms: float = 0.0
    turns: Turns = field(default_factory=Turns)
    disk: dict[int, int] = field(default_factory=dict)
    stopped: str = ""
    ratios: Ratios | None = None
    remarks: dict[str, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many turns were run."""
        return len(self.turns.wall_s)

    def at(self, stop: int) -> Figures | None:
        """The figures around a turn, a stop or the last one; None if it was not reached."""
        if stop > self.count:
            return None
        half = min(_HALF_WINDOW, stop // 2)
        window = slice(stop - half - 1, stop + half)
        return Figures(
            wall_ms=median(self.turns.wall_s[window]) * 1e3,
            cpu_ms=median(self.turns.cpu_s[window]) * 1e3,
            written_kb=_mean(self.turns.written[window]) / 1e3,
            passed_kb=_mean(self.turns.passed[window]) / 1e3,
            disk_ratio=self.disk[stop] / payload_bytes(stop),
        )

    def end(self) -> Figures:
        """The figures of the last turns."""
        figures = self.at(self.count)
        if figures is None:
            raise ValueError(f"{self.side.name}: no turn was run")
        return figures


def long_run(side: Side, plan: Plan) -> Run:
    """One long conversation, as far as the plan's budget goes.

    Raises:
        PeerMissing: the peer cannot be installed or does not run.
    """
    with _process(side) as (process, folder):
        return _talked(process, folder, side, plan)


def our_run(side: Side, plan: Plan) -> Run:
    """The same, then late turns of it beside early turns of new conversations, in turn.

    The machine is noisy, and its noise comes and goes: turns that are run one by one, a late one
    and an early one, suffer from it alike. The early ones are run by a warm process as well.
    """
    with _process(side) as (process, folder), _process(side) as (other, elsewhere):
        run = _talked(process, folder, side, plan)
        run.ratios = _compared(process, other, elsewhere, plan.rounds)
        run.remarks = process.ask({"close": True})
        return run


@contextmanager
def _process(side: Side) -> Iterator[tuple[PeerProcess, Path]]:
    with (
        tempfile.TemporaryDirectory(prefix="bench-growth-") as folder,
        PeerProcess(side.program, side.environment, Path(folder) / "stderr") as process,
    ):
        yield process, Path(folder)


def _new(folder: Path, name: str) -> str:
    """A folder that holds nothing but one conversation."""
    (folder / name).mkdir()
    return str(folder / name)


def _talked(process: PeerProcess, folder: Path, side: Side, plan: Plan) -> Run:
    before = _flush_ms(folder)
    run = _conversation(process, folder, side, plan)
    run.flush_ms = (before + _flush_ms(folder)) / 2
    return run


def _flush_ms(folder: Path) -> float:
    """What a flush of one page takes now: the median of some."""
    took = []
    with (folder / "flushed").open("ab", buffering=0) as file:
        for _ in range(_FLUSHES):
            file.write(bytes(4096))
            started = time.perf_counter()
            os.fdatasync(file)
            took.append(time.perf_counter() - started)
    return median(took) * 1e3


def _conversation(process: PeerProcess, folder: Path, side: Side, plan: Plan) -> Run:
    run, told = Run(side), 0.0
    request: dict[str, Any] = {"open": _new(folder, "conversation"), "turns": 1}
    while True:
        some = Turns(**process.ask(request))
        _added(run, some)
        seconds = sum(run.turns.wall_s)
        is_done = run.count >= plan.stops[-1]
        run.stopped = "" if is_done else _why_stop(seconds, some.disk, side, plan)
        if run.count in plan.stops or run.stopped:
            run.disk[run.count] = some.disk
        if is_done or run.stopped:
            return run
        if seconds - told > _PROGRESS_S:
            told = seconds
            last = some.wall_s[-1] * 1e3
            print(f"  {side.name}: turn {run.count:,}, {last:,.1f} ms", file=sys.stderr)
        request = {"turns": _next_count(run, plan)}


def _added(run: Run, some: Turns) -> None:
    run.turns.wall_s += some.wall_s
    run.turns.cpu_s += some.cpu_s
    run.turns.written += some.written
    run.turns.passed += some.passed


def _next_count(run: Run, plan: Plan) -> int:
    """As many turns as take half a second, and not beyond a stop."""
    next_stop = min(stop for stop in plan.stops if stop > run.count)
    at_once = int(_ASK_S / max(run.turns.wall_s[-1], 1e-6))
    return max(1, min(next_stop - run.count, _MOST_AT_ONCE, at_once))


def _why_stop(seconds: float, disk: int, side: Side, plan: Plan) -> str:
    if seconds > plan.most_s(side):
        return f"after {plan.most_s(side):,.0f} s"
    if disk > plan.most_bytes:
        return f"at {plan.most_bytes / 1e6:,.0f} MB on disk"
    return ""


# --- late beside early ------------------------------------------------------------------------


def _compared(late: PeerProcess, early: PeerProcess, folder: Path, rounds: int) -> Ratios:
    """`late` goes on with its conversation; `early` begins one a round, in a store of its own."""
    pairs: list[tuple[Turns, Turns]] = []
    begun = time.perf_counter()
    for number in range(_WARM_UP_ROUNDS + rounds):
        place = _new(folder, f"early-{number}")
        early.ask({"open": place, "turns": _EARLY_TURNS[0] - 1})
        some = [(_one(late), _one(early)) for _ in _EARLY_TURNS]
        pairs += some if number >= _WARM_UP_ROUNDS else []
    print(f"  {rounds} rounds in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    wall = [a.wall_s[0] / b.wall_s[0] for a, b in pairs]
    cpu = [a.cpu_s[0] / b.cpu_s[0] for a, b in pairs]
    return Ratios(
        wall=median(wall),
        cpu=median(cpu),
        around={"wall": spread(wall), "cpu": spread(cpu)},
        written=sum(a.written[0] for a, _ in pairs) / max(sum(b.written[0] for _, b in pairs), 1),
        passed=sum(a.passed[0] for a, _ in pairs) / max(sum(b.passed[0] for _, b in pairs), 1),
    )


def _one(process: PeerProcess) -> Turns:
    return Turns(**process.ask({"turns": 1}))


def _mean(figures: Sequence[int]) -> float:
    return sum(figures) / len(figures)

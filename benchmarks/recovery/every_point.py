"""Our agent in the scenario of this benchmark, killed at every append and around every effect.

The peers have no such places to be killed at: this says whether anything but the cases of the
matrix would have gone wrong for us. See `mentra_actors.testing.crash_points`.
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.recovery.contestants.with_mentra import Retry, live
from benchmarks.recovery.judgement import Faults, faults_of, requests_in, witnessed_in
from benchmarks.recovery.world import PROMPT, QUESTION, TOOLS, Life
from mentra_actors.domain.agent.events import ToolCallFinished, ToolCallStarted
from mentra_actors.errors import StoreNotFound
from mentra_actors.store.journal import Journal
from mentra_actors.store.lmdb_reader import LmdbJournalReader
from mentra_actors.testing.crash_driver import CrashDriver, crash_driver
from mentra_actors.testing.crash_points import CrashPoint

__all__ = ["Campaign", "killed_everywhere", "run_scenario"]

TARGET = "benchmarks.recovery.every_point:run_scenario"


@dataclass(frozen=True)
class Campaign:
    """What came of all kills of one variant; `told` are the faults in words."""

    kills: int
    faults: Faults
    told: Sequence[str] = ()


def run_scenario(folder: str, number: int, variant: str, **options: Any) -> None:
    """One life: both prompts, or the rest of them."""
    life = Life(Path(folder), number, dedupes=variant.endswith("dedupe"))
    retry: Retry = "never" if variant == "retry=never" else "idempotent"
    live(life, (PROMPT, QUESTION), retry=retry, **options)


def killed_everywhere(variant: str) -> Campaign:
    """One kill a place, each in a fresh store, and a second life that goes on."""
    kills, faults, told = 0, Faults(), []
    with crash_driver() as driver, tempfile.TemporaryDirectory(prefix="kill-points-") as folder:
        for point in _points(driver, Path(folder) / "undisturbed", variant):
            here = Path(folder) / str(point)
            was_killed, cost = _killed_at(driver, here, variant, point)
            kills += was_killed
            faults += cost
            if cost != Faults():
                told.append(f"{variant}, {point}: {cost}")
                print(told[-1], file=sys.stderr)
    return Campaign(kills, faults, told)


def _points(driver: CrashDriver, folder: Path, variant: str) -> list[CrashPoint]:
    end = driver.run(TARGET, _arguments(folder, 1, variant))
    if end.exit_code != 0:
        raise RuntimeError(f"the scenario does not run undisturbed: {end.error}")
    return [
        CrashPoint(place, number, when)
        for place in ("append", "effect")
        for number in range(1, end.counted[place] + 1)
        for when in ("before", "after")
    ]


def _arguments(folder: Path, number: int, variant: str) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    return {"folder": str(folder), "number": number, "variant": variant}


def _killed_at(
    driver: CrashDriver, folder: Path, variant: str, point: CrashPoint
) -> tuple[bool, Faults]:
    first = driver.run(TARGET, _arguments(folder, 1, variant), point)
    interrupted = _interrupted(folder / "store")
    second = driver.run(TARGET, _arguments(folder, 2, variant))
    requests = requests_in(folder)
    goes_on = second.exit_code == 0 and requests and not any(one.refused for one in requests)
    cost = faults_of(
        requests[-1] if goes_on else None,
        witnessed_in(folder),
        finished=[tool for tool in TOOLS if tool not in interrupted],
        interrupted=interrupted,
    )
    return first.was_killed, cost


def _interrupted(store: Path) -> set[str]:
    """Tools that the log says were started, and not that they finished."""
    try:
        reader = LmdbJournalReader.open(store)
    except StoreNotFound:
        return set()  # killed before there was a store
    try:
        events = [one.event for one in Journal(reader).through()]
    finally:
        reader.close()
    closed = {one.key for one in events if isinstance(one, ToolCallFinished)}
    opened = [one for one in events if isinstance(one, ToolCallStarted)]
    return {one.tool for one in opened if one.key not in closed}

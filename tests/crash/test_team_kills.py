"""The team is killed at every append and around every effect, and must come back the same."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mentra_actors.testing.crash_driver import CrashDriver, RunEnd, crash_driver
from mentra_actors.testing.crash_points import CrashPoint

TARGET = "mentra_actors.testing.crash_team:run_crash_team"
FULL = os.environ.get("MENTRA_CRASH_CAMPAIGN") == "full"
EVERY = 1 if FULL else 3
"""The short version tries each third place, beginning at a place of its own in each kind."""

pytestmark = [pytest.mark.crash, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def driver() -> Iterator[CrashDriver]:
    with crash_driver() as running:
        yield running


def run(driver: CrashDriver, folder: Path, point: CrashPoint | None = None) -> RunEnd:
    folder.mkdir(parents=True, exist_ok=True)
    arguments = {"store": str(folder / "store"), "witness": str(folder / "witness")}
    return driver.run(TARGET, arguments, point)


def witness(folder: Path, name: str) -> Counter[str]:
    path = folder / "witness" / name
    return Counter(path.read_text().splitlines() if path.exists() else [])


def check(folder: Path, facts: dict[str, Any], undisturbed: dict[str, Any]) -> None:
    """What must hold after any number of kills."""
    assert facts["gap_free"]
    assert facts["prompt_faults"] == []
    assert facts["mail"] == undisturbed["mail"]
    assert facts["board"] == undisturbed["board"]
    assert facts["last_words"] == undisturbed["last_words"]
    assert facts["failures"] == []
    assert all(count == 1 for count in witness(folder, "charge").values())
    assert all(count == 1 for count in witness(folder, "register").values())
    assert all(count == 1 for count in witness(folder, "pay").values())
    for name in ("look", "charge", "pay"):
        for key, count in witness(folder, name).items():
            assert count <= facts["starts"][key], f"{key} ran {count} times"


@pytest.fixture(scope="module")
def undisturbed(driver: CrashDriver, tmp_path_factory: pytest.TempPathFactory) -> RunEnd:
    end = run(driver, tmp_path_factory.mktemp("undisturbed"))
    assert end.exit_code == 0, end.error
    return end


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("place", ["append", "effect"])
def test_killed_once_anywhere_the_team_ends_the_same(
    driver: CrashDriver, undisturbed: RunEnd, tmp_path: Path, place: Any, when: Any
):
    """No place exists at which a kill loses mail, doubles a charge or bricks a conversation."""
    start = 1 + (place == "effect") + (when == "after")
    numbers = range(1 if FULL else start, undisturbed.counted[place] + 1, EVERY)
    kills = 0
    for number in numbers:
        folder = tmp_path / f"{number}"
        kills += run(driver, folder, CrashPoint(place, number, when)).was_killed
        finished = run(driver, folder)

        assert finished.exit_code == 0, f"{place}:{number}:{when} {finished.error}"
        check(folder, finished.result, undisturbed.result)

    assert kills >= len(numbers) - 2  # the last places are not reached in every interleaving


@pytest.mark.parametrize("stride", [2, 5])
def test_killed_again_and_again_the_team_ends_the_same(
    driver: CrashDriver, undisturbed: RunEnd, tmp_path: Path, stride: int
):
    """A machine that restarts all day still gets the work done, and not twice."""
    for start in range(1, 4):
        folder = tmp_path / f"{start}"
        ends = []
        for life in range(60):
            number = 2 + start + (life * stride) % 7
            ends.append(run(driver, folder, CrashPoint("append", number, "after")))
            if not ends[-1].was_killed:
                break

        assert len(ends) > 3
        assert ends[-1].exit_code == 0, ends[-1].error
        check(folder, ends[-1].result, undisturbed.result)

"""The demo team, killed at every append and around every effect, ends with the same report.

The short version tries every twelfth place; `make crash` tries all of them (about 430).
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mentra_actors.testing.crash_driver import CrashDriver, RunEnd, crash_driver
from mentra_actors.testing.crash_points import CrashPoint

TARGET = "mentra_actors.testing.crash_demo:run_crash_demo"
FULL = os.environ.get("MENTRA_CRASH_CAMPAIGN") == "full"
EVERY = 1 if FULL else 12

pytestmark = [pytest.mark.crash, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def driver() -> Iterator[CrashDriver]:
    with crash_driver() as running:
        yield running


@pytest.fixture(scope="module")
def surveyed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("surveyed")
    (folder / "part").mkdir()
    for number in range(6):
        (folder / f"{number}.py").write_text("# TODO: later\n" * number)
        (folder / "part" / f"{number}.md").write_text("see https://example.org\n" * number)
    return folder


@pytest.fixture(scope="module")
def undisturbed(
    driver: CrashDriver, surveyed: Path, tmp_path_factory: pytest.TempPathFactory
) -> RunEnd:
    end = run(driver, tmp_path_factory.mktemp("undisturbed"), surveyed)
    assert end.exit_code == 0, end.error
    return end


def run(
    driver: CrashDriver, folder: Path, surveyed: Path, point: CrashPoint | None = None
) -> RunEnd:
    folder.mkdir(parents=True, exist_ok=True)
    return driver.run(TARGET, {"folder": str(folder), "surveyed": str(surveyed)}, point)


def check(result: dict[str, Any], undisturbed: dict[str, Any]) -> None:
    """What must hold after any kill."""
    assert result["finished"]
    assert result["failures"] == {}
    assert result["report"] == undisturbed["report"]
    assert result["tasks"] == undisturbed["tasks"]
    assert result["repeated_mail"] == []
    assert result["gap_free"]
    assert result["prompt_faults"] == []
    # The notice is `retry="never"`: posted once, or its outcome is unknown and it is not repeated.
    assert result["notices"] <= 1
    assert result["notices"] + result["unknown_outcomes"] >= 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("place", ["append", "effect"])
def test_killed_anywhere_the_demo_ends_with_the_same_board_and_report(
    driver: CrashDriver, undisturbed: RunEnd, surveyed: Path, tmp_path: Path, place: Any, when: Any
):
    """What we promise on the screen holds wherever the process dies."""
    start = 1 if FULL else 1 + 3 * (place == "effect") + 6 * (when == "after")
    numbers = range(start, undisturbed.counted[place] + 1, EVERY)
    kills = 0
    for number in numbers:
        folder = tmp_path / f"{number}"
        kills += run(driver, folder, surveyed, CrashPoint(place, number, when)).was_killed
        finished = run(driver, folder, surveyed)

        assert finished.exit_code == 0, f"{place}:{number}:{when} {finished.error}"
        check(finished.result, undisturbed.result)

    assert kills >= len(numbers) * 0.85  # the last places are not reached in every interleaving


def test_the_notice_is_never_posted_twice(
    driver: CrashDriver, undisturbed: RunEnd, surveyed: Path, tmp_path: Path
):
    """A tool that must not run twice is killed before, in and after its one run."""
    last = undisturbed.counted["effect"]
    for number in range(last - (12 if FULL else 6), last + 1):
        for when in ("before", "after"):
            folder = tmp_path / f"{number}-{when}"
            run(driver, folder, surveyed, CrashPoint("effect", number, when))
            finished = run(driver, folder, surveyed)

            assert finished.exit_code == 0, f"effect:{number}:{when} {finished.error}"
            check(finished.result, undisturbed.result)

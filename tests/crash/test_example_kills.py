"""The example teams are killed with SIGKILL, and started again they finish in the same way.

Here a few places of each; all of them with MENTRA_CRASH_CAMPAIGN=full.
"""

import os
from pathlib import Path

import pytest

from mentra_actors.testing.crash_driver import crash_driver
from mentra_actors.testing.crash_points import CrashPoint

ROOT = Path(__file__).parents[2]
TARGET = "example_lives:run_example"
FULL = os.environ.get("MENTRA_CRASH_CAMPAIGN") == "full"
TEAMS = ("code_review_team", "research_team", "build_and_fix_team")
PROGRAMS = ("chat", "custom_tool", "subagent_tool", "team_collaboration", "cli_runtime")
PATTERNS = ("agent_as_tool", "handoff", "supervisor", "round_robin", "fan_out", "debate")

pytestmark = [pytest.mark.crash, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def driver():
    places = (Path(__file__).parent, ROOT / "examples", ROOT / "examples" / "patterns", ROOT)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", os.pathsep.join(map(str, places)))
        with crash_driver() as running:
            yield running


def places_to_die(name, counted):
    """All places of the full campaign, or one or two."""
    if FULL:
        return [
            CrashPoint(place, number, when)
            for place, last in counted.items()
            for number in range(1, last + 1)
            for when in ("before", "after")
        ]
    if name in (*PROGRAMS, *PATTERNS):
        return [CrashPoint("effect", round(counted["effect"] / 2), "after")]
    early = CrashPoint("append", round(counted["append"] * 0.3), "after")
    late = CrashPoint("effect", round(counted["effect"] * 0.7), "before")
    return [early, late]


@pytest.mark.parametrize("name", [*TEAMS, *PROGRAMS, *PATTERNS])
def test_a_killed_example_goes_on_to_the_same_end(driver, tmp_path, name):
    """They promise it in their first lines."""

    def run(folder, point=None):
        (tmp_path / folder).mkdir(exist_ok=True)
        return driver.run(TARGET, {"name": name, "folder": str(tmp_path / folder)}, point)

    undisturbed = run("undisturbed")
    assert undisturbed.exit_code == 0, undisturbed.error
    kills = 0
    points = places_to_die(name, undisturbed.counted)
    for point in points:
        folder = str(point).replace(":", "-")
        kills += run(folder, point).was_killed
        finished = run(folder)

        assert finished.exit_code == 0, f"{point} {finished.error}"
        assert finished.result["answer"] == undisturbed.result["answer"], point
        assert finished.result["files"] == undisturbed.result["files"], point
        assert finished.result["failures"] == [], point
        assert finished.result["gap_free"], point
        assert finished.result["prompt_faults"] == [], point
        assert finished.result["letters"] == finished.result["different_letters"], point

    assert kills >= len(points) * 0.6  # late places are not reached in every interleaving

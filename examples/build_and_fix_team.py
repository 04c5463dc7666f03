"""A team that makes tests green: one runs them in the background, one fixes what they show.

The builder starts the tests with `background_run` and does nothing until a letter says how they
ended. Failures go to the fixer by mail; it edits the files and writes back; the tests run again.
A job that runs while this process is killed goes on, and its end is found by the next one.

    python examples/build_and_fix_team.py [--model openai:gpt-5.4-mini] [--store PATH]
"""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from patterns.stage import Scene, chosen, stage

import mentra_actors as mentra

PROJECT = {
    "stats.py": """\
def mean(values):
    return sum(values) / (len(values) - 1)


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle] + ordered[middle + 1]) / 2
""",
    "test_stats.py": """\
import unittest

import stats


class Stats(unittest.TestCase):
    def test_mean(self):
        self.assertEqual(stats.mean([1, 2, 3]), 2)

    def test_median(self):
        self.assertEqual(stats.median([4, 1, 3, 2]), 2.5)
""",
}
TESTS = "python3 -B -m unittest --failfast --buffer test_stats"
SYSTEM = "This is a team that makes the tests of a small project green."
FIX = "You fix stats.py when lead sends you a failure: read, edit, tell lead with team_send."
TASK = (
    f"You are the lead. Spawn the teammate `fixer` with the prompt: {FIX}\nThen start the tests "
    f"with background_run: {TESTS}\nDo not wait: a letter tells you how they ended. Send failures "
    "to fixer; when it has answered, start them again. Stop when they are green."
)
FIXES = {
    "test_mean": ("(len(values) - 1)", "len(values)"),
    "test_median": (
        "ordered[middle] + ordered[middle + 1]",
        "ordered[middle - 1] + ordered[middle]",
    ),
}


def play(scene: Scene) -> Any:
    """The script of the builder, who leads, and of the fixer."""
    return _lead(scene) if scene.who == "lead" else _fixer(scene)


def _lead(scene: Scene) -> Any:
    runs = len(scene.of("background_run"))
    run_tests = mentra.call("background_run", command=TESTS)
    if not runs:
        spawn = mentra.call("team_spawn", name="fixer", role="fixer", prompt=FIX)
        return [mentra.say("I run the tests, and ask a fixer to stand by."), spawn, run_tests]
    ends = re.findall(r"\[bg:\S+\] status=(\w+) .*", scene.words)
    if len(ends) < runs:
        return "The tests run."
    if ends[-1] == "finished":
        return f"Green, after {ends.count('failed')} fixes."
    failures = re.findall(r"\[bg:\S+\] status=failed .*?FAIL: (test_\w+)", scene.words)
    fixed = scene.from_("fixer")
    if len(scene.of("team_send")) < len(failures):
        return mentra.call("team_send", to="fixer", content=f"{failures[-1]} fails.")
    if len(fixed) < len(failures):
        return "I wait for the fixer."
    return [mentra.say("Once more."), run_tests]


def _fixer(scene: Scene) -> Any:
    failures = re.findall(r"(test_\w+) fails", scene.words)
    told = len(scene.of("team_send"))
    if told == len(failures):
        return "I stand by."
    done = mentra.call("team_send", to="lead", content=f"I have fixed {failures[told]}.")
    last = scene.steps[-1] if scene.steps else None
    if last is None or last.is_error or last.tool == "team_send":
        return mentra.call("read", path="stats.py")
    old, new = FIXES[failures[told]]
    if last.tool == "read" and old in last.result:
        return mentra.call("edit", path="stats.py", edits=[{"old_string": old, "new_string": new}])
    return done


def main(arguments: Sequence[str] | None = None, **options: Any) -> str:
    """Make the tests green, or go on with it; what the lead says at the end."""
    choice = chosen(__doc__, arguments)
    _write_project(choice.folder)
    bounded = mentra.RuntimePolicy.workspace_bounded(choice.folder)
    policy = dataclasses.replace(bounded, allow_shell=True, allow_background=True)
    with stage(choice, play, policy=policy, file_profile="split", **options) as runtime:
        lead = runtime.spawn(
            "lead", model=choice.model, system=SYSTEM, wake_on_background=True, reuse=True
        )
        lead.send(TASK, prompt_id="build")
        runtime.until_idle(with_jobs=True)
        print(f"\n{lead.last_answer()} The project is in {choice.folder}")
        return lead.last_answer()


def _write_project(folder: Path) -> None:
    """The files that are missing; those that the team has changed stay."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in PROJECT.items():
        if not (folder / name).exists():
            (folder / name).write_text(text)


if __name__ == "__main__":
    main()

"""A team reviews a change: three reviewers at once, tasks on the board, one report.

The lead puts a task per point of view on the board and spawns a reviewer for each. They complete
their tasks with what they have found, and tell the lead, who writes `review.md` and puts what is
to be fixed on the board, the bugs first.

    python examples/code_review_team.py [--model openai:gpt-5.4-mini] [--store PATH]
"""

import re
from collections.abc import Sequence
from typing import Any

from patterns.stage import Scene, chosen, stage

import mentra_actors as mentra

DIFF = """\
--- a/stats.py
+++ b/stats.py
@@ -1,2 +1,9 @@
 from collections.abc import Sequence
+
+def mean(l: Sequence[float]) -> float:
+    return sum(l) / len(l)
+
+def head(l: Sequence[float], count: int) -> Sequence[float]:
+    return l[0:count + 1]
+
"""
AREAS = ("bugs", "style", "tests")
SYSTEM = "This is a team that reviews `change.diff`. Be brief and name lines."
REVIEW = (
    "You review only {area}. Read change.diff. Find your task with task_list (subject `review "
    "{area}`) and complete it with task_update; its result is one finding per line, `LINE: "
    "what is wrong`. Then tell the lead with team_send that you are done."
)
TASK = (
    "You are the lead. For each of "
    + ", ".join(AREAS)
    + ": task_create with the subject `review AREA` and the owner AREA, and team_spawn AREA with "
    f"the role `reviewer` and the prompt: {REVIEW.format(area='AREA')}\nLetters wake you. When "
    "all tasks are completed, read the results with task_list, write review.md with a section "
    "per area, and task_create `fix LINE: …` per finding, bugs with priority 2, else 1."
)
CHECKS = {
    "bugs": ((r"/ len\(", "divides by zero if there is nothing"), (r"\+ 1\]", "is one too many")),
    "style": ((r"\bdef \w+\(l:", "`l` looks like 1; say `values`"),),
    "tests": ((r"\+def (?!test)", "has no test"),),
}


def play(scene: Scene) -> Any:
    """The script of the lead and of the three reviewers."""
    return _lead(scene) if scene.who == "lead" else _reviewer(scene)


def _reviewer(scene: Scene) -> Any:
    diff, board = scene.of("read", path="change.diff"), scene.of("task_list")
    if not diff or not board:
        return [mentra.call("read", path="change.diff"), mentra.call("task_list")]
    found = [
        f"{number}: {wrong}"
        for pattern, wrong in CHECKS[scene.who]
        for number, line in re.findall(r"^(L\d+): (.*)", diff[-1].result, re.MULTILINE)
        if re.search(pattern, line)
    ]
    if not scene.of("task_update"):
        tasks = board[-1].value["tasks"]
        mine = next(task["id"] for task in tasks if task["subject"] == f"review {scene.who}")
        result = "\n".join(found)
        return mentra.call("task_update", taskId=mine, status="completed", result=result)
    if not scene.of("team_send"):
        return mentra.call("team_send", to="lead", content=f"Done, {len(found)} findings.")
    return "Done."


def _lead(scene: Scene) -> Any:
    if not scene.of("team_spawn"):
        return [
            mentra.say("Three reviewers, one task each."),
            *(mentra.call("task_create", subject=f"review {a}", owner=a) for a in AREAS),
            *(
                mentra.call("team_spawn", name=a, role="reviewer", prompt=REVIEW.format(area=a))
                for a in AREAS
            ),
        ]
    if not all(map(scene.from_, AREAS)):
        return "I wait for the reviewers."
    if not scene.of("task_list"):
        return mentra.call("task_list")
    tasks = scene.of("task_list")[-1].value["tasks"]
    found = {task["owner"]: task["result"].splitlines() for task in tasks if task["result"]}
    if not scene.of("write", path="review.md"):
        sections = [f"## {area}\n\n" + "\n".join(f"- {x}" for x in found[area]) for area in AREAS]
        report = "# Review of change.diff\n\n" + "\n\n".join(sections) + "\n"
        return mentra.call("write", path="review.md", content=report)
    fixes = [
        mentra.call("task_create", subject=f"fix {one}", priority=2 if area == "bugs" else 1)
        for area in AREAS
        for one in found[area]
    ]
    if len(scene.of("task_create")) == len(AREAS):
        return fixes
    return f"{len(fixes)} findings are in review.md, and on the board."


def main(arguments: Sequence[str] | None = None, **options: Any) -> str:
    """Review the change, or go on with it; the report."""
    choice = chosen(__doc__, arguments)
    choice.folder.mkdir(parents=True, exist_ok=True)
    (choice.folder / "change.diff").write_text(DIFF)
    policy = mentra.RuntimePolicy.workspace_bounded(choice.folder)
    with stage(choice, play, policy=policy, file_profile="split", **options) as runtime:
        lead = runtime.spawn("lead", model=choice.model, system=SYSTEM, reuse=True)
        lead.send(TASK, prompt_id="review")
        runtime.until_idle()
        print(f"\n{lead.last_answer()}\n{choice.folder / 'review.md'}:\n")
    report = (choice.folder / "review.md").read_text()
    print(report)
    return report


if __name__ == "__main__":
    main()

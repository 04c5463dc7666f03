"""Fan-out with join: parts of a work go to whoever is free, and one task waits for all of them.

The join is a task that is blocked by the others: it becomes ready when the last one is completed,
and then whoever asks for work gets it. The board is on the log: no part is done twice or lost.

    python examples/patterns/fan_out.py [--model openai:gpt-5.4-mini] [--store PATH]
"""

from collections.abc import Sequence
from typing import Any

from stage import Scene, chosen, stage

import mentra_actors as mentra

TEXTS = {"rain": "drip drop drip", "wind": "whoo whoo", "sea": "hush hush hush hush"}
WORKERS = ("ann", "bob")
SYSTEM = "This is a team that counts words."
WORK = (
    "Claim a ready task with task_claim without an id, do it, and complete it with task_update "
    "and its result. `count`: the number of words. `add`: the sum of the results on the board "
    "(task_list). Then claim the next one. Stop when there is none."
)
TASK = (
    f"You are the lead. Texts: {TEXTS}. Create a task per text with task_create: its subject is "
    "`count NAME`, its description the text. Then one with the subject `add`, blockedBy all of "
    f"them. Then spawn {' and '.join(WORKERS)} with team_spawn and the prompt: {WORK}"
)


def play(scene: Scene) -> Any:
    """The script of the lead and of its workers."""
    if scene.who == "lead":
        return _fan_out(scene)
    claimed, done = scene.of("task_claim"), scene.of("task_update")
    if len(done) == len(claimed):
        is_over = bool(scene.steps) and scene.steps[-1].is_error
        return "Nothing is left for me." if is_over else mentra.call("task_claim")
    task = claimed[-1].value
    if task["subject"] != "add":
        result = str(len(task["description"].split()))
    elif scene.steps[-1].tool != "task_list":
        return mentra.call("task_list")
    else:
        tasks = scene.steps[-1].value["tasks"]
        result = str(sum(int(one["result"]) for one in tasks if one["id"] != task["id"]))
    return mentra.call("task_update", taskId=task["id"], status="completed", result=result)


def _fan_out(scene: Scene) -> Any:
    parts = scene.of("task_create")
    if not parts:
        return [
            mentra.call("task_create", subject=f"count {name}", description=text)
            for name, text in TEXTS.items()
        ]
    if not scene.of("team_spawn"):
        blockers = [step.value["id"] for step in parts]
        spawned = [
            mentra.call("team_spawn", name=name, role="counter", prompt=WORK) for name in WORKERS
        ]
        return [mentra.call("task_create", subject="add", blockedBy=blockers), *spawned]
    return "It is on the board."


def main(arguments: Sequence[str] | None = None, **options: Any) -> str:
    """Have the words counted, or go on with it; the sum."""
    choice = chosen(__doc__, arguments)
    with stage(choice, play, **options) as runtime:
        lead = runtime.spawn("lead", model=choice.model, system=SYSTEM, reuse=True)
        lead.send(TASK, prompt_id="task")
        runtime.until_idle()
        tasks = runtime.board().tasks.values()
        total = next((task.result for task in tasks if task.subject == "add"), "")
        print(f"\n{total} words in {len(TEXTS)} texts.")
        return total


if __name__ == "__main__":
    main()

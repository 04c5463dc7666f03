"""A lead, two teammates and a person plan a street party, over mail and over the task board.

What to look at:

- nobody waits for anybody: letters wake agents, and `until_idle` is the end of all of it;
- cook and band settle between themselves by mail what the lead need not know;
- ann is a person. She has a seat (`take_seat`): letters reach her, a task is hers, and no model
  is ever asked in her name. She works on the board as the agents do, by `ann.board`;
- `lead.mail(…, mail_id=…)` tells the lead what a person did; it is written once, however often
  this program is killed and started again.

Ann answers here, on the terminal. Without a terminal a script plays her.

    python examples/team_collaboration.py [--model openai:gpt-5.4-mini] [--store PATH]
    mentra members --store PATH; mentra board --store PATH; mentra inbox ann --all --store PATH
"""

import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from patterns.stage import Scene, chosen, stage

import mentra_actors as mentra

SYSTEM = "This is a team that plans a street party for forty guests. Be brief."
WORK = (
    "Find your task with task_list (its owner is you). {how} Complete it with task_update, with "
    "a result of one line, and tell lead with team_send that you are done."
)
DUTIES = {
    "band": WORK.format(how="Tell whoever asks how many you are: four."),
    "cook": WORK.format(how="Ask band with team_send how many of them eat; a letter answers."),
}
TASK = (
    "You are the lead. Make three tasks with task_create: `music` with the owner band, `food` "
    "with the owner cook, `permit` with the owner ann, who is a person. Spawn band, then cook, "
    f"with team_spawn, their names as roles, and these prompts: {DUTIES}\nAsk ann for the permit "
    "with team_send. Letters wake you. When all three tasks are completed, read the results with "
    "task_list, and answer with the programme: each task and its result."
)


def play(scene: Scene) -> Any:
    """The script of the lead, of the band and of the cook."""
    return {"lead": _lead, "band": _band, "cook": _cook}[scene.who](scene)


def _lead(scene: Scene) -> Any:
    if not scene.steps:
        owners = {"music": "band", "food": "cook", "permit": "ann"}
        ask = "Please get us the permit for the street. The task is on the board."
        return [
            mentra.say("Music, food, and a permit."),
            *(mentra.call("task_create", subject=one, owner=who) for one, who in owners.items()),
            *(
                mentra.call("team_spawn", name=name, role=name, prompt=prompt)
                for name, prompt in DUTIES.items()
            ),
            mentra.call("team_send", to="ann", content=ask),
        ]
    is_permitted = any("ann has completed" in letter["content"] for letter in scene.letters)
    if not (scene.from_("band") and scene.from_("cook") and is_permitted):
        return "I wait."
    if not scene.of("task_list"):
        return mentra.call("task_list")
    results = [f"{one['subject']}: {one['result']}" for one in scene.steps[-1].value["tasks"]]
    return f"The programme. {' '.join(results)}"


def _band(scene: Scene) -> Any:
    if not scene.of("task_list"):
        return mentra.call("task_list")
    if not scene.of("task_update"):
        return [_completed(scene, "Accordion, fiddle and two drums."), _told("Music is done.")]
    if scene.from_("cook") and not scene.of("team_send", to="cook"):
        return mentra.call("team_send", to="cook", content="We are four.")
    return "We tune."


def _cook(scene: Scene) -> Any:
    if not scene.steps:
        ask = mentra.call("team_send", to="band", content="How many of you eat?")
        return [mentra.call("task_list"), ask]
    if scene.from_("band") and not scene.of("task_update"):
        return [_completed(scene, "Soup for forty guests and a band of four."), _told("Done.")]
    return "I cook."


def _completed(scene: Scene, result: str) -> Any:
    tasks = scene.of("task_list")[-1].value["tasks"]
    mine = next(one["id"] for one in tasks if one["owner"] == scene.who)
    return mentra.call("task_update", taskId=mine, status="completed", result=result)


def _told(words: str) -> Any:
    return mentra.call("team_send", to="lead", content=words)


def ask_person(task: str) -> str:
    """What came of a task of ann's: from the terminal, or out of a script."""
    if not sys.stdin.isatty():
        return "The street is ours from noon to ten."
    return input(f"  ann, what came of your task, {task}? ").strip() or "It is done."


def work_as_ann(ann: mentra.SyncAgent, lead: mentra.SyncAgent) -> bool:
    """Read her letters and do what is hers on the board; False if nothing was."""
    for letter in ann.read_mail():
        print(textwrap.fill(f"\n  A letter for ann, from {letter.sender}: {letter.body}", 80))
    hers = [one for one in ann.board.list() if one.owner == "ann"]
    for task in hers:
        if task.status != "completed":
            ann.board.update(task.task_id, status="completed", result=ask_person(task.subject))
        told = f"ann has completed task {task.task_id}, {task.subject}."
        lead.mail(told, mail_id=f"ann-{task.task_id}")
    return any(task.status != "completed" for task in hers)


def main(arguments: Sequence[str] | None = None, **options: Any) -> str:
    """Plan the party, or go on with it; the programme."""
    choice = chosen(__doc__, arguments)
    with stage(choice, play, **options) as runtime:
        ann = runtime.members.take_seat("ann", role="neighbour")
        lead = runtime.spawn("lead", model=choice.model, system=SYSTEM, reuse=True)
        lead.send(TASK, prompt_id="party")
        runtime.until_idle()
        while work_as_ann(ann, lead):
            runtime.until_idle()
        runtime.until_idle()
        print(f"\n{textwrap.fill(lead.last_answer(), 80)}")
        return lead.last_answer()


if __name__ == "__main__":
    main()

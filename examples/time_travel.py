"""A team that goes wrong, and the way back: since when, why, how it was, what if, never again.

A bakery lets a team read its letters: a clerk for each customer, and a lead who adds up. One scan
is bad: 15 loaves come out as 75. The tour finds where that began, walks back to the letter, makes
a branch in which the scan was right, tries a prompt that would have saved the day, and leaves a
test behind. Each step says the command that does the same in a shell.

    python examples/time_travel.py [--model openai:gpt-5.4-mini] [--store PATH]
"""

import re
import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

from patterns.stage import Choice, Scene, chosen, stage

import mentra_actors as mentra
from mentra_actors import events
from mentra_actors.ids import name_of
from mentra_actors.testing.recordings import replay_recording
from projections import KeyedProjection
from projections.views.transcript_item import ToolResult

LETTERS = {
    "mill": ("40 loaves for the mill. (97 % sure)", "40 loaves for the mill. (99 % sure)"),
    "school": ("75 loaves for the school. (41 % sure)", "15 loaves for the school. (99 % sure)"),
}
OVEN = 60
SYSTEM = "This is the team of a bakery; it reads letters with orders. Be brief."
CAREFUL = "Scan again, slowly, if a scan is less than 90 % sure."
WORK = (
    "Scan the letter `{name}`. Complete task {task} with task_update; its result is the number of "
    "loaves, nothing else. Then tell the lead with team_send."
)
TASK = (
    f"You are the lead. There are letters of {' and '.join(LETTERS)}. First task_create for each, "
    "with the subject `order of NAME` and the owner NAME. Then team_spawn NAME for each, with the "
    f"role `clerk` and the prompt: {WORK.format(name='NAME', task='ID')} Letters wake you. When "
    "both have written, look at task_list and answer `Bake N loaves: A for …, B for ….`"
)


@mentra.tool(retry="safe")
def scan(letter: str, *, slowly: bool = False) -> str:
    """Read a letter by machine. It says how sure it is; slowly it is surer."""
    return LETTERS[letter][slowly]


class Loaves(KeyedProjection[int], handles=[events.TaskEdited], by="one"):
    """Loaves that are promised on the board."""

    def apply(self, view: int, key: str, recorded: events.RecordedEvent[Any]) -> int:  # noqa: ARG002
        """One more result counts."""
        return view + loaves_in(recorded.event.result or "")


def loaves_in(text: str) -> int:
    """The first number of a text; 0 if there is none."""
    return int(next(iter(re.findall(r"\d+", text)), 0))


def main(arguments: Sequence[str] | None = None, **options: Any) -> str:
    """Have it counted, and look back; what the lead says in the end, where the scan was right."""
    choice = chosen(__doc__, arguments)
    with stage(choice, play, tools=[scan], **options) as runtime:
        lead = runtime.spawn("lead", model=choice.model, system=SYSTEM, reuse=True)
        lead.send(TASK, prompt_id="orders")
        runtime.until_idle()
        history, answer = runtime.history, lead.last_answer()
        if (history.at().view(Loaves(), "") or 0) <= OVEN:
            print(f"\n{answer}\nNothing went wrong with {choice.model}: no past to look for.")
            return answer
        print(f"\nThe oven holds {OVEN}, and the school never eats so much. What went wrong?")
        print(f"To look around yourself:\n  export MENTRA_STORE={choice.store.absolute()}")
        slip = slip_in(history)
        look_before(history, slip)
        branch = forked(history, slip, choice)
        with stage(branch, play, tools=[scan], **options) as other:  # who was cut off resumes
            other.until_idle()
            compare_ends(history, other.history)
            try_prompt(history, slip)
            record(other.history, slip, choice)
            return other.agent("lead").last_answer()


# --- the way back ----------------------------------------------------------------------------


class Slip(NamedTuple):
    """Where it began: at which event, whose call, and what came of it in the end."""

    position: int
    end: int
    agent: str
    key: str


def slip_in(history: mentra.History) -> Slip:
    """The event that was wrong first: since when is it too much, and of what did that come?"""
    turn = history.bisect(lambda total: total > OVEN, view=Loaves(), key="")
    step("Since when?", "bisect --view time_travel:Loaves --where 'values(@)[0] > `60`'")
    print(f"Since position {turn.position}: {turn.before} loaves, then {turn.after}.")

    chain = history.why(turn.position).steps
    step("Why?", f"why {turn.position}")
    for line in reversed(chain):
        if not re.search(r"round|planned|shown|started", line.sentence):
            where = f"{line.global_position:>4}  {name_of(line.stream_id):7} "
            print(where + textwrap.shorten(line.sentence, 80 - len(where), placeholder=" …"))
    wrong = str(turn.after - turn.before)
    first = [line for line in chain if wrong in line.sentence][-1]
    print(f"Nobody spoke of {wrong} before position {first.global_position}.")

    agent = name_of(first.stream_id)
    said = history.at(first.global_position).agent(agent).transcript()
    key = next(one.content.key for one in reversed(said) if isinstance(one.content, ToolResult))
    return Slip(first.global_position, turn.position, agent, key)


def look_before(history: mentra.History, slip: Slip) -> None:
    """How it was just before, and what has changed until it was too late."""
    before = history.at(slip.position - 1)
    clerk = before.agent(slip.agent)
    step("How was it before?", f"at {before.position} {slip.agent}")
    print(f"{clerk.name} was {clerk.snapshot.status}; open: {', '.join(clerk.pending)}.")

    step("What has changed since?", f"diff {before.position} {slip.end}")
    for changed in history.diff(before, slip.end).board.changed:
        for field in changed.fields:
            print(f"{changed.task.subject}: {field.name} is {field.after}")


# --- another way -----------------------------------------------------------------------------


def forked(history: mentra.History, slip: Slip, choice: Choice) -> Choice:
    """A branch in which the scan was right; it is made once, and then gone on with."""
    right = LETTERS[slip.agent][1]
    step(
        "What if the scan had been right?",
        f"fork {slip.position} right-scan --agent {slip.agent} \\",
        f"    --edit 'result:{slip.key}={right}'",
    )
    if "right-scan" not in [one.name for one in history.branches()]:
        edit = mentra.Edit.result(slip.agent, slip.key, right)
        history.fork("right-scan", at=slip.position, edits=[edit], by="baker")
    return choice._replace(store=choice.store / "branches" / "right-scan")


def compare_ends(history: mentra.History, other: mentra.History) -> None:
    """What is another at the end of the branch."""
    step("Is it right there?", "diff now --with $MENTRA_STORE/branches/right-scan")
    for changed in history.diff(history.at(), other.at()).board.changed:
        for field in changed.fields:
            print(f"{changed.task.subject}: {field.name} {field.before} → {field.after}")


def try_prompt(history: mentra.History, slip: Slip) -> None:
    """Would another prompt have saved it? Only the clerk is run again, from its next answer on."""
    clerk = history.at(slip.position).agent(slip.agent)
    asked = len(clerk.calls().calls) + 1
    step(
        "Would a careful clerk have seen it?",
        f"replay {slip.agent} --from {asked} --model openai:gpt-5.4-mini --system …",
    )
    again = history.replay(
        slip.agent,
        live_from=asked,
        system=f"{clerk.profile.system} {CAREFUL}",
        providers=[mentra.ScriptedModel(lambda request: play(Scene(request)))],
        tools=[scan],
        unrecorded="live",  # a slow scan was never made
    )
    print(f"“{again.before.answer}” would have been “{again.answer}”")


def record(branch: mentra.History, slip: Slip, choice: Choice) -> None:
    """Keep the run of the clerk in the branch as a test."""
    file = choice.folder / f"{slip.agent}.jsonl"
    step(
        "Never again",
        f"record {slip.agent} {slip.agent}.jsonl --branch right-scan",
        f"  pytest test_{slip.agent}.py",
    )
    if not file.exists():
        choice.folder.mkdir(parents=True, exist_ok=True)
        branch.record(slip.agent, file)
    print(f"{replay_recording(file).appends} appends are decided as they were.")


def step(question: str, command: str, *more: str) -> None:
    """A head of the tour, and how to ask the same in a shell."""
    print("\n".join([f"\n== {question}", f"  mentra {command}", *more]))


# --- the script that plays the model ---------------------------------------------------------


def play(scene: Scene) -> Any:
    """The script of the lead and of both clerks."""
    return _lead(scene) if scene.who == "lead" else _clerk(scene)


def _clerk(scene: Scene) -> Any:
    scans = scene.of("scan")
    if not scans:
        return mentra.call("scan", letter=scene.who)
    if "slowly" in scene.system and "99 %" not in scans[-1].result:
        return mentra.call("scan", letter=scene.who, slowly=True)
    loaves = str(loaves_in(scans[-1].result))
    if not scene.of("task_update"):
        (task,) = re.findall(r"Complete task (\d+)", scene.words)
        return mentra.call("task_update", taskId=int(task), status="completed", result=loaves)
    if not scene.of("team_send"):
        return mentra.call("team_send", to="lead", content=f"{loaves} for the {scene.who}.")
    return f"{loaves} loaves."


def _lead(scene: Scene) -> Any:
    tasks = {one.arguments["owner"]: one.value["id"] for one in scene.of("task_create")}
    if not tasks:
        return [mentra.call("task_create", subject=f"order of {a}", owner=a) for a in LETTERS]
    if not scene.of("team_spawn"):
        prompts = {name: WORK.format(name=name, task=task) for name, task in tasks.items()}
        return [
            mentra.say("A clerk for each letter."),
            *(
                mentra.call("team_spawn", name=name, role="clerk", prompt=prompt)
                for name, prompt in prompts.items()
            ),
        ]
    if not all(map(scene.from_, LETTERS)):
        return "I wait for the clerks."
    if not scene.of("task_list"):
        return mentra.call("task_list")
    done = scene.of("task_list")[-1].value["tasks"]
    orders = {task["owner"]: loaves_in(task["result"]) for task in done}
    parts = ", ".join(f"{count} for the {name}" for name, count in orders.items())
    return f"Bake {sum(orders.values())} loaves: {parts}."


if __name__ == "__main__":
    main()

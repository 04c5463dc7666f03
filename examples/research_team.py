"""A team with a person in it: nothing is looked up or told before ann has approved it.

The lead makes a plan and asks ann (`team_request`). What she says with her approval counts: the
lead spawns a researcher per question, writes `report.md` of their letters, and asks her again.
Ann answers here, on the terminal; or from any other one, while the team works or rests:

    python examples/research_team.py [--model openai:gpt-5.4-mini] [--store PATH]
    mentra inbox ann --store PATH
    mentra respond REQUEST --as ann --reason "Ask for the cost, too." --store PATH

Without a terminal a script plays ann.
"""

import contextlib
import select
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from patterns.stage import Scene, chosen, stage

import mentra_actors as mentra

NOTES = {
    "range": "Old lamps: 12 miles. LED lamps: 10 miles, and seen in fog just as far.",
    "upkeep": "Old lamps: a visit a month. LED lamps: one a year.",
    "cost": "An LED lamp costs as much as two years of visits.",
}
SYSTEM = "This is a team that does research in the notes of an archive, `notes/TOPIC.txt`."
RESEARCH = "Read notes/{topic}.txt and tell the lead with team_send what it says. Nothing else."
TASK = (
    "You are the lead. Should our lighthouse get an LED lamp? Topics in the archive: "
    f"{', '.join(NOTES)}. First make a plan of one or two topics and ask ann with team_request, "
    "protocol plan_approval. If she approves, spawn one teammate per topic, named like it, with "
    f"the role `researcher` and the prompt: {RESEARCH.format(topic='TOPIC')} "
    "What she says counts. Letters wake you. When all have written, write report.md and ask ann "
    "about it in the same way. Change it until she approves, then say that it is out."
)


class Answer(NamedTuple):
    """What ann says about a request."""

    approve: bool
    reason: str


def play(scene: Scene) -> Any:
    """The script of the lead and of its researchers."""
    if scene.who == "lead":
        return _lead(scene)
    notes = scene.of("read")
    if not notes:
        return mentra.call("read", path=f"notes/{scene.who}.txt")
    if not scene.of("team_send"):
        text = notes[-1].result.removeprefix("L1: ").strip()
        return mentra.call("team_send", to="lead", content=text)
    return "Told."


def _lead(scene: Scene) -> Any:
    answers = [one for one in scene.letters if one["type"] == "response"]
    if len(answers) < len(scene.of("team_request")):
        return "I wait for ann."
    if not answers:
        return _asked("Plan: range and upkeep of both lamps, a researcher for each.")
    if not answers[0]["approve"]:
        return "Then we leave it."
    topics = ["range", "upkeep", *(["cost"] if "cost" in answers[0]["content"] else [])]
    if not scene.of("team_spawn"):
        return [
            mentra.call(
                "team_spawn", name=topic, role="researcher", prompt=RESEARCH.format(topic=topic)
            )
            for topic in topics
        ]
    if not all(map(scene.from_, topics)):
        return "I wait for the researchers."
    found = "\n".join(f"- {topic}: {scene.from_(topic)[-1]}" for topic in topics)
    if not scene.of("write", path="report.md"):
        return mentra.call("write", path="report.md", content=f"# LED lamps\n\n{found}\n")
    if len(answers) == 1:
        return _asked(f"May report.md go out?\n{found}")
    return "The report is out." if answers[-1]["approve"] else "The report stays here."


def _asked(question: str) -> Any:
    return mentra.call("team_request", to="ann", protocol="plan_approval", content=question)


def ask_person(question: str, is_open: Callable[[], bool]) -> Answer | None:
    """Ann's answer: from the terminal, or out of a script; None if she gave it elsewhere."""
    print(f"\n  ann, you are asked:\n{question}\n")
    if not sys.stdin.isatty():
        return Answer(approve=True, reason="Ask for the cost, too." if "Plan" in question else "")
    print("  Approve? [y/n] ", end="", flush=True)
    while not select.select([sys.stdin], [], [], 0.5)[0]:
        if not is_open():
            print("(answered from another terminal)")
            return None
    says = input().strip().lower().startswith("y")
    return Answer(approve=says, reason=input("  What do you say to it? "))


def main(arguments: Sequence[str] | None = None, **options: Any) -> str:
    """Do the research, or go on with it; the report."""
    choice = chosen(__doc__, arguments)
    (choice.folder / "notes").mkdir(parents=True, exist_ok=True)
    for topic, text in NOTES.items():
        (choice.folder / "notes" / f"{topic}.txt").write_text(text + "\n")
    policy = mentra.RuntimePolicy.workspace_bounded(choice.folder)
    with stage(choice, play, policy=policy, file_profile="split", **options) as runtime:
        ann = runtime.members.take_seat("ann", role="editor")
        lead = runtime.spawn("lead", model=choice.model, system=SYSTEM, reuse=True)

        def is_open(request_id: str) -> bool:
            open_ids = [one.request_id for one in ann.team.requests() if one.status == "pending"]
            return request_id in open_ids

        lead.send(TASK, prompt_id="research")
        runtime.until_idle()
        while asked := [one for one in ann.team.requests() if one.status == "pending"]:
            for request in asked:
                answer = ask_person(request.content, partial(is_open, request.request_id))
                if answer is None:
                    continue
                with contextlib.suppress(mentra.CommandRejected):  # she did it from elsewhere
                    ann.team.respond(
                        request.request_id, approve=answer.approve, reason=answer.reason
                    )
            runtime.until_idle()
        print(f"\n{lead.last_answer()}\n")
    report = choice.folder / "report.md"
    text = report.read_text() if report.exists() else ""
    print(f"{report}:\n\n{text}" if text else "There is no report.")
    return text


if __name__ == "__main__":
    main()

"""A debate: two agents answer each other, and a third one decides.

The program carries each speech to the other side as a prompt. Every prompt has an id, so a
program that starts again gets the speeches that were made, and asks for the next one.

    python examples/patterns/debate.py [--model openai:gpt-5.4-mini] [--store PATH]
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from stage import Scene, chosen, stage

import mentra_actors as mentra

MOTION = "A team of agents should be one process."
ROUNDS = 2
SIDES = {
    "pro": f"You are pro. You defend: {MOTION} Answer the last argument in two sentences.",
    "con": f"You are con. You argue against: {MOTION} Answer the last argument in two sentences.",
}
JUDGE = "You are judge. You read a debate and decide by its arguments, not by your own opinion."


class Verdict(msgspec.Struct):
    """Who was more convincing, and why."""

    winner: Literal["pro", "con"]
    why: str


SPEECHES = {
    "pro": (
        "One process has one log and one order of things. Nobody has to agree with anybody.",
        "A log that survives the process is what isolates a crash. The next one goes on.",
    ),
    "con": (
        "One process is one crash for all. What hangs in one agent hangs in its neighbours.",
        "Going on takes a moment, and a machine that is gone takes its disk along.",
    ),
}


def play(scene: Scene) -> Any:
    """The script: the speeches in order, and a judge who has read them."""
    if scene.who == "judge":
        why = "con did not answer what a log that survives is worth"
        return mentra.call(scene.output, winner="pro", why=why)
    return SPEECHES[scene.who][len(scene.prompts) - 1]


def main(arguments: Sequence[str] | None = None, **options: Any) -> Verdict:
    """Hold the debate, or go on with it."""
    choice = chosen(__doc__, arguments)
    with stage(choice, play, **options) as runtime:
        pro, con = (
            runtime.spawn(name, model=choice.model, role="speaker", system=system, reuse=True)
            for name, system in SIDES.items()
        )
        minutes, words = [], f"The motion: {MOTION} You begin."
        for number in range(1, ROUNDS + 1):
            for side in (pro, con):
                words = side.send(words, prompt_id=f"round-{number}").text
                minutes.append(f"{side.name}: {words}")
        judge = runtime.spawn("judge", model=choice.model, role="judge", system=JUDGE, reuse=True)
        verdict = judge.run_to(Verdict, "\n".join(minutes), prompt_id="verdict")
        print(f"\n{verdict.winner} wins: {verdict.why}.")
        return verdict


if __name__ == "__main__":
    main()

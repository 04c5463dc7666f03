"""A round: each member adds its part and passes the work on to its neighbour by mail.

Nobody coordinates: the letter carries the work, and wakes the next one. A letter is taken once
and sent once, so wherever the process is killed the round goes on with the same words.

    python examples/patterns/round_robin.py [--model openai:gpt-5.4-mini] [--store PATH]
"""

import re
from collections.abc import Sequence
from typing import Any

from stage import Scene, chosen, stage

import mentra_actors as mentra

RING = ("ann", "bob", "cem")
ROUNDS = 2
START = "A story of a lighthouse, sentence by sentence:"
SYSTEM = (
    "You are {name}. You write a story with others. A letter brings what there is so far, with "
    "the number of its sentences in brackets. Add one sentence. If there are {most} then, say the "
    "whole story; else send it, with the new number, to {next} by team_send, and say `Passed on`."
)
LINES = (
    "The lamp had not burned since spring.",
    "One night it was lit, and nobody had climbed the stairs.",
    "Ships came that were on no list.",
    "They took on fog, barrel by barrel.",
    "In the morning one could see as far as the other coast.",
    "There stood a lighthouse, and its lamp went out.",
)


def play(scene: Scene) -> Any:
    """The script of all: one line more, and on to the neighbour."""
    number, story = re.findall(r"\[(\d)\] (.*)", scene.letters[-1]["content"])[-1]
    if not scene.has_news:
        return "Passed on."
    longer = f"{story} {LINES[int(number)]}"
    if int(number) + 1 == len(LINES):
        return longer
    neighbour = RING[(RING.index(scene.who) + 1) % len(RING)]
    return mentra.call("team_send", to=neighbour, content=f"[{int(number) + 1}] {longer}")


def main(arguments: Sequence[str] | None = None, **options: Any) -> str:
    """Write the story, or go on with it; all of it."""
    choice = chosen(__doc__, arguments)
    with stage(choice, play, **options) as runtime:
        for name in reversed(RING):  # the first one last: it begins at once
            neighbour = RING[(RING.index(name) + 1) % len(RING)]
            system = SYSTEM.format(name=name, next=neighbour, most=ROUNDS * len(RING))
            prompt = f"[0] {START}" if name == RING[0] else ""
            runtime.spawn(
                name, model=choice.model, role="writer", system=system, prompt=prompt, reuse=True
            )
        runtime.until_idle()
        return runtime.agent(RING[-1]).last_answer()


if __name__ == "__main__":
    main()

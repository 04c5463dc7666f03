"""A handoff: an agent gives the conversation to another one, who goes on with the person.

Every desk answers with a typed value, and that says who speaks next. So the handoff is a fact of
the log: each message has its id, and after a crash the same desks give the same answers again.

    python examples/patterns/handoff.py [--model openai:gpt-5.4-mini] [--store PATH]
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from stage import Scene, chosen, stage

import mentra_actors as mentra

CUSTOMER = (
    "Hello! I was charged twice for order 81.",
    "It was on Monday. Will I get the money back?",
    "Thanks. And my parcel is late, too.",
)
DESKS = {
    "front": "Greet people. Hand over what is about money to billing, about parcels to shipping.",
    "billing": "Help with payments. Hand over what is about parcels to shipping.",
    "shipping": "Help with parcels. Hand over what is about money to billing.",
}


class Turn(msgspec.Struct):
    """What a desk does: it answers (`say`), or hands over with notes for the next desk."""

    say: str = ""
    hand_to: Literal["", "front", "billing", "shipping"] = ""
    notes: str = ""


def play(scene: Scene) -> Any:
    """The script of all desks: it knows them by their names, and the matter by its words."""
    said = scene.prompts[-1]
    place = "shipping" if "parcel" in said else "billing"
    if place != scene.who:
        return mentra.call(scene.output, hand_to=place, notes="A customer of order 81.")
    told = {
        "charged": "I see both charges of order 81. On which day was it?",
        "Monday": "Then the second one comes back within three days.",
        "parcel": "It is in your town and comes tomorrow.",
    }
    answer = next(answer for word, answer in told.items() if word in said)
    return mentra.call(scene.output, say=answer)


def main(arguments: Sequence[str] | None = None, **options: Any) -> list[str]:
    """Play the customer, or go on; who answered what."""
    answers = []
    choice = chosen(__doc__, arguments)
    with stage(choice, play, **options) as runtime:
        desks = {
            name: runtime.spawn(
                name, model=choice.model, role="desk", system=f"You are {name}. {duty}", reuse=True
            )
            for name, duty in DESKS.items()
        }
        speaker = "front"
        for number, said in enumerate(CUSTOMER):
            words, asked = said, set[str]()
            while speaker not in asked:  # nobody gets the same message twice
                asked.add(speaker)
                turn = desks[speaker].run_to(Turn, words, prompt_id=f"message-{number}")
                if not turn.hand_to:
                    break
                speaker, words = turn.hand_to, f"{said}\n(From {speaker}: {turn.notes})"
            answers.append(f"{speaker}: {turn.say}")
            print(f"\n  {said}\n    {answers[-1]}\n")
    return answers


if __name__ == "__main__":
    main()

"""A supervisor: it spawns workers, reads what they send, and sends back what is not good enough.

One prompt begins it; all else is mail. Letters wake whoever gets them, also after a crash, so
the program has nothing to do but to wait until nobody has anything left to do.

    python examples/patterns/supervisor.py [--model openai:gpt-5.4-mini] [--store PATH]
"""

from collections.abc import Sequence
from typing import Any

from stage import Scene, chosen, stage

import mentra_actors as mentra

SYSTEM = "This is a small team that writes for a museum. Be brief."
TASK = (
    "You are the supervisor. Spawn two teammates with team_spawn: `namer` for the title of an "
    "exhibition about fog, `writer` for one line that invites to it. Tell them to send it to you. "
    "Do not wait: letters wake you. Read what they send; a line of more than ten words goes back "
    "with team_send. When both are good, answer with title and line."
)
DRAFTS = (
    "Come and see how fog, which hides everything from us, shows us what we never saw.",
    "Come and see what fog shows.",
)


def play(scene: Scene) -> Any:
    """The script of all three."""
    if scene.who == "lead":
        return _supervise(scene)
    orders, sent = scene.from_("lead"), scene.of("team_send", to="lead")
    if len(sent) == len(orders):
        return "Sent."
    work = "White Noise" if scene.who == "namer" else DRAFTS[len(sent)]
    return mentra.call("team_send", to="lead", content=work)


def _supervise(scene: Scene) -> Any:
    if not scene.of("team_spawn"):
        return [
            mentra.say("I ask two people."),
            mentra.call("team_spawn", name="namer", role="titles", prompt="A title about fog."),
            mentra.call("team_spawn", name="writer", role="lines", prompt="A line about fog."),
        ]
    titles, lines = scene.from_("namer"), scene.from_("writer")
    too_long = [line for line in lines if len(line.split()) > 10]
    if len(scene.of("team_send", to="writer")) < len(too_long):
        return mentra.call("team_send", to="writer", content="Too long: ten words at most.")
    if not titles or len(lines) == len(too_long):
        return "I wait for letters."
    return f"{titles[-1]}: {lines[-1]}"


def main(arguments: Sequence[str] | None = None, **options: Any) -> str:
    """Have it written, or go on; what the supervisor says at the end."""
    choice = chosen(__doc__, arguments)
    with stage(choice, play, **options) as runtime:
        lead = runtime.spawn("lead", model=choice.model, system=SYSTEM, reuse=True)
        lead.send(TASK, prompt_id="task")
        runtime.until_idle()
        return lead.last_answer()


if __name__ == "__main__":
    main()

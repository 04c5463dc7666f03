"""An agent as a tool: others ask it like a function, and it starts fresh with each question.

The tool runs a subagent with a system prompt (and, if you like, a model and tools) of its own.
`retry="idempotent"`: after a crash the call finds its subagent again, and nothing is asked twice.

    python examples/patterns/agent_as_tool.py [--model openai:gpt-5.4-mini] [--store PATH]
"""

from collections.abc import Sequence
from typing import Any

from stage import Scene, chosen, stage

import mentra_actors as mentra

EXPERT = "You are chemist. Answer in one sentence, and name the danger first if there is one."
SYSTEM = "You are host of a household help line. Ask the chemist about every substance."
QUESTION = "Can I clean my kettle with vinegar, and then with bleach?"


@mentra.tool(retry="idempotent", parallel=True)
async def ask_chemist(context: mentra.ToolContext, question: str) -> str:
    """Ask the chemist, who knows nothing of this conversation.

    Args:
        question: One question about one thing.
    """
    return (await context.run_subagent(question, system=EXPERT, tools=())).text


def play(scene: Scene) -> Any:
    """The script of both: the host asks two questions at once and joins the answers."""
    if scene.who == "chemist":
        if "bleach" in scene.words:
            return "Danger: with acid it sets free chlorine. Never mix the two."
        return "No danger: it dissolves limescale; rinse well."
    answers = [step.result for step in scene.of("ask_chemist")]
    if not answers:
        return [
            mentra.say("I ask our chemist about both."),
            mentra.call("ask_chemist", question="Is vinegar safe in a kettle?"),
            mentra.call("ask_chemist", question="Is bleach safe after vinegar?"),
        ]
    return f"Vinegar: {answers[0]} Bleach: {answers[1]}"


def main(arguments: Sequence[str] | None = None, **options: Any) -> str:
    """Ask, or go on asking; the answer of the host."""
    choice = chosen(__doc__, arguments)
    with stage(choice, play, tools=[ask_chemist], **options) as runtime:
        host = runtime.spawn(
            "porter", model=choice.model, role="help line", system=SYSTEM, reuse=True
        )
        return host.send(QUESTION, prompt_id="question").text


if __name__ == "__main__":
    main()

"""A tool that hands its work to an agent which is made for it, and ends with the call.

What to look at in `digest`:

- the reader gets one tool of those that its maker has (`tools=("read",)`), and five rounds;
- it starts with an empty conversation: the files that it reads never reach the lead's;
- it spends from the budget of the run that has called it (`--budget 300` is too little for a
  script, 3000 for a model): when it is spent all of them stop, in order, at the next boundary;
- a call that is made again after a crash (`retry="idempotent"`) finds its reader by the name.

    python examples/subagent_tool.py [--model openai:gpt-5.4-mini] [--store PATH] [--budget N]
"""

import textwrap
from collections.abc import Sequence
from typing import Any

from patterns.stage import Scene, choice_of, chooser, stage

import mentra_actors as mentra

LOGBOOK = {
    "monday.txt": "Fog until noon. The bell is broken and was rung by hand.\n",
    "tuesday.txt": "Clear. A boat brought oil.\n",
    "wednesday.txt": "Storm from the west. One pane of the lamp is cracked.\n",
}
READER = "You are reader. Read the file that you are told, and say in one sentence what happened."
SYSTEM = "You keep a lighthouse. You never read its logbook yourself: digest does that."
TASK = f"What was broken this week? The logbook has {', '.join(LOGBOOK)}. Ask for all at once."
TOKENS = 20_000


@mentra.tool(retry="idempotent", parallel=True)
async def digest(context: mentra.ToolContext, path: str) -> str:
    """Have a file read by somebody else, and get what it says in one sentence.

    Args:
        path: The file, such as monday.txt.
    """
    try:
        answer = await context.run_subagent(
            f"Read {path}.", name="reader", system=READER, tools=("read",), max_rounds=5
        )
    except mentra.ToolError as failed:
        raise mentra.ToolError(f"Nobody could read {path}: {failed}") from failed
    if answer.early_end:
        return f"The reader of {path} had to stop ({answer.early_end}): {answer.text}"
    return answer.text


def play(scene: Scene) -> Any:
    """The script of the keeper, and of the readers."""
    if scene.who == "reader":
        if not scene.of("read"):
            return mentra.call("read", path=scene.prompts[0].split()[1].rstrip("."))
        return scene.of("read")[-1].result.removeprefix("L1: ").strip()
    found = [step.result for step in scene.of("digest")]
    if not scene.steps:
        return [mentra.call("digest", path=name) for name in LOGBOOK]
    broken = [line for line in found if "broken" in line or "cracked" in line]
    return f"Found on {len(broken)} of {len(found)} days: {' '.join(broken)}"


def main(arguments: Sequence[str] | None = None, **options: Any) -> str:
    """Have the logbook read, or go on with it; what was broken."""
    parser = chooser(__doc__)
    parser.add_argument("--budget", type=int, default=TOKENS, help="tokens, for all of them")
    said = parser.parse_args(arguments)
    choice = choice_of(said)
    choice.folder.mkdir(parents=True, exist_ok=True)
    for name, text in LOGBOOK.items():
        (choice.folder / name).write_text(text)
    policy = mentra.RuntimePolicy.workspace_bounded(choice.folder)
    with stage(
        choice, play, tools=[digest], policy=policy, file_profile="split", **options
    ) as runtime:
        keeper = runtime.spawn("keeper", model=choice.model, system=SYSTEM, reuse=True)
        reply = keeper.send(TASK, prompt_id="task", token_budget=said.budget)
        alone = keeper.usage(with_subagents=False).total.tokens.total_tokens
        total = keeper.usage().total.tokens.total_tokens
        print(f"\n{textwrap.fill(reply.text or 'The budget was spent first.', 80)}")
        spent = f", the budget was {said.budget}" if reply.early_end else ""
        print(f"{total} tokens{spent}; {total - alone} of them by readers.")
        return reply.text


if __name__ == "__main__":
    main()

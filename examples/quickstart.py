"""The shortest real program: `python examples/quickstart.py [QUESTION] [--model openai]`.

Look at `prompt_id`: a question that the store has heard is answered from it, without a model.
"""

from argparse import ArgumentParser
from typing import Any

import mentra_actors as mentra


def main(arguments: list[str] | None = None, **options: Any) -> str:
    """Ask, and show the answer as it comes; `openai` alone is the newest model of openai."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("question", nargs="?", default="What is a team of agents?")
    parser.add_argument("--model", default="scripted:play")
    parser.add_argument("--store", default="quickstart.mentra")
    said = parser.parse_args(arguments)
    script = mentra.ScriptedModel(lambda _: "A log of what they say and do.", delta_chars=5)
    with mentra.open_runtime_sync(said.store, providers=[script], **options) as runtime:
        runtime.on_live(show)
        model = said.model if ":" in said.model else runtime.resolve_model(said.model).name
        agent = runtime.spawn("lead", model=model, reuse=True)
        agent.configure(model=model)
        if agent.snapshot().can_resume:  # an error, or Ctrl-C, had ended its run
            agent.resume()
        return agent.send(said.question, prompt_id=said.question).text


def show(notice: Any) -> None:
    """Print a piece of what the model says (or thinks)."""
    print(getattr(getattr(notice, "event", None), "text", ""), end="", flush=True)


if __name__ == "__main__":
    try:
        print(f"\n\nOn the log: {main()}")
    except (mentra.MentraError, KeyboardInterrupt) as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from None

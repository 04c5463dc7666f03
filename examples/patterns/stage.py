"""What the examples share: arguments, a store that they name, a story that they print.

    with stage(__doc__, play, arguments) as (runtime, model):
        lead = runtime.spawn("lead", model=model, reuse=True)

`play(scene)` is the script that plays the model if there is no `--model`; see `Scene`.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scene import Scene
from story import Story

import mentra_actors as mentra

__all__ = ["Scene", "answer_of", "stage"]


@contextmanager
def stage(
    doc: str | None,
    play: Callable[[Scene], Any],
    arguments: Sequence[str] | None = None,
    **options: Any,
) -> Iterator[tuple[mentra.SyncRuntime, str]]:
    """A runtime that tells its story, and the model to use. Errors of it end the program."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="scripted:play", help="such as openai:gpt-5.4-mini")
    parser.add_argument("--store", type=Path, help="where the team is; again, it goes on")
    chosen = parser.parse_args(arguments)
    store = chosen.store or Path(tempfile.mkdtemp(prefix="mentra-")) / "team.mentra"
    _say(f"The team goes on in {store}" if store.exists() else f"A new team in {store}")
    script = mentra.ScriptedModel(lambda request: play(Scene(request)))
    try:
        with mentra.open_runtime_sync(store, providers=[script], **options) as runtime:
            runtime.on_recorded(Story(_say))
            yield runtime, chosen.model
    except mentra.MentraError as error:
        sys.exit(f"{type(error).__name__}: {error}\nTo go on: --store {store}")


def answer_of(agent: mentra.SyncAgent) -> str:
    """The last words of an agent."""
    texts = [item.content for item in agent.transcript() if _is_text(item.content)]
    return texts[-1].text if texts else ""


def _is_text(content: Any) -> bool:
    return type(content).__name__ == "AssistantText"


def _say(line: str) -> None:
    print(line, flush=True)

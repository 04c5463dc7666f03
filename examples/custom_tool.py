"""A tool of one's own, with all that a tool may want: a post office that ships parcels.

What to look at in `ship`:

- its parameters are typed: a call that does not fit never reaches it, and the model is told why;
- `context.app(Post)` is the object that the program has given to its tools;
- `retry="idempotent"`: a call whose process was killed is made again with the same
  `idempotency_key`, and the post takes no parcel twice;
- `context.progress` shows lines to whoever watches, `ToolError` is for the model;
- a call that is cancelled (press Ctrl-C while a parcel is under way) calls its parcel back.

    python examples/custom_tool.py [--model openai:gpt-5.4-mini] [--store PATH]
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import anyio
import msgspec
from patterns.stage import Scene, chosen, stage

import mentra_actors as mentra
from mentra_actors.effects.models.live import ToolProgress

MOST_KG = 20
STEPS = ("weighed", "stamped", "loaded")
PAUSE_S = 0.6
"""Between the steps, for somebody who watches."""
SYSTEM = "You are the clerk of a shop. Parcels are shipped with ship; say their numbers."
ORDER = "Ship 30 kg of flour to Oslo, by land. The street is Havnegata 1."


class Address(msgspec.Struct):
    """Where a parcel goes."""

    street: str
    city: str


class Post:
    """The world beside the log: parcels in a file, each under the key of its call."""

    def __init__(self, path: Path, pause_s: float) -> None:
        self._path = path
        self.pause_s = pause_s

    @property
    def parcels(self) -> dict[str, str]:
        """What was shipped, by key, in order."""
        return json.loads(self._path.read_text()) if self._path.exists() else {}

    def take(self, key: str, parcel: str) -> int:
        """Take a parcel, once per key; its number."""
        parcels = self.parcels
        parcels.setdefault(key, parcel)
        self._write(parcels)
        return list(parcels).index(key) + 1

    def call_back(self, key: str) -> None:
        """Take it back, if it was taken."""
        parcels = self.parcels
        if parcels.pop(key, None):
            self._write(parcels)

    def _write(self, parcels: dict[str, str]) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(parcels))
        fresh.replace(self._path)  # whole, or not at all


@mentra.tool(retry="idempotent", timeout_s=60, durability="persistent")
async def ship(
    context: mentra.ToolContext, to: Address, kg: int, way: Literal["land", "air"] = "land"
) -> dict[str, Any]:
    """Ship a parcel.

    Args:
        to: The address.
        kg: Its weight, whole kilograms.
        way: How it travels.
    """
    if kg > MOST_KG:
        raise mentra.ToolError(f"A parcel has {MOST_KG} kg at most. Ship several.")
    post = context.app(Post)
    try:
        number = post.take(context.idempotency_key, f"{kg} kg to {to.city} by {way}")
        for step in STEPS:
            context.progress(f"parcel {number} is {step}")
            await anyio.sleep(post.pause_s)
    except anyio.get_cancelled_exc_class():
        post.call_back(context.idempotency_key)
        raise
    return {"number": number, "kg": kg, "city": to.city}


def play(scene: Scene) -> Any:
    """The script: a way that is none, a parcel that is too heavy, then two of them."""
    flour = {"to": {"street": "Havnegata 1", "city": "Oslo"}, "way": "land"}
    shipped = scene.of("ship")
    if not scene.steps:
        return mentra.call("ship", **flour | {"way": "sea"}, kg=30)
    if len(scene.steps) == 1:
        return mentra.call("ship", **flour, kg=30)
    if len(shipped) < 2:
        return mentra.call("ship", **flour, kg=15)
    numbers = " and ".join(str(step.value["number"]) for step in shipped)
    return f"Parcels {numbers} are on their way to Oslo, 15 kg each."


def show(notice: Any) -> None:
    """Print a line of progress."""
    if isinstance(notice, ToolProgress):
        print(f"{'post':>10}  … {notice.text}", flush=True)


def main(arguments: Sequence[str] | None = None, **options: Any) -> str:
    """Have the flour shipped, or go on with it; what the clerk says."""
    choice = chosen(__doc__, arguments)
    post = Post(choice.store.with_suffix(".post"), PAUSE_S if sys.stdout.isatty() else 0.0)
    with stage(choice, play, tools=[ship], context=[post], **options) as runtime:
        runtime.on_live(show)
        clerk = runtime.spawn("clerk", model=choice.model, system=SYSTEM, reuse=True)
        try:
            answer = clerk.send(ORDER, prompt_id="order").text
        except KeyboardInterrupt:
            clerk.cancel("Ctrl-C")
            runtime.until_idle()
            answer = "Nothing more is shipped."
            print(f"\nTo go on: --store {choice.store}")
        print(f"\n{answer}\nThe post has: {', '.join(post.parcels.values()) or 'nothing'}.")
        return answer


if __name__ == "__main__":
    main()

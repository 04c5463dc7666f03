"""Our team in the team benchmark: a runtime in memory, or on an LMDB store.

The argument is `memory`, or the durability of the store. All that happens is on the log: messages,
answers, the start and the end of each turn.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import get_args

from benchmarks.peers.team_turns import DELTAS, PIECE, TEXT, Turn, served
from mentra_actors import open_runtime
from mentra_actors.domain.content import TextBlock
from mentra_actors.domain.model_call import ModelReply, ModelRequest, StopReason, TokenUsage
from mentra_actors.providers.port import ModelEvent, ReplyFinished, TextDelta
from mentra_actors.runtime.settings import Durability

AT_ONCE = 100


class StreamingModel:
    """The model of the benchmark with our interface: `streamed`, of typed events."""

    name = "bench"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """One answer."""
        del request
        for _ in range(DELTAS):
            await asyncio.sleep(0)
            yield TextDelta(PIECE)
        yield ReplyFinished(
            ModelReply(
                blocks=(TextBlock(text=TEXT),),
                stop_reason=StopReason.END_TURN,
                usage=TokenUsage(input_tokens=1000, output_tokens=50),
            )
        )

    async def aclose(self) -> None:
        """Nothing to close."""


@asynccontextmanager
async def _opened(durability: Durability | None, agents: int) -> AsyncIterator[Turn]:
    with tempfile.TemporaryDirectory(prefix="bench-team-") as folder:
        store = f"{folder}/store" if durability else ":memory:"
        async with open_runtime(
            store, durability=durability or "volatile", providers=[StreamingModel()]
        ) as runtime:
            team = []
            for first in range(0, agents, AT_ONCE):
                names = range(first, min(first + AT_ONCE, agents))
                spawning = (runtime.spawn(f"agent{one}", model="bench:x") for one in names)
                team += await asyncio.gather(*spawning)

            async def turn(agent: int, message: str) -> str:
                return (await team[agent].send(message)).text

            yield turn


def main() -> None:
    """See the module."""
    level = next((one for one in get_args(Durability) if one == sys.argv[1]), None)
    asyncio.run(served(partial(_opened, level)))


if __name__ == "__main__":
    main()

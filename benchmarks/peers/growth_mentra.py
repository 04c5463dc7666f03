"""Our agent in the growth benchmark: a runtime on an LMDB store, at one durability or another."""

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, get_args

from benchmarks.growth_bytes import bytes_by_kind, bytes_by_table, bytes_by_type
from benchmarks.peers.conversation import TOOL, Turn
from benchmarks.peers.turns import OneTurn, served
from mentra_actors import Sealing, open_runtime, tool
from mentra_actors.domain.content import TextBlock, ToolCallBlock, UserMessage
from mentra_actors.domain.model_call import ModelReply, ModelRequest, StopReason, TokenUsage
from mentra_actors.providers.port import ModelEvent, ReplyFinished
from mentra_actors.runtime.settings import Durability

STORE = "store"


class ScriptedModel:
    """Calls the tool, then answers."""

    name = "bench"
    turn = Turn(0)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """One answer, in one piece."""
        now, usage = self.turn, TokenUsage(input_tokens=1000, output_tokens=50)
        if isinstance(request.messages[-1], UserMessage):
            call = ToolCallBlock(call_id=now.call_id, name=TOOL, arguments=now.arguments)
            yield ReplyFinished(
                ModelReply(blocks=(call,), stop_reason=StopReason.TOOL_USE, usage=usage)
            )
        else:
            text = TextBlock(text=now.answer)
            yield ReplyFinished(
                ModelReply(blocks=(text,), stop_reason=StopReason.END_TURN, usage=usage)
            )

    async def aclose(self) -> None:
        """Nothing to close."""


@asynccontextmanager
async def opened(
    durability: Durability, sealing: Sealing | None, folder: Path
) -> AsyncIterator[OneTurn]:
    """A new conversation on a store in a folder."""
    model = ScriptedModel()

    @tool(retry="safe")
    async def look(place: str) -> str:  # noqa: ARG001
        """Look at a place."""
        return model.turn.result

    async with open_runtime(
        folder / STORE,
        durability=durability,
        sealing=sealing,
        tools=[look],
        providers=[model],
        team_tools=False,
        memory_tools=False,
    ) as runtime:
        agent = await runtime.spawn("agent", model="bench:model")

        async def turn(now: Turn) -> None:
            model.turn = now
            await agent.send(now.user)

        yield turn


def _remarks(folder: Path, turns: int) -> dict[str, Any]:
    if (folder / STORE / "sealing").exists():  # the events are not to be read without it
        return {"bytes by table": bytes_by_table(folder / STORE, turns)}
    return {
        "bytes by type": bytes_by_type(folder / STORE, turns),
        "bytes by kind": bytes_by_kind(folder / STORE, turns),
        "bytes by table": bytes_by_table(folder / STORE, turns),
    }


def _durability(word: str) -> Durability:
    return next(level for level in get_args(Durability) if level == word)


if __name__ == "__main__":
    level = _durability(sys.argv[1])
    compressed = Sealing() if "zstd" in sys.argv else None
    asyncio.run(served(partial(opened, level, compressed), _remarks))

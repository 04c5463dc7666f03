"""Our agent in the tools benchmark: a runtime in memory, or on an LMDB store.

The argument is `memory`, or the durability of the store. The tool is one that may not run twice,
which is the default: each call is marked on the log before it starts.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count as numbers_from
from typing import get_args

from benchmarks.peers.tool_calls import ANSWER, PROMPT, TOOL, Job, served
from mentra_actors import Runtime, open_runtime, tool
from mentra_actors.domain.content import TextBlock, ToolCallBlock
from mentra_actors.domain.model_call import ModelReply, ModelRequest, StopReason, TokenUsage
from mentra_actors.providers.port import ModelEvent, ReplyFinished
from mentra_actors.runtime.settings import Durability


class ScriptedModel:
    """Calls the tool as often as the job says, then answers."""

    name = "bench"
    job = Job(0, 0)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """One answer, in one piece."""
        del request
        calls = self.job.calls()
        blocks = tuple(
            ToolCallBlock(call_id=call_id, name=TOOL, arguments=arguments)
            for call_id, arguments in calls
        )
        usage = TokenUsage(input_tokens=1000, output_tokens=50)
        yield ReplyFinished(
            ModelReply(
                blocks=blocks or (TextBlock(text=ANSWER),),
                stop_reason=StopReason.TOOL_USE if calls else StopReason.END_TURN,
                usage=usage,
            )
        )

    async def aclose(self) -> None:
        """Nothing to close."""


async def run(store: str, durability: Durability) -> None:
    """Answer requests with one runtime, each with a new agent."""
    model = ScriptedModel()

    @tool(parallel=True)
    async def count(number: int) -> str:
        """Count."""
        return model.job.call(number)

    async with open_runtime(
        store, durability=durability, tools=[count], providers=[model], team_tools=False
    ) as runtime:
        await served(partial(_opened, runtime, model, numbers_from(1)))


@asynccontextmanager
async def _opened(
    runtime: Runtime, model: ScriptedModel, names: Iterator[int], job: Job
) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    agent = await runtime.spawn(f"agent{next(names)}", model="bench:model", max_rounds=0)
    model.job = job
    yield lambda: agent.send(PROMPT)


def main() -> None:
    """See the module."""
    word = sys.argv[1]
    if word == "memory":
        asyncio.run(run(":memory:", "volatile"))
        return
    level: Durability = next(one for one in get_args(Durability) if one == word)
    with tempfile.TemporaryDirectory(prefix="bench-tools-") as folder:
        asyncio.run(run(f"{folder}/store", level))


if __name__ == "__main__":
    main()

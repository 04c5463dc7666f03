"""The floor of the tools benchmark: a loop that decodes arguments and keeps a list."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from benchmarks.peers.tool_calls import ANSWER, PROMPT, Job, served


@asynccontextmanager
async def _opened(job: Job) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    async def count(number: int) -> str:
        return job.call(number)

    async def run() -> list[str]:
        history = [PROMPT]
        while calls := job.calls():
            tasks = [count(**json.loads(arguments)) for _, arguments in calls]
            history += await asyncio.gather(*tasks)
        return [*history, ANSWER]

    yield run


if __name__ == "__main__":
    asyncio.run(served(_opened))

"""The extra `openai-agents`: a session is kept, and found in a later life of the store."""

import asyncio

from mentra_actors.adapters.openai_agents import MentraSession

ITEM = {"role": "user", "content": "hello"}


async def main() -> None:
    """Write, open again, read."""
    session = MentraSession("trip", "talks.mentra")
    await session.add_items([ITEM])
    session.close()
    session = MentraSession("trip", "talks.mentra")
    assert await session.get_items() == [ITEM]
    session.close()


asyncio.run(main())

"""The floors of the team benchmark: a loop with lists, and the same with SQLite writes.

With the word `sqlite` each message is an INSERT that is committed before the loop goes on, as most
programs do it that keep a conversation: a write-ahead log, and a flush at each commit.
"""

import asyncio
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

from benchmarks.peers.team_turns import Turn, served, streamed


@asynccontextmanager
async def _in_memory(agents: int) -> AsyncIterator[Turn]:
    histories: list[list[tuple[str, str]]] = [[] for _ in range(agents)]

    async def turn(agent: int, message: str) -> str:
        history = histories[agent]
        history.append(("user", message))
        pieces = [piece async for piece in streamed()]
        history.append(("assistant", "".join(pieces)))
        return history[-1][1]

    yield turn


@asynccontextmanager
async def _with_sqlite(agents: int) -> AsyncIterator[Turn]:
    del agents
    with (
        tempfile.TemporaryDirectory(prefix="bench-team-") as folder,
        closing(sqlite3.connect(f"{folder}/team.sqlite", isolation_level=None)) as database,
    ):
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE messages (agent INTEGER, role TEXT, text TEXT)")
        insert = "INSERT INTO messages VALUES (?, ?, ?)"

        async def turn(agent: int, message: str) -> str:
            database.execute(insert, (agent, "user", message))
            text = "".join([piece async for piece in streamed()])
            database.execute(insert, (agent, "assistant", text))
            return text

        yield turn


if __name__ == "__main__":
    asyncio.run(served(_with_sqlite if "sqlite" in sys.argv else _in_memory))

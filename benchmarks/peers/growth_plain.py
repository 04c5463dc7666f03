"""Two sides of the growth benchmark without a framework: a pattern, and a floor.

*Whole state per event* is the pattern of the Rust crate mentra: one SQLite row holds the state
of the conversation as JSON, and is written anew at each event. The state is the transcript and,
while a run is open, the transcript as it was before it, to roll back to. A turn has ten events:
the run begins, each answer begins, comes in pieces and is committed, the tool's result is added,
the run ends. WAL and a flush a commit, as the crate has it. To be generous: one connection is kept
open (the crate opens one a save), and a message is encoded once and copied as text from then on.

*JSON lines* is the floor: one line a message, appended to a file, and flushed.
"""

import asyncio
import json
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from benchmarks.peers.conversation import Turn
from benchmarks.peers.turns import OneTurn, served

SAVE = (
    "INSERT INTO agent_memory VALUES ('agent', ?, ?, 0) ON CONFLICT (agent_id) "
    "DO UPDATE SET revision = excluded.revision, state_json = excluded.state_json"
)


class WholeState:
    """The state of one conversation, saved whole."""

    def __init__(self, folder: Path) -> None:
        self._database = sqlite3.connect(folder / "runtime.sqlite", isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute(
            "CREATE TABLE agent_memory (agent_id TEXT PRIMARY KEY, revision INTEGER NOT NULL, "
            "state_json TEXT NOT NULL, updated_at INTEGER NOT NULL)"
        )
        self._messages: list[str] = []
        self._baseline: str | None = None
        self._revision = 0

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    async def turn(self, now: Turn) -> None:
        """One turn: ten events, each of which saves everything."""
        user, asks, found, answers = (_compact(one) for one in now.messages())
        self._baseline = self._transcript()
        self._add(user)
        self._save({"current_text": "", "pending_tool_uses": []})
        self._save({"current_text": "", "pending_tool_uses": [now.call_id]})
        self._add(asks)
        self._add(found)
        self._save({"current_text": "", "pending_tool_uses": []})
        self._save({"current_text": now.answer[:100], "pending_tool_uses": []})
        self._save({"current_text": now.answer, "pending_tool_uses": []})
        self._add(answers)
        self._baseline = None
        self._save()

    def _add(self, message: str) -> None:
        self._messages.append(message)
        self._save()

    def _save(self, pending: dict[str, Any] | None = None) -> None:
        self._revision += 1
        run = "null" if self._baseline is None else f'{{"baseline_transcript":{self._baseline}}}'
        state = (
            f'{{"transcript":{self._transcript()},"pending_turn":{_compact(pending)},'
            f'"revision":{self._revision},"run":{run}}}'
        )
        self._database.execute("BEGIN IMMEDIATE")
        self._database.execute(SAVE, (self._revision, state))
        self._database.execute("COMMIT")

    def _transcript(self) -> str:
        return f"[{','.join(self._messages)}]"


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


@asynccontextmanager
async def _whole_state(folder: Path) -> AsyncIterator[OneTurn]:
    with closing(WholeState(folder)) as state:
        yield state.turn


@asynccontextmanager
async def _json_lines(folder: Path) -> AsyncIterator[OneTurn]:
    file = os.open(folder / "log.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def turn(now: Turn) -> None:
        for message in now.messages():
            os.write(file, _compact(message).encode() + b"\n")
            os.fdatasync(file)

    try:
        yield turn
    finally:
        os.close(file)


SIDES = {"whole-state": _whole_state, "json-lines": _json_lines}

if __name__ == "__main__":
    asyncio.run(served(SIDES[sys.argv[1]]))

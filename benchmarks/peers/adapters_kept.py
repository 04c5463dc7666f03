# ruff: noqa: PLC0415 - a side imports what it measures, and nothing else
"""A session of a framework that grows, kept by the framework's own class or by our adapter.

    python -m benchmarks.peers.adapters_kept (langgraph|state|openai|adk) (ours|theirs)

Requests come as JSON lines on standard input, answers go to standard output:

    {"open": "/a/folder"}     a new session there
    {"add": 100}              seconds of each of the next 100 saves, and CPU seconds of all
    {"look": 20}              seconds of as many looks at the end of the session
    {"page": 20}              seconds of as many looks at ten saves in the middle of it
    {"reopen": true}          seconds from the opening of the store to the first look
    {"disk": true}            the length of all files
"""

import asyncio
import json
import sqlite3
import sys
import time
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

warnings.simplefilter("ignore")
MESSAGE = "some words of a message that somebody has said, and that others will read. "
TEXT = MESSAGE * 3


class Kept(Protocol):
    """A session, which `__init__` opens in a folder."""

    async def add(self, number: int) -> None:
        """Save one more step."""

    async def look(self) -> Any:
        """What is there at the end."""

    async def page(self, number: int) -> Any:
        """Some ten saves around one of them."""

    async def close(self) -> None:
        """Let go of the files."""


class LangGraph:
    """A checkpoint a step; the list of messages grows, or the state stays of one size."""

    grows = True

    def __init__(self, folder: Path, *, ours: bool) -> None:
        if ours:
            from mentra_actors.adapters.langgraph import MentraSaver

            self.saver: Any = MentraSaver(folder / "store")
        else:
            from langgraph.checkpoint.sqlite import SqliteSaver

            file = folder / "checkpoints.sqlite"
            self.saver = SqliteSaver(sqlite3.connect(file, check_same_thread=False))
        self.config: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
        self.messages: list[Any] = []
        self.versions: dict[str, Any] = {}

    async def add(self, number: int) -> None:
        """A checkpoint and the writes of its task."""
        message = {"role": "user", "content": TEXT, "id": f"message-{number}"}
        self.messages = [*self.messages, message] if self.grows else [message]
        self.versions = {"messages": number, "rules": 1}
        checkpoint = {
            "v": 4,
            "id": f"{number:08}",
            "ts": "2026-11-29T00:00:00+00:00",
            "channel_values": {"messages": self.messages, "rules": TEXT},
            "channel_versions": self.versions,
            "versions_seen": {"agent": {"messages": number - 1}},
            "updated_channels": ["messages"],
        }
        changed = self.versions if number == 1 else {"messages": number}
        told = {"source": "loop", "step": number, "parents": {}}
        self.config = self.saver.put(self.config, checkpoint, told, changed)
        self.saver.put_writes(self.config, [("messages", message)], "task")

    async def look(self) -> Any:
        """The newest checkpoint."""
        return self.saver.get_tuple({"configurable": {"thread_id": "t", "checkpoint_ns": ""}})

    async def page(self, number: int) -> Any:
        """Ten checkpoints before one."""
        config = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
        before = {"configurable": {**config["configurable"], "checkpoint_id": f"{number:08}"}}
        return list(self.saver.list(config, before=before, limit=10))

    async def close(self) -> None:
        """Close the file."""
        (getattr(self.saver, "conn", None) or self.saver).close()


class FixedState(LangGraph):
    """The state stays of one size."""

    grows = False


class OpenAI:
    """Two items a step."""

    def __init__(self, folder: Path, *, ours: bool) -> None:
        if ours:
            from mentra_actors.adapters.openai_agents import MentraSession

            self.session: Any = MentraSession("s", folder / "store")
        else:
            from agents.memory import SQLiteSession

            self.session = SQLiteSession("s", folder / "session.sqlite")

    async def add(self, number: int) -> None:
        """A question and an answer."""
        await self.session.add_items(
            [{"role": "user", "content": f"{number}"}, {"role": "assistant", "content": TEXT}]
        )

    async def look(self) -> Any:
        """All items."""
        return await self.session.get_items()

    async def page(self, number: int) -> Any:  # noqa: ARG002 - a session has no middle
        """The last ten."""
        return await self.session.get_items(10)

    async def close(self) -> None:
        """Close the file."""
        self.session.close()


class ADK:
    """An event a step, which changes the state."""

    def __init__(self, folder: Path, *, ours: bool) -> None:
        from google.adk.sessions.base_session_service import GetSessionConfig

        self.recent = GetSessionConfig(num_recent_events=10)
        if ours:
            from mentra_actors.adapters.google_adk import MentraSessionService

            self.service: Any = MentraSessionService(folder / "store")
        else:
            from google.adk.sessions import DatabaseSessionService

            file = folder / "sessions.sqlite"
            self.service = DatabaseSessionService(f"sqlite+aiosqlite:///{file}")
        self.who = {"app_name": "app", "user_id": "u"}
        self.session: Any = None

    async def add(self, number: int) -> None:
        """An event with a text and a change of the state."""
        from google.adk.events.event import Event
        from google.adk.events.event_actions import EventActions
        from google.genai import types

        if self.session is None:
            self.session = await self.service.create_session(**self.who, session_id="s")
        content = types.Content(role="user", parts=[types.Part(text=TEXT)])
        actions = EventActions(state_delta={"step": number})
        event = Event(author="user", invocation_id=f"{number}", content=content, actions=actions)
        await self.service.append_event(self.session, event)

    async def look(self) -> Any:
        """The session with all events."""
        return await self.service.get_session(**self.who, session_id="s")

    async def page(self, number: int) -> Any:  # noqa: ARG002 - a session has no middle
        """The session with its last ten events."""
        return await self.service.get_session(**self.who, session_id="s", config=self.recent)

    async def close(self) -> None:
        """Close the file."""
        await self.service.close()


KINDS: dict[str, Any] = {"langgraph": LangGraph, "state": FixedState, "openai": OpenAI, "adk": ADK}


async def timed(call: Callable[[], Awaitable[Any]], times: int) -> list[float]:
    """Seconds of each call."""
    took = []
    for _ in range(times):
        started = time.perf_counter()
        await call()
        took.append(time.perf_counter() - started)
    return took


class Served:
    """Answers requests about one session at a time."""

    def __init__(self, kind: str, side: str) -> None:
        self.kind, self.ours = KINDS[kind], side == "ours"
        self.folder, self.number = Path(), 0
        self.kept: Kept | None = None

    def _opened(self) -> Kept:
        self.kept = self.kind(self.folder, ours=self.ours)
        return self.kept

    async def _first_look(self) -> None:
        await self._opened().look()

    async def answer(self, request: dict[str, Any]) -> Any:
        """See the module."""
        match request:
            case {"open": folder}:
                await self.end()
                self.folder, self.number = Path(folder), 0
                self._opened()
                return True
            case {"add": times}:
                started = time.process_time()
                took = await timed(self._next, times)
                return took, time.process_time() - started
            case {"look": times}:
                return await timed(self.kept.look, times)
            case {"page": times}:
                return await timed(lambda: self.kept.page(self.number // 2), times)
            case {"reopen": True}:
                await self.end()
                return await timed(self._first_look, 1)
        files = (one for one in self.folder.rglob("*") if one.is_file())
        return sum(one.stat().st_size for one in files)

    async def _next(self) -> None:
        self.number += 1
        await self.kept.add(self.number)

    async def end(self) -> None:
        """Close what is open."""
        if self.kept is not None:
            await self.kept.close()
            self.kept = None


async def main() -> None:
    """Answer until standard input ends."""
    served = Served(*sys.argv[1:])
    for line in iter(sys.stdin.readline, ""):
        print(json.dumps({"answer": await served.answer(json.loads(line))}), flush=True)
    await served.end()


if __name__ == "__main__":
    asyncio.run(main())

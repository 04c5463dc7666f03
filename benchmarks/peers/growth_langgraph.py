"""LangGraph in the growth benchmark: `create_agent` with SqliteSaver, durability "sync".

See `recovery/contestants/with_langgraph.py` for the pages of its documentation.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain.tools import tool
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.checkpoint.sqlite import SqliteSaver

from benchmarks.peers.conversation import TOOL, Turn
from benchmarks.peers.turns import OneTurn, served

CONFIG: Any = {"configurable": {"thread_id": "conversation"}}


class ScriptedChat(BaseChatModel):
    """Calls the tool, then answers."""

    turn: Any = Turn(0)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **kwargs: Any) -> "ScriptedChat":  # noqa: ARG002
        """The tools are known; the model stays as it is."""
        return self

    def _generate(self, messages: list[BaseMessage], *_args: Any, **_kwargs: Any) -> ChatResult:
        if isinstance(messages[-1], ToolMessage):
            message = AIMessage(content=self.turn.answer)
        else:
            given = {"place": self.turn.place}
            call = ToolCall(name=TOOL, args=given, id=self.turn.call_id)
            message = AIMessage(content="", tool_calls=[call])
        return ChatResult(generations=[ChatGeneration(message=message)])


@contextmanager
def conversation_graph(folder: Path) -> Iterator[tuple[Any, ScriptedChat]]:
    """The compiled graph over a database in a folder, and its model."""
    model = ScriptedChat()

    @tool
    def look(place: str) -> str:  # noqa: ARG001
        """Look at a place."""
        return str(model.turn.result)

    database = sqlite3.connect(folder / "checkpoints.sqlite", check_same_thread=False)
    with closing(database):
        yield create_agent(model, [look], checkpointer=SqliteSaver(database)), model


@asynccontextmanager
async def _opened(folder: Path) -> AsyncIterator[OneTurn]:
    with conversation_graph(folder) as (graph, model):

        async def turn(now: Turn) -> None:
            take_turn(graph, model, now)

        yield turn


def take_turn(graph: Any, model: ScriptedChat, now: Turn) -> None:
    """The next turn of the conversation."""
    model.turn = now
    graph.invoke({"messages": [HumanMessage(now.user)]}, CONFIG, durability="sync")


if __name__ == "__main__":
    asyncio.run(served(_opened))

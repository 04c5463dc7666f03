"""LangGraph in the recovery benchmark: a prebuilt agent with SqliteSaver, durability "sync".

* https://docs.langchain.com/oss/python/langchain/agents (`create_agent`; `create_react_agent` of
  `langgraph.prebuilt` is its older form, still shipped)
* https://docs.langchain.com/oss/python/langgraph/durable-execution: "sync" is the most durable
  mode; a run is resumed by invoking the thread with None.
* https://docs.langchain.com/oss/python/langgraph/persistence: `SqliteSaver`, one `thread_id` for
  a conversation; the writes of finished tasks are kept when a sibling fails.
* https://docs.langchain.com/oss/python/langchain/tools: `ToolRuntime.tool_call_id`.
"""

import sqlite3
import warnings
from functools import partial
from typing import Any

from langchain.agents import create_agent
from langchain.tools import ToolRuntime, tool
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.checkpoint.sqlite import SqliteSaver

from benchmarks.recovery.lives import serve
from benchmarks.recovery.world import PROMPT, QUESTION, Life, call_ids

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from langgraph.prebuilt import create_react_agent

CONFIG: Any = {"configurable": {"thread_id": "conversation"}}


class ScriptedChat(BaseChatModel):
    """The scenario's model behind LangChain's interface."""

    life: Any

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **kwargs: Any) -> "ScriptedChat":  # noqa: ARG002
        """The tools are known; the model stays as it is."""
        return self

    def _generate(self, messages: list[BaseMessage], *_args: Any, **_kwargs: Any) -> ChatResult:
        answer = self.life.answer([_neutral(one) for one in messages])
        if isinstance(answer, str):
            message = AIMessage(content=answer)
        else:
            ids = call_ids()
            calls = [ToolCall(name=name, args={}, id=ids[name]) for name in answer]
            message = AIMessage(content="", tool_calls=calls)
        return ChatResult(generations=[ChatGeneration(message=message)])


def _neutral(message: BaseMessage) -> dict[str, Any]:
    text = str(message.content)
    if isinstance(message, AIMessage):
        calls = [{"id": call["id"], "name": call["name"]} for call in message.tool_calls]
        return {"role": "assistant", "text": text, "calls": calls}
    if isinstance(message, ToolMessage):
        name = message.name or ""
        return {"role": "tool", "id": message.tool_call_id, "name": name, "text": text}
    return {"role": "user", "text": text}


def _tools(life: Life) -> list[Any]:
    @tool
    def charge(runtime: ToolRuntime) -> str:
        """Charge the card."""
        return life.run_tool_sync("charge", runtime.tool_call_id or "")

    @tool
    def mail(runtime: ToolRuntime) -> str:
        """Mail the receipt."""
        return life.run_tool_sync("mail", runtime.tool_call_id or "")

    return [charge, mail]


def _act(make: Any, life: Life, action: str) -> None:
    connection = sqlite3.connect(life.folder / "checkpoints.sqlite", check_same_thread=False)
    model = ScriptedChat(life=life)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = make(model, _tools(life), checkpointer=SqliteSaver(connection))
    said = {"start": PROMPT, "message": QUESTION}.get(action)
    given = None if said is None else {"messages": [HumanMessage(said)]}
    graph.invoke(given, CONFIG, durability="sync")


if __name__ == "__main__":
    serve(
        {
            "create_agent": partial(_act, create_agent),
            "create_react_agent": partial(_act, create_react_agent),
            "create_agent, tools dedupe": partial(_act, create_agent),
        }
    )

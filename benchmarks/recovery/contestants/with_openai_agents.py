"""The OpenAI Agents SDK in the recovery benchmark: `Runner` with a `SQLiteSession` on a file.

* https://openai.github.io/openai-agents-python/sessions/: a session keeps the history between
  runs; the next message is sent with the same session.
* https://openai.github.io/openai-agents-python/running_agents/: for runs that survive a process
  the page names integrations with other systems (Temporal, Restate, DBOS, Dapr). A `RunState` can
  be resumed, but it is only there if a run has ended in an interruption and the application has
  stored it; a killed run leaves none. So there is no native resume here.
"""

import asyncio
from typing import Any

from agents import (
    Agent,
    Model,
    ModelResponse,
    Runner,
    SQLiteSession,
    Usage,
    function_tool,
    set_tracing_disabled,
)
from agents.testing import assistant_message, function_call
from agents.tool_context import ToolContext

from benchmarks.recovery.lives import NotOffered, serve
from benchmarks.recovery.world import PROMPT, QUESTION, Life, call_ids

set_tracing_disabled(True)


class ScriptedModel(Model):
    """The scenario's model behind the SDK's interface."""

    def __init__(self, life: Life) -> None:
        self._life = life

    async def get_response(self, *_args: Any, **asked: Any) -> ModelResponse:
        """One answer; the runner passes all by name."""
        given = asked["input"]
        items = [{"role": "user", "content": given}] if isinstance(given, str) else given
        answer = self._life.answer(_neutral(items))
        if isinstance(answer, str):
            output = [assistant_message(answer)]
        else:
            output = [function_call(name, "{}", call_id=call_ids()[name]) for name in answer]
        return ModelResponse(output=output, usage=Usage(), response_id=None)

    def stream_response(self, *_args: Any, **_kwargs: Any) -> Any:
        """Nothing here streams."""
        raise NotImplementedError


def _neutral(items: list[Any]) -> list[dict[str, Any]]:
    """The Responses wire has one item a call; neighbours become one answer, as they were."""
    messages: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = []
    for item in items:
        kind = item.get("type", "message")
        if kind == "function_call":
            if not messages or messages[-1]["role"] != "assistant" or answers:
                messages.append({"role": "assistant", "text": "", "calls": []})
                answers = []
            messages[-1]["calls"].append({"id": item["call_id"], "name": item["name"]})
        elif kind == "function_call_output":
            text = str(item["output"])
            answers.append({"role": "tool", "id": item["call_id"], "name": "", "text": text})
            messages.append(answers[-1])
        else:
            answers = []
            messages.append(_message(item))
    return messages


def _message(item: Any) -> dict[str, Any]:
    content = item["content"]
    text = content if isinstance(content, str) else "".join(part["text"] for part in content)
    if item["role"] == "assistant":
        return {"role": "assistant", "text": text, "calls": []}
    return {"role": "user", "text": text}


def _agent(life: Life) -> Agent[None]:
    @function_tool
    async def charge(context: ToolContext[Any]) -> str:
        """Charge the card."""
        return await life.run_tool("charge", context.tool_call_id)

    @function_tool
    async def mail(context: ToolContext[Any]) -> str:
        """Mail the receipt."""
        return await life.run_tool("mail", context.tool_call_id)

    return Agent(name="agent", model=ScriptedModel(life), tools=[charge, mail])


def _act(life: Life, action: str) -> None:
    if action == "resume":
        raise NotOffered("a killed run leaves no RunState")
    said = {"start": PROMPT, "message": QUESTION}[action]
    session = SQLiteSession("conversation", life.folder / "session.sqlite")
    asyncio.run(Runner.run(_agent(life), said, session=session))


if __name__ == "__main__":
    serve({"SQLiteSession": _act})

"""pydantic-ai in the recovery benchmark: alone, and with DBOS on SQLite.

* https://ai.pydantic.dev/message-history/: the application keeps the history, as JSON of
  `all_messages_json()` after each run, and passes it to the next one. There is no resume.
* https://ai.pydantic.dev/durable_execution/dbos/: the `DBOSDurability` capability, and `agent.run`
  inside a `@DBOS.workflow`. Model calls are steps. Function tools are not wrapped (the variant
  "plain tools"); the page advises to decorate those that do I/O with `@DBOS.step` (the others).
* https://docs.dbos.dev/python/tutorials/workflow-tutorial: workflows that were open when the
  process died are recovered by `DBOS.launch()` in a new process.

In the DBOS variants the conversation's history is loaded and saved in steps of the workflow. A new
message is sent when the recovered workflow has ended, so that it sees what that one has saved.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from dbos import DBOS, SetWorkflowID
from pydantic_ai import Agent, RunContext
from pydantic_ai.durable_exec.dbos import DBOSDurability
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelResponse,
    RetryPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.function import FunctionModel

from benchmarks.recovery.lives import NotOffered, serve
from benchmarks.recovery.world import PROMPT, QUESTION, Life, call_ids

SAID = {"start": PROMPT, "message": QUESTION}
FIRST = "first-turn"
SECOND = "second-turn"

Chat = Callable[[str], Awaitable[None]]


def _model(life: Life) -> FunctionModel:
    async def answer(messages: list[ModelMessage], _info: Any) -> ModelResponse:
        said = life.answer([one for message in messages for one in _neutral(message)])
        if isinstance(said, str):
            return ModelResponse(parts=[TextPart(said)])
        ids = call_ids()
        return ModelResponse(parts=[ToolCallPart(name, {}, ids[name]) for name in said])

    return FunctionModel(answer)


def _neutral(message: ModelMessage) -> list[dict[str, Any]]:
    if isinstance(message, ModelResponse):
        texts = [part.content for part in message.parts if isinstance(part, TextPart)]
        asked = [part for part in message.parts if isinstance(part, ToolCallPart)]
        calls = [{"id": part.tool_call_id, "name": part.tool_name} for part in asked]
        return [{"role": "assistant", "text": "".join(texts), "calls": calls}]
    return [_neutral_part(part) for part in message.parts]


def _neutral_part(part: Any) -> dict[str, Any]:
    if isinstance(part, ToolReturnPart):
        text = str(part.content)
        return {"role": "tool", "id": part.tool_call_id, "name": part.tool_name, "text": text}
    if isinstance(part, RetryPromptPart):
        text = part.model_response()
        name = part.tool_name or ""
        return {"role": "tool", "id": part.tool_call_id, "name": name, "text": text}
    if isinstance(part, UserPromptPart):
        return {"role": "user", "text": str(part.content)}
    return {"role": "user", "text": str(part)}


class HistoryFile:
    """The history as the application keeps it between runs."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "history.json"

    def load(self) -> list[ModelMessage]:
        """Everything saved so far."""
        if not self._path.exists():
            return []
        return ModelMessagesTypeAdapter.validate_json(self._path.read_bytes())

    def save(self, history: bytes) -> None:
        """Replace it."""
        beside = self._path.with_suffix(".next")
        beside.write_bytes(history)
        beside.replace(self._path)


# --- alone ------------------------------------------------------------------------------------


def _alone(life: Life, action: str) -> None:
    if action == "resume":
        raise NotOffered("a run is not kept before it ends")

    async def charge(context: RunContext[None]) -> str:
        """Charge the card."""
        return await life.run_tool("charge", context.tool_call_id or "")

    async def mail(context: RunContext[None]) -> str:
        """Mail the receipt."""
        return await life.run_tool("mail", context.tool_call_id or "")

    agent = Agent(_model(life), tools=[charge, mail])
    history = HistoryFile(life.folder)
    result = agent.run_sync(SAID[action], message_history=history.load())
    history.save(result.all_messages_json())


# --- with DBOS --------------------------------------------------------------------------------


def _durable(life: Life, action: str, *, steps: bool) -> None:
    url = f"sqlite:///{life.folder / 'dbos.sqlite'}"
    DBOS(config={"name": "kill-matrix", "system_database_url": url, "log_level": "ERROR"})
    chat = _chat_workflow(life, steps=steps)
    DBOS.launch()
    if action != "start":
        DBOS.retrieve_workflow(FIRST).get_result()  # recovered by `launch`
    if action != "resume":
        with SetWorkflowID(FIRST if action == "start" else SECOND):
            asyncio.run(chat(SAID[action]))


def _chat_workflow(life: Life, *, steps: bool) -> Chat:
    agent = _durable_agent(life, steps=steps)
    file = HistoryFile(life.folder)

    @DBOS.step()
    async def load() -> list[ModelMessage]:
        return file.load()

    @DBOS.step()
    async def save(history: bytes) -> None:
        file.save(history)

    @DBOS.workflow()
    async def chat(text: str) -> None:
        result = await agent.run(text, message_history=await load())
        await save(result.all_messages_json())

    return chat


def _durable_agent(life: Life, *, steps: bool) -> Agent[None, str]:
    async def charge_step(key: str) -> str:
        return await life.run_tool("charge", key)

    async def mail_step(key: str) -> str:
        return await life.run_tool("mail", key)

    do_charge = DBOS.step()(charge_step) if steps else charge_step
    do_mail = DBOS.step()(mail_step) if steps else mail_step

    async def charge(context: RunContext[None]) -> str:
        """Charge the card."""
        return await do_charge(context.tool_call_id or "")

    async def mail(context: RunContext[None]) -> str:
        """Mail the receipt."""
        return await do_mail(context.tool_call_id or "")

    return Agent(_model(life), name="agent", tools=[charge, mail], capabilities=[DBOSDurability()])


if __name__ == "__main__":
    serve(
        {
            "history saved after each run": _alone,
            "plain tools": partial(_durable, steps=False),
            "tools are steps": partial(_durable, steps=True),
            "tools are steps and dedupe": partial(_durable, steps=True),
        }
    )

"""AutoGen in the recovery benchmark: a team whose state the application saves after each run.

* https://microsoft.github.io/autogen/stable/user-guide/agentchat-user-guide/tutorial/state.html:
  `team.save_state()` when a run has ended, `team.load_state()` before the next one. There is no
  resume of a run that was killed.
"""

import asyncio
import json
from typing import Any

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import TextMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import FunctionCall
from autogen_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    FunctionExecutionResultMessage,
    ModelInfo,
    RequestUsage,
    UserMessage,
)

from benchmarks.recovery.lives import NotOffered, serve
from benchmarks.recovery.world import PROMPT, QUESTION, Life, call_ids

USAGE = RequestUsage(prompt_tokens=0, completion_tokens=0)
ABILITIES = ModelInfo(
    vision=False,
    function_calling=True,
    json_output=False,
    family="unknown",
    structured_output=False,
)


class ScriptedClient(ChatCompletionClient):
    """The scenario's model behind AutoGen's interface."""

    def __init__(self, life: Life) -> None:
        self._life = life

    async def create(self, messages: Any, **_kwargs: Any) -> CreateResult:
        """One answer."""
        answer = self._life.answer([one for message in messages for one in _neutral(message)])
        ids = call_ids()
        content: Any = answer
        if not isinstance(answer, str):
            content = [FunctionCall(id=ids[name], name=name, arguments="{}") for name in answer]
        reason = "stop" if isinstance(answer, str) else "function_calls"
        return CreateResult(finish_reason=reason, content=content, usage=USAGE, cached=False)

    def create_stream(self, *_args: Any, **_kwargs: Any) -> Any:
        """Nothing here streams."""
        raise NotImplementedError

    async def close(self) -> None:
        """Nothing to close."""

    def actual_usage(self) -> RequestUsage:
        """Nothing is counted."""
        return USAGE

    def total_usage(self) -> RequestUsage:
        """Nothing is counted."""
        return USAGE

    def count_tokens(self, *_args: Any, **_kwargs: Any) -> int:
        """Nothing is counted."""
        return 0

    def remaining_tokens(self, *_args: Any, **_kwargs: Any) -> int:
        """More than enough."""
        return 1_000_000

    @property
    def capabilities(self) -> Any:
        """The older name of `model_info`."""
        return ABILITIES

    @property
    def model_info(self) -> ModelInfo:
        """What the model can do."""
        return ABILITIES


def _neutral(message: Any) -> list[dict[str, Any]]:
    if isinstance(message, UserMessage):
        return [{"role": "user", "text": str(message.content)}]
    if isinstance(message, AssistantMessage):
        if isinstance(message.content, str):
            return [{"role": "assistant", "text": message.content, "calls": []}]
        calls = [{"id": call.id, "name": call.name} for call in message.content]
        return [{"role": "assistant", "text": "", "calls": calls}]
    if isinstance(message, FunctionExecutionResultMessage):
        return [
            {"role": "tool", "id": one.call_id, "name": one.name, "text": one.content}
            for one in message.content
        ]
    return []  # the system message


def _team(life: Life) -> RoundRobinGroupChat:
    async def charge() -> str:
        """Charge the card."""
        return await life.run_tool("charge", "charge")

    async def mail() -> str:
        """Mail the receipt."""
        return await life.run_tool("mail", "mail")

    agent = AssistantAgent(
        "agent", ScriptedClient(life), tools=[charge, mail], reflect_on_tool_use=True
    )
    return RoundRobinGroupChat([agent], termination_condition=TextMessageTermination("agent"))


async def _run(life: Life, said: str) -> None:
    team = _team(life)
    file = life.folder / "state.json"
    if file.exists():
        await team.load_state(json.loads(file.read_text()))
    await team.run(task=said)
    file.write_text(json.dumps(await team.save_state()))


def _act(life: Life, action: str) -> None:
    if action == "resume":
        raise NotOffered("a run is not kept before it ends")
    asyncio.run(_run(life, {"start": PROMPT, "message": QUESTION}[action]))


if __name__ == "__main__":
    serve({"save_state after each run": _act})

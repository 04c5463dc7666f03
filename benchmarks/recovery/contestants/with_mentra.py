"""Our agent in the recovery benchmark: a runtime on an LMDB store, durability "sync".

docs/guide.md: whoever opens the store goes on with what was open, so the native resume is to open
it and wait. A new message is a prompt to the same agent; it is answered after the run that was
open. README.md, "What is durable": what `retry` allows after a crash. The default is "never".

With "idempotent" the tool dedupes by `context.idempotency_key`, and is run again.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from benchmarks.recovery.lives import serve
from benchmarks.recovery.world import PROMPT, QUESTION, Life, call_ids
from mentra_actors import ScriptedModel, Tool, ToolContext, open_runtime_sync, tool
from mentra_actors.domain.content import (
    AssistantBlock,
    AssistantMessage,
    Message,
    TextBlock,
    ToolCallBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.model_call import ModelRequest

__all__ = ["Retry", "live"]

Retry = Literal["never", "idempotent"]

SAID: Mapping[str, Sequence[str]] = {"start": (PROMPT,), "message": (QUESTION,), "resume": ()}
TIMEOUT_S = 30.0


def live(life: Life, prompts: Sequence[str], *, retry: Retry, **options: Any) -> None:
    """One life, which says these prompts if they were not said before.

    `options` go to the runtime.
    """
    with open_runtime_sync(
        life.folder / "store",
        tools=_tools(life, retry),
        providers=[ScriptedModel(partial(_turn, life))],
        team_tools=False,
        memory_tools=False,
        **options,
    ) as runtime:
        for prompt in prompts:
            agent = runtime.spawn("agent", model="scripted:model", reuse=True)
            agent.send(prompt, prompt_id=prompt, timeout_s=TIMEOUT_S)
        runtime.until_idle(timeout_s=TIMEOUT_S)


def _turn(life: Life, request: ModelRequest) -> Sequence[AssistantBlock]:
    answer = life.answer([one for message in request.messages for one in _neutral(message)])
    if isinstance(answer, str):
        return (TextBlock(text=answer),)
    ids = call_ids()
    return tuple(ToolCallBlock(call_id=ids[name], name=name) for name in answer)


def _neutral(message: Message) -> list[dict[str, Any]]:
    match message:
        case UserMessage():
            return [{"role": "user", "text": message.text}]
        case AssistantMessage():
            texts = [block.text for block in message.blocks if isinstance(block, TextBlock)]
            asked = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
            calls = [{"id": block.call_id, "name": block.name} for block in asked]
            return [{"role": "assistant", "text": "".join(texts), "calls": calls}]
        case ToolResultsMessage():
            return [
                {"role": "tool", "id": one.call_id, "name": one.name, "text": one.content}
                for one in message.results
            ]


def _tools(life: Life, retry: Retry) -> list[Tool]:
    @tool(retry=retry, parallel=True)
    async def charge(context: ToolContext) -> str:
        """Charge the card."""
        return await life.run_tool("charge", context.idempotency_key)

    @tool(retry=retry, parallel=True)
    async def mail(context: ToolContext) -> str:
        """Mail the receipt."""
        return await life.run_tool("mail", context.idempotency_key)

    return [charge, mail]


def _act(retry: Retry) -> Callable[[Life, str], None]:
    return lambda life, action: live(life, SAID[action], retry=retry)


if __name__ == "__main__":
    serve({"retry=never": _act("never"), "retry=idempotent, tools dedupe": _act("idempotent")})

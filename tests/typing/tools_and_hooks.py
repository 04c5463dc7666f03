"""What type checkers see of tools, hooks and observers. Checked, never run."""

from collections.abc import Coroutine
from typing import Any, assert_type

import mentra_actors as mentra
from mentra_actors import AgentProfile, CallPreview, ProbeResult, ToolContext, ToolHook, tool


@tool
async def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


@mentra.tool(retry="safe", timeout_s=5, side_effects="none")
def shout(text: str, *, times: int = 1, context: ToolContext) -> str:
    """Say it louder."""
    assert_type(context.call_id, str)
    return text.upper() * times


@mentra.probe
def was_sent(idempotency_key: str) -> ProbeResult:
    """Whether the letter of this key has gone out."""
    raise mentra.ToolError(f"nobody knows about {idempotency_key}")


@tool(retry=was_sent, parallel=lambda given: given["to"] != "all")
def send_letter(to: str, body: str) -> mentra.ToolOutput:
    """Send a letter."""
    raise mentra.ToolError(f"no way to {to}: {body}")


class OnlySmall(ToolHook):
    """Refuses long texts."""

    async def before(self, call: CallPreview) -> mentra.Allow | mentra.Deny | mentra.Modify:
        assert_type(call.arguments, dict[str, Any])
        return mentra.Deny("too long") if len(str(call.arguments)) > 99 else mentra.Allow()


def authorize(call: CallPreview) -> mentra.Allow | mentra.Ask:
    return mentra.Allow() if call.tool == "shout" else mentra.Ask(f"{call.tool}?")


async def tools_keep_the_signatures_of_their_functions(context: ToolContext) -> None:
    assert_type(await count_words("a b"), int)
    later: Coroutine[Any, Any, int] = count_words(text="a b")
    assert_type(await later, int)
    assert_type(shout("a", times=2, context=context), str)
    assert_type(send_letter("all", body="b"), mentra.ToolOutput)
    await count_words(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    shout("a", loud=True, context=context)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def wrong_words_are_seen() -> None:
    tool(retry="sometimes")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    tool(timeout="5")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    AgentProfile(systen="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    print(mentra.no_such_name)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]

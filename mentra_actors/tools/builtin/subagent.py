"""The tool with which an agent hands a task to a disposable agent of its own."""

from mentra_actors.tools.builtin.team import team_tools
from mentra_actors.tools.contract import Tool, ToolContext
from mentra_actors.tools.functions.decorator import tool

__all__ = ["HIDDEN_FROM_SUBAGENTS", "subagent_tools"]

HIDDEN_FROM_SUBAGENTS = ("task", *(one.name for one in team_tools() if one.name != "idle"))
"""A subagent is nobody's teammate, and does its task itself."""


def subagent_tools() -> list[Tool]:
    """The tool `task`."""
    return [task]


@tool(
    retry="idempotent",
    capabilities=["delegation"],
    side_effects="local_state",
    durability="ephemeral",
    approval="delegation",
    parallel=True,
)
async def task(context: ToolContext, prompt: str) -> str:
    """Hand a task to a subagent: it starts with nothing but your words, works, and answers.

    Several calls in one answer work at the same time.

    Args:
        prompt: All that it needs to know: it sees nothing of this conversation.
    """
    answer = await context.run_subagent(prompt, hidden_tools=HIDDEN_FROM_SUBAGENTS)
    return answer.text

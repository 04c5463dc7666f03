"""Tools with which an agent uses its long-term memory."""

from typing import Literal

from mentra_actors.domain.memory import FoundRecord, fact_id_of
from mentra_actors.json_types import JsonObject
from mentra_actors.tools.contract import Tool, ToolContext, ToolError
from mentra_actors.tools.functions.decorator import tool
from mentra_actors.tools.tool_errors import refusals_told

__all__ = ["MOST_FOUND", "memory_tools"]

MOST_FOUND = 10
"""Most records that one search gives, whatever is asked for or configured."""


def memory_tools() -> list[Tool]:
    """The tools `memory_search`, `memory_pin` and `memory_forget`."""
    return [memory_search, memory_pin, memory_forget]


@tool(
    retry="safe",
    parallel=True,
    side_effects="none",
    capabilities=("read_only",),
    approval="read_only",
)
async def memory_search(
    context: ToolContext, query: str, limit: int | None = None
) -> list[JsonObject]:
    """Search your long-term memory: facts, also of your team and the project, and earlier runs.

    Args:
        query: What to look for, in words; records that have any of them are found.
        limit: How many records to give, at most 10.
    """
    if not query.strip():
        raise ToolError("memory_search needs a query: say in a few words what to look for")
    if limit is not None and limit < 0:
        raise ToolError(f"memory_search cannot give {limit} records: leave limit out")
    configured = context.memory.options.tool_search_limit
    found = await context.memory.search(query, min(limit or configured, configured, MOST_FOUND))
    return [found_json(one) for one in found]


@tool(
    retry="idempotent",
    side_effects="local_state",
    durability="persistent",
    capabilities=("memory_write",),
)
async def memory_pin(
    context: ToolContext,
    content: str,
    scope: Literal["agent", "team", "project"] = "agent",
) -> str:
    """Keep a fact in your long-term memory, where later runs find it by its words.

    Args:
        content: The fact, in words that make sense without this conversation.
        scope: Who else is to find it: nobody, all of your team, or all agents of the project.
    """
    _require_writing(context)
    wanted = fact_id_of(context.idempotency_key)
    with refusals_told("pin the fact"):
        record_id = await context.memory.pin(wanted, content, scope)
    if record_id != wanted:
        return f"Already pinned as {record_id}"
    return f"Pinned as {record_id}"


@tool(
    retry="idempotent",
    side_effects="local_state",
    durability="persistent",
    capabilities=("memory_write",),
)
async def memory_forget(context: ToolContext, record_id: str) -> str:
    """Forget a record that your memory_search finds; no search finds it any more, nobody's.

    Args:
        record_id: Its id, as memory_search and memory_pin tell it.
    """
    _require_writing(context)
    with refusals_told("forget the record"):
        await context.memory.forget(record_id)
    return f"Forgot {record_id}"


def found_json(found: FoundRecord) -> JsonObject:
    """A record that was found, as models see it; its time is in whole Unix seconds."""
    record = found.record
    return {
        "id": record.record_id,
        "kind": record.kind,
        "scope": record.scope,
        "content": record.content,
        "score": found.score,
        "timestamp": int(record.recorded_at),
        "source": record.source,
        "why_retrieved": found.why,
    }


def _require_writing(context: ToolContext) -> None:
    if not context.memory.options.write_tools_enabled:
        raise ToolError(
            "Writing to the long-term memory is switched off for this agent; "
            "you can still search it with memory_search"
        )

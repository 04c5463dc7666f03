"""The tool with which a model has the older part of its conversation summarised."""

from mentra_actors.domain.compacted import UnwrittenSummary
from mentra_actors.domain.compaction import NOTHING_OLDER
from mentra_actors.tools.contract import Tool, ToolContext, ToolOutput
from mentra_actors.tools.functions.decorator import tool

__all__ = ["compact_tools"]


def compact_tools() -> list[Tool]:
    """The tool `compact`."""
    return [compact]


@tool(
    retry="safe",
    capabilities=("context_compaction",),
    side_effects="local_state",
    durability="persistent",
)
async def compact(context: ToolContext) -> ToolOutput:
    """Replace the older part of this conversation by a summary, to make room for more work.

    The newest words stay as they are, and nothing is deleted from the log.
    """
    compaction = await context.compact()
    if isinstance(compaction, UnwrittenSummary):
        told = f"Compaction failed: {compaction.reason}"
        return ToolOutput(content=told, is_error=True, unwritten=compaction)
    if compaction is None:
        return ToolOutput(content=f"Compaction skipped because {NOTHING_OLDER}.")
    return ToolOutput(
        content=f"Context compacted. {compaction.replaced} older entries are summarized now; "
        "the whole conversation stays on the log.",
        compaction=compaction,
    )

"""The tool with which a model reads on in a result that was too long to be shown at once."""

from mentra_actors.domain.agent.profile import READ_TOOL_RESULT
from mentra_actors.tools.contract import ToolContext, ToolError
from mentra_actors.tools.functions.decorator import tool
from mentra_actors.tools.results.pages import next_page

__all__ = ["read_tool_result"]

_PAGE_BYTES = 32_768


@tool(
    name=READ_TOOL_RESULT,
    retry="safe",
    capabilities=["read_only"],
    side_effects="none",
    approval="read_only",
)
async def read_tool_result(context: ToolContext, tool_use_id: str, start_line: int) -> str:
    """Read the next window of a tool result that was paged.

    Args:
        tool_use_id: The id named in the paged result.
        start_line: The first line to show, counted from 1.
    """
    if start_line < 1:
        raise ToolError(f"start_line counts from 1, found {start_line}")
    text = await context.read_result(tool_use_id)
    if text is None:
        raise ToolError(f"No paged result is known under tool_use_id '{tool_use_id}'")
    return next_page(text, start_line, context.page_bytes or _PAGE_BYTES, tool_use_id)

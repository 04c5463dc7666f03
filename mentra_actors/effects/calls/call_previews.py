"""What a call would do, in data, and the digest by which it is known again."""

import hashlib
from collections.abc import Mapping

import msgspec

from mentra_actors.domain.agent.effects import ReviewCall, RunTool
from mentra_actors.effects.calls.call_plans import decoded_arguments, is_parallel
from mentra_actors.tools.contract import Tool
from mentra_actors.tools.functions.decorator import SYNC_TOOL_THREADS
from mentra_actors.tools.review import CallPreview
from mentra_actors.tools.worker_threads import on_worker_thread
from mentra_actors.tools.workplace import Workplace

__all__ = ["call_digest", "call_preview", "structured_preview"]


def call_preview(effect: ReviewCall | RunTool, tool: Tool, place: Workplace) -> CallPreview:
    """A call as hooks see it; what it would do is not looked at yet."""
    arguments, _ = decoded_arguments(effect.arguments)
    profile = effect.profile
    return CallPreview(
        agent_id=profile.agent_id,
        agent_name=profile.name,
        team_id=profile.team_id,
        model=profile.model,
        run_id=effect.run_id,
        key=effect.key,
        call_id=effect.call_id,
        tool=effect.tool,
        arguments=arguments,
        retry=tool.retry,
        parallel=is_parallel(tool, arguments),
        traits=tool.traits,
        working_directory=str(place.base_dir),
    )


async def structured_preview(
    tool: Tool, arguments: Mapping[str, object], place: Workplace
) -> dict[str, object]:
    """What a call would do, in the words of its tool; its arguments, if the tool has none.

    Raises:
        Exception: whatever the tool raises; a `ToolError` has words for the model.
    """
    preview = tool.preview
    if preview is None:
        return dict(arguments)
    told = await on_worker_thread(lambda: preview(arguments, place), threads=SYNC_TOOL_THREADS)
    plain: dict[str, object] = msgspec.to_builtins(told, str_keys=True)
    return plain


def call_digest(tool: str, arguments: str, structured: Mapping[str, object]) -> str:
    """Name (SHA-256, hexadecimal) of exactly this call: its input, and what it would do."""
    shown = msgspec.json.encode(structured, order="deterministic")
    parts = (tool.encode(), arguments.encode(), shown)
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()

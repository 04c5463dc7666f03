"""Whether the subagents of a program are at work, which only their own logs say."""

from collections.abc import Sequence

import msgspec

from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.views.snapshots import SubagentView

__all__ = ["with_status"]


def with_status(core: RuntimeCore, views: Sequence[SubagentView]) -> tuple[SubagentView, ...]:
    """The same subagents as they are now. Reads the log of those that nobody here waits for."""
    return tuple(
        msgspec.structs.replace(one, status="interrupted") if _is_left(core, one) else one
        for one in views
    )


def _is_left(core: RuntimeCore, view: SubagentView) -> bool:
    if view.key or view.agent_id in core.runs.awaited_subagents:
        return False
    state = core.members.state(view.agent_id)
    return state.run is None and not state.waiting_prompts

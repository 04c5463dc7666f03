"""Reminds a model of the tasks of its team when it has not used the board for some rounds."""

import logging
from collections.abc import Iterable

from mentra_actors.domain.agent.profile import BOARD_TOOLS, AgentProfile
from mentra_actors.domain.board.state import BoardState, Task
from mentra_actors.effects.ports import Looks
from mentra_actors.errors import MentraError
from mentra_actors.ids import board_stream

__all__ = ["BoardReminders", "reminder_of"]

_log = logging.getLogger(__name__)

MOST_TASKS = 10
_SUBJECT_CHARS = 120


class BoardReminders:
    """Looks at the board for a request. On the effects loop."""

    def __init__(self, streams: Looks) -> None:
        self._streams = streams

    async def text_for(self, profile: AgentProfile, tools: Iterable[str]) -> str:
        """What a request is to remind of; empty for nothing, or if it has no tool for it."""
        if not any(name.startswith(BOARD_TOOLS) for name in tools):
            return ""
        try:
            board: BoardState = await self._streams.look(board_stream(profile.team_id))
        except MentraError as error:  # no reminder is worth an answer
            _log.warning("%s is not reminded of the board: %s", profile.agent_id, error)
            return ""
        return reminder_of(board, profile.name)


def reminder_of(board: BoardState, name: str) -> str:
    """The tasks that are not completed, for the agent `name`, its own first; empty for none."""
    left = [task for task in board.tasks.values() if task.status != "completed"]
    if not left:
        return ""
    left.sort(key=lambda task: (task.owner != name, task.status != "in_progress", task.task_id))
    more = len(left) - MOST_TASKS
    lines = [
        "<reminder>",
        "You have not used the task board for a while. Not completed yet:",
        *(_line(task, name) for task in left[:MOST_TASKS]),
        *([f"and {more} more"] if more > 0 else []),
        "Update the status of your tasks if it has changed.",
        "</reminder>",
    ]
    return "\n".join(lines)


def _line(task: Task, name: str) -> str:
    whose = "yours" if task.owner == name else task.owner
    who = f", {whose}" if whose else ""
    subject = " ".join(task.subject.split())
    shown = subject if len(subject) <= _SUBJECT_CHARS else f"{subject[:_SUBJECT_CHARS]}..."
    return f"#{task.task_id} ({task.status}{who}): {shown}"

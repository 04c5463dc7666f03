"""Calls of tools that run commands: their arguments, what they would do, and their progress."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import anyio.from_thread
import msgspec

from mentra_actors.json_types import Json, JsonObject
from mentra_actors.tools.shell_review.offered_words import offered_words
from mentra_actors.tools.shell_review.verdict import ShellReview
from mentra_actors.tools.tool_errors import ToolError
from mentra_actors.tools.workplace import Workplace

__all__ = [
    "CommandArguments",
    "ProgressLines",
    "command_arguments",
    "command_preview",
    "command_schema",
    "require_same_directory",
    "review_note",
]

_PROPERTIES: Mapping[str, Json] = {
    "command": {"type": "string", "description": "A command line for /bin/sh."},
    "workingDirectory": {
        "type": "string",
        "description": "Where it starts, relative to your base directory.",
    },
    "justification": {
        "type": "string",
        "description": "Why it is needed, for whoever has to allow it.",
    },
    "timeoutMs": {
        "type": "integer",
        "minimum": 1,
        "description": "Milliseconds that it may take; the runtime sets the most.",
    },
}
_MOST_LINES = 1_000
_LINE_CHARS = 2_000


class CommandArguments(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What models say of a command. `timeout_ms` None means the usual time."""

    command: str
    working_directory: str = ""
    justification: str = ""
    timeout_ms: int | None = None
    target: str = ""

    @property
    def timeout_s(self) -> float | None:
        """The asked time in seconds."""
        return None if self.timeout_ms is None else self.timeout_ms / 1000


def command_arguments(arguments: Json) -> CommandArguments:
    """The arguments of a call that its schema has accepted.

    Raises:
        ToolError: there is no command in them.
    """
    call = msgspec.convert(arguments, CommandArguments)
    if not call.command.strip():
        raise ToolError("Command is required")
    return call


def command_schema(*, has_timeout: bool, targets: Sequence[str] = ()) -> str:
    """The JSON Schema of the arguments; `target` is among them only if there are targets."""
    properties = dict(_PROPERTIES)
    if not has_timeout:
        del properties["timeoutMs"]
    if targets:
        properties["target"] = {
            "type": "string",
            "enum": sorted(targets),
            "description": "The machine on which it runs; this one if left out.",
        }
    schema = {
        "type": "object",
        "properties": properties,
        "required": ["command"],
        "additionalProperties": False,
    }
    return msgspec.json.encode(schema).decode()


def command_preview(
    kind: Literal["shell", "background_run"], arguments: Json, place: Workplace
) -> JsonObject:
    """What a call would do, for whoever decides about it. On a worker thread of the loop.

    Raises:
        PolicyDenied: the policy forbids it.
        ToolError: it cannot be run.
    """
    call = command_arguments(arguments)
    permit = partial(
        place.permitted,
        call.command,
        working_directory=call.working_directory,
        timeout_s=call.timeout_s,
        target=call.target,
        background=kind == "background_run",
    )
    request, review = anyio.from_thread.run(permit)
    place.executor(call.target)
    if review is None:
        review = place.reviewed(call.command, Path(request.cwd))
    limit_s = request.timeout_s
    return {
        "kind": kind,
        "command": call.command,
        "working_directory": request.cwd,
        "timeout_ms": None if limit_s is None else round(limit_s * 1000),
        "justification": call.justification,
        "background": kind == "background_run",
        "target": call.target,
        **_reviewed(review, request.cwd, place.policy.shell_validation),
    }


def require_same_directory(place: Workplace, directory: str) -> None:
    """Nothing, if a command starts where it was allowed to.

    Raises:
        ToolError: its working directory leads elsewhere now.
    """
    previewed = place.previewed
    if previewed is not None and previewed["working_directory"] != directory:
        raise ToolError(
            "The working directory leads elsewhere than when this command was allowed; "
            "nothing was run, make the call again."
        )


def _reviewed(review: ShellReview, directory: str, mode: str) -> JsonObject:
    return {
        "validation": review_note(review, mode),
        "simple_words": list(review.simple_words),
        "offered_words": list(offered_words(review.simple_words)),
        "resolved_paths": [os.path.realpath(Path(directory, path)) for path in review.paths],
    }


def review_note(review: ShellReview, mode: str) -> dict[str, str]:
    """A review in few words, for previews and the log."""
    return {
        "mode": mode,
        "intent": review.intent,
        "outcome": review.verdict,
        "reason": review.reason,
    }


class ProgressLines:
    """Shows the output of a command line by line, while it comes.

    Of each stream the first lines, and when there were a thousand the last line of each piece.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._begun = {"stdout": b"", "stderr": b""}
        self._shown = {"stdout": 0, "stderr": 0}

    def add(self, stream: Literal["stdout", "stderr"], piece: bytes) -> None:
        """Show the lines that end in this piece."""
        lines = (self._begun[stream] + piece).split(b"\n")
        self._begun[stream] = lines.pop()[:_LINE_CHARS]
        room = max(_MOST_LINES - self._shown[stream], 1)
        shown = lines if len(lines) <= room else [*lines[: room - 1], lines[-1]]
        self._shown[stream] += len(shown)
        for line in shown:
            self._tell(stream, line)

    def end(self) -> None:
        """Show what has come of last lines that have no end."""
        for stream, begun in self._begun.items():
            if begun:
                self._tell(stream, begun)

    def _tell(self, stream: str, line: bytes) -> None:
        text = line[:_LINE_CHARS].decode(errors="replace").removesuffix("\r")
        self._show(f"{stream}: {text}")

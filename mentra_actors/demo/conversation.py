"""What a rule-based model may know: everything it reads out of the messages of one request.

Nothing is remembered between requests, so a model that is asked again after a crash comes to the
same plan.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from mentra_actors.domain.content import (
    AssistantMessage,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.conversation_tree import NO_RESULT
from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.domain.transcript import unknown_outcome_text
from mentra_actors.json_types import Json, JsonObject

__all__ = ["BoardTask", "Conversation", "Identity", "Letter", "Step", "read_conversation"]

_UNKNOWN_STARTS = unknown_outcome_text("").partition(":")[0]
_LETTER = re.compile(r"\A<team-inbox>\n(.*)\n</team-inbox>\Z", re.DOTALL)
_IDENTITY = re.compile(
    r"You are teammate '([^']*)' with role '([^']*)' on a team led by '([^']*)'"
)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One call and its result. `at` is the place of the result among the messages, from 0."""

    at: int
    tool: str
    arguments: Json
    content: str
    is_error: bool

    @property
    def is_ok(self) -> bool:
        """True if the tool did what it was asked."""
        return not self.is_error

    @property
    def is_unknown(self) -> bool:
        """True if nobody knows whether the call happened."""
        text = self.content
        return self.is_error and (text.startswith(_UNKNOWN_STARTS) or text == NO_RESULT)


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """Mail, where it stands among the messages."""

    at: int
    sender: str
    body: str


class BoardTask(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A task as the board tools show it."""

    id: int
    subject: str
    description: str = ""
    status: str = "pending"
    owner: str = ""
    blocked_by: tuple[int, ...] = ()

    @property
    def is_ready(self) -> bool:
        """True if it may be claimed."""
        return self.status == "pending" and not self.owner and not self.blocked_by


class _TaskList(msgspec.Struct, frozen=True, kw_only=True):
    tasks: tuple[BoardTask, ...]


class _ChangedTask(msgspec.Struct, frozen=True, kw_only=True):
    task: BoardTask


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who a teammate is, in the words of its system prompt."""

    name: str
    role: str
    lead: str


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """A request, read. Places count messages from 0; -1 stands for never."""

    identity: Identity | None
    tools: frozenset[str]
    steps: tuple[Step, ...]
    letters: tuple[Letter, ...]
    last_input_at: int
    prompt: str = ""

    def of(self, tool: str, *, after: int = -1, **arguments: object) -> Sequence[Step]:
        """Steps with this tool and at least these arguments, past a place, oldest first."""
        return [
            step
            for step in self.steps
            if step.tool == tool
            and step.at > after
            and all(step.arguments.get(name) == value for name, value in arguments.items())
        ]

    @property
    def board_seen_at(self) -> int:
        """Place of the last look at the whole board."""
        return max((step.at for step in self.of("task_list") if step.is_ok), default=-1)

    def board(self) -> dict[int, BoardTask]:
        """The tasks as of the last look, with what was said of single ones since."""
        tasks: dict[int, BoardTask] = {}
        for step in self.steps:
            if step.is_error:
                continue
            if step.tool == "task_list":
                seen = _decoded(step.content, _TaskList)
                if seen is not None:
                    tasks = {task.id: task for task in seen.tasks}
            elif step.tool in ("task_create", "task_claim", "task_update", "task_get"):
                changed = _decoded(step.content, _ChangedTask)
                task = changed.task if changed else _decoded(step.content, BoardTask)
                if task is not None:
                    tasks[task.id] = task
        return tasks


def read_conversation(request: ModelRequest) -> Conversation:
    """Everything that the rules plan on."""
    steps: list[Step] = []
    letters: list[Letter] = []
    calls: list[ToolCallBlock] = []
    last_input_at, prompt = -1, ""
    for at, message in enumerate(request.messages):
        match message:
            case AssistantMessage(blocks=blocks):
                calls = [block for block in blocks if isinstance(block, ToolCallBlock)]
            case ToolResultsMessage(results=results):
                steps.extend(_steps(at, calls, results))
            case UserMessage(source="mail"):
                last_input_at = at
                letters.extend(_letter(at, message.text))
            case UserMessage(source="notice"):  # a reminder asks for nothing new
                pass
            case UserMessage():
                last_input_at, prompt = at, message.text
    return Conversation(
        identity=_identity(request.system),
        tools=frozenset(tool.name for tool in request.tools),
        steps=tuple(steps),
        letters=tuple(letters),
        last_input_at=last_input_at,
        prompt=prompt,
    )


def _identity(system: str) -> Identity | None:
    found = _IDENTITY.search(system)
    return Identity(name=found[1], role=found[2], lead=found[3]) if found else None


def _steps(
    at: int, calls: Sequence[ToolCallBlock], results: Sequence[ToolResultBlock]
) -> Sequence[Step]:
    by_id = {call.call_id: call for call in calls}
    return [
        Step(
            at=at,
            tool=result.name,
            arguments=_arguments(by_id.get(result.call_id)),
            content=result.content,
            is_error=result.is_error,
        )
        for result in results
    ]


def _arguments(call: ToolCallBlock | None) -> Json:
    decoded = _decoded(call.arguments if call else "", JsonObject)
    return decoded if isinstance(decoded, dict) else {}


def _letter(at: int, text: str) -> Sequence[Letter]:
    found = _LETTER.match(text)
    decoded = _decoded(found[1], JsonObject) if found else None
    if not isinstance(decoded, dict):
        return []
    sender, body = str(decoded.get("from", "")), str(decoded.get("content", ""))
    return [Letter(at=at, sender=sender, body=body)]


def _decoded(text: str, kind: object) -> Any:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeError):
        return None

"""A conversation as a script sees it: who speaks, what was said to it, what its tools returned.

A script that looks at what stands in the conversation, and counts nothing by itself, goes on in
the right place when its process was killed.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import mentra_actors as mentra
from mentra_actors.domain.content import AssistantMessage, ToolResultsMessage, UserMessage

__all__ = ["Scene", "Step"]

_NAME = re.compile(r"You are (?:teammate ')?(\w+)")
_LETTER = re.compile(r"<team-inbox>\n(.*?)\n</team-inbox>", re.DOTALL)


class Step(NamedTuple):
    """A call of a tool, and what came of it."""

    tool: str
    arguments: dict[str, Any]
    result: str
    is_error: bool

    @property
    def value(self) -> Any:
        """The result, which is JSON."""
        return json.loads(self.result)


class Scene:
    """What stands in the request of a model."""

    def __init__(self, request: mentra.ModelRequest) -> None:
        names = _NAME.findall(request.system)
        said = [one for one in request.messages if isinstance(one, UserMessage)]
        letters = (json.loads(text) for one in said for text in _LETTER.findall(one.text))
        self.who: str = names[-1] if names else "lead"
        """The last "You are NAME" of the system prompt."""
        self.prompts = [one.text for one in said if one.source != "mail"]
        self.words = "\n".join(one.text for one in said)
        self.letters = [(letter["from"], letter["content"]) for letter in letters]
        self.steps = list(_steps(request.messages))
        self.output = request.tools[-1].name if request.tools else ""
        """The tool that hands over a typed value, in a run that ends with one."""
        self.has_news = isinstance(request.messages[-1], UserMessage)
        """True if nothing was done yet about the last prompt or letter."""

    def of(self, tool: str, **arguments: Any) -> list[Step]:
        """The calls of a tool that went well, with at least these arguments."""
        return [
            step
            for step in self.steps
            if step.tool == tool
            and not step.is_error
            and arguments.items() <= step.arguments.items()
        ]

    def from_(self, sender: str) -> list[str]:
        """The letters of one sender."""
        return [text for name, text in self.letters if name == sender]


def _steps(messages: Sequence[Any]) -> Iterator[Step]:
    asked: dict[str, dict[str, Any]] = {}
    for message in messages:
        if isinstance(message, AssistantMessage):
            calls = [block for block in message.blocks if hasattr(block, "arguments")]
            asked |= {call.call_id: json.loads(call.arguments or "{}") for call in calls}
        elif isinstance(message, ToolResultsMessage):
            for result in message.results:
                said = asked.get(result.call_id, {})
                yield Step(result.name, said, result.content, result.is_error)

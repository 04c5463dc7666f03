"""What a team does, told in lines of 80 columns as it is recorded."""

import json
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_args

from mentra_actors.domain.agent import events as agent
from mentra_actors.domain.background.events import JobEnd
from mentra_actors.domain.content import ToolCallBlock, text_of
from mentra_actors.domain.inbox import MailDelivered
from mentra_actors.domain.team import MemberJoined
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import category_of, name_of
from projections.timeline import sentence_of

__all__ = ["Story"]

_WIDTH = 80
_MARGIN = 12
_MOST_CHARS = 600
_MOST_CHARS_OF_INPUT = 200
_SHOWN_ELSEWHERE = ("team_", "task_", "idle")
"""New members, letters and tasks are events of their own."""
_OUTPUT_TOOL = re.compile(r"^final_(\w+)_[0-9a-f]{16}$")
"""The tool that hands over a typed value, named after its type."""


class Story:
    """Tells the events of a runtime to `write`, line by line; give it to `on_recorded`."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._tools: dict[tuple[str, str], str] = {}
        self._makers: dict[str, str] = {}

    def __call__(self, recorded: Sequence[RecordedEvent[Any]]) -> None:
        """The next events."""
        for one in recorded:
            for who, what in self._lines(one):
                self._write(_wrapped(who, what))

    def _lines(self, recorded: RecordedEvent[Any]) -> Iterator[tuple[str, str]]:
        who, event = name_of(recorded.stream_id), recorded.event
        match event:
            case MemberJoined():
                yield event.profile.name, f"joins as {event.profile.role}"
            case MailDelivered(mail=mail):
                yield mail.sender, f"→ {mail.to}: {_clipped(mail.body)}"
            case agent.SubagentSpawned():
                self._makers[event.profile.agent_id] = who
            case agent.PromptAccepted():
                asks = self._makers.get(who, "you")
                yield asks, f"→ {who.removeprefix(f'{asks}.')}: {_clipped(event.text)}"
            case agent.ModelReplied():
                yield from ((self._shown(who), line) for line in _said(event))
            case agent.ToolCallStarted():
                self._tools[who, event.key] = event.tool
            case agent.ToolCallFinished():
                yield from ((self._shown(who), line) for line in self._came_of(who, event))
            case _ if kind := _told_by_itself(recorded):
                yield self._shown(kind), sentence_of(recorded)
            case _:
                pass

    def _shown(self, who: str) -> str:
        """A subagent is shown without the name of the agent that has made it."""
        return who.removeprefix(f"{self._makers.get(who)}.")

    def _came_of(self, who: str, event: agent.ToolCallFinished) -> Iterator[str]:
        tool = self._tools.get((who, event.key), "")
        if event.is_error:
            yield f"! {event.content}"
        elif tool and not tool.startswith(_SHOWN_ELSEWHERE):
            yield f"{tool} → {_clipped(event.content)}"


def _told_by_itself(recorded: RecordedEvent[Any]) -> str:
    """Whose event it is, if it needs no words of ours; else empty."""
    match recorded.event:
        case agent.RunFailed() | agent.RunCancelled():
            return name_of(recorded.stream_id)
        case event if isinstance(event, get_args(JobEnd)):
            return "job"
        case _:
            return "board" if category_of(recorded.stream_id) == "board" else ""


def _said(event: agent.ModelReplied) -> Iterator[str]:
    if text := text_of(event.blocks):
        yield text
    for block in event.blocks:
        if isinstance(block, ToolCallBlock) and not block.name.startswith(_SHOWN_ELSEWHERE):
            name = _OUTPUT_TOOL.sub(r"\1", block.name)
            yield f"{name}({_clipped(_named(block.arguments))})"


def _named(arguments: str) -> str:
    try:
        named = json.loads(arguments or "{}")
    except ValueError:
        return arguments
    return ", ".join(f"{name}={value!r}" for name, value in named.items())


def _clipped(text: str) -> str:
    return textwrap.shorten(text, _MOST_CHARS_OF_INPUT, placeholder=" …")


def _wrapped(who: str, what: str) -> str:
    """The name in the margin, the words beside it."""
    return textwrap.fill(
        textwrap.shorten(what, _MOST_CHARS, placeholder=" …"),
        _WIDTH,
        initial_indent=f"{who:>{_MARGIN - 2}}  ",
        subsequent_indent=" " * _MARGIN,
    )

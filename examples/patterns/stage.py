"""What the examples share: arguments, a store that they name, a script, a story.

    choice = chosen(__doc__, arguments)
    with stage(choice, play) as runtime:
        lead = runtime.spawn("lead", model=choice.model, reuse=True)

`play(scene)` is the script that plays the model if there is no `--model`. It looks at what stands
in the conversation and counts nothing by itself, so it goes on in the right place after a crash.
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, get_args

import mentra_actors as mentra
from mentra_actors.domain.agent import events as agent
from mentra_actors.domain.background.events import JobEnd
from mentra_actors.domain.content import (
    AssistantMessage,
    ToolCallBlock,
    ToolResultsMessage,
    UserMessage,
    text_of,
)
from mentra_actors.domain.inbox import Mail, MailDelivered
from mentra_actors.domain.team import MemberJoined
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import UnknownModel
from mentra_actors.ids import category_of, name_of
from projections.views.timeline import sentence_of

__all__ = ["Choice", "Scene", "Step", "Story", "choice_of", "chooser", "chosen", "stage"]

_NAME = re.compile(r"You are (?:teammate ')?(\w+)")
_CALL = re.compile(r"^tool-\d+\.\d+\.(?=[a-z])")
_LETTER = re.compile(r"<team-inbox>\n(.*?)\n</team-inbox>", re.DOTALL)
_WIDTH = 80
_MARGIN = 12
_SCRIPT = "scripted:play"
_PIECE = 9
"""Characters of an answer that come at once, where the answer is shown as it comes."""
_MOST_CHARS = 600
_MOST_CHARS_OF_INPUT = 140
_MOST_CHARS_OF_LETTER = 280
_SHOWN_ELSEWHERE = ("team_", "task_", "idle")
"""New members, letters and tasks are events of their own."""
_WITHOUT_RESULT = (*_SHOWN_ELSEWHERE, "read", "ls", "grep", "glob", "background_run")
"""Of these the call says enough."""
_OUTPUT_TOOL = re.compile(r"^final_(\w+)_[0-9a-f]{16}$")
"""The tool that hands over a typed value, named after its type."""


class Choice(NamedTuple):
    """What the command line says. `folder`, beside the store, is for files of the team.

    Without `is_model_named` nobody has said `--model`, and the script plays.
    """

    model: str
    store: Path
    folder: Path
    is_model_named: bool = False


def chosen(doc: str | None, arguments: Sequence[str] | None = None) -> Choice:
    """The model and the store to use; without `--store` a new one that is said."""
    return choice_of(chooser(doc).parse_args(arguments))


def chooser(doc: str | None) -> argparse.ArgumentParser:
    """The arguments that all examples have, for one that adds some of its own."""
    parser = argparse.ArgumentParser(
        description=as_wide_as_the_screen(doc or ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", help="such as openai:gpt-5.4-mini; without it a script plays")
    parser.add_argument("--store", type=Path, help="where the team is; again, it goes on")
    return parser


def as_wide_as_the_screen(doc: str) -> str:
    """A text whose paragraphs and items of lists are wrapped anew, and lines of code if long."""
    width = shutil.get_terminal_size().columns - 2
    pieces = re.split(r"\n(?=\n|- | {4})|(?<=\n)\n", doc)
    return "\n".join(_wrapped_piece(one, width) for one in pieces)


def _wrapped_piece(piece: str, width: int) -> str:
    indent = re.match(r"(?: {4}|- )?", piece)[0]  # type: ignore[index]
    words = piece if indent.isspace() else " ".join(piece.split())
    lines = textwrap.wrap(
        words,
        width,
        subsequent_indent=" " * len(indent) * (1 + indent.isspace()),
        break_on_hyphens=False,
    )
    before = "\n" if piece.startswith("\n") else ""
    return before + "\n".join(lines)


def choice_of(said: argparse.Namespace) -> Choice:
    """What was said on the command line; says where the team is."""
    store = said.store or Path(tempfile.mkdtemp(prefix="mentra-")) / "team.mentra"
    _say(f"The team goes on in {store}" if store.exists() else f"A new team in {store}")
    folder = store.absolute().with_suffix(".files")
    return Choice(said.model or _SCRIPT, store, folder, is_model_named=bool(said.model))


@contextmanager
def stage(
    choice: Choice, play: Callable[["Scene"], Any], *, is_told: bool = True, **options: Any
) -> Iterator[mentra.SyncRuntime]:
    """A runtime that tells its story. Errors of it end the program, and say how to go on.

    With `is_told=False` the program tells what happens, and resumes what an error has ended.
    """
    script = mentra.ScriptedModel(
        lambda request: play(Scene(request)), delta_chars=None if is_told else _PIECE
    )
    try:
        with mentra.open_runtime_sync(choice.store, providers=[script], **options) as runtime:
            if is_told:
                runtime.on_recorded(Story(_say))
                _resume(runtime, choice.model)
            yield runtime
    except (mentra.MentraError, KeyboardInterrupt, EOFError) as error:
        is_usable = choice.is_model_named and not isinstance(error, UnknownModel)
        how = f"{f'--model {choice.model} ' if is_usable else ''}--store {choice.store}"
        sys.exit(f"{type(error).__name__}: {error}\nTo go on: {how}")


def _resume(runtime: mentra.SyncRuntime, model: str) -> None:
    """Go on with runs that an error has ended; those that a crash left open need nobody."""
    for name in runtime.team().members:
        member = runtime.agent(name)
        if member.snapshot().can_resume:
            member.configure(model=model)
            member.resume()


def _say(line: str) -> None:
    print(line, flush=True)


# --- scripts ---------------------------------------------------------------------------------


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
        self.who: str = names[-1] if names else "lead"
        """The last "You are NAME" of the system prompt."""
        self.system = request.system
        self.prompts = [one.text for one in said if one.source != "mail"]
        self.words = "\n".join(one.text for one in said)
        self.letters = [json.loads(text) for text in _LETTER.findall(self.words)]
        """Mail: `from`, `content`, `type`; of an answer to a request also `approve`."""
        self.steps = list(_steps(request.messages))
        self.output = request.tools[-1].name if request.tools else ""
        """The tool that hands over a typed value, in a run that ends with one."""
        self.tools = {one.name for one in request.tools}
        """What the agent is offered."""
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
        return [letter["content"] for letter in self.letters if letter["from"] == sender]


def _steps(messages: Sequence[Any]) -> Iterator[Step]:
    asked: dict[str, dict[str, Any]] = {}
    for message in messages:
        if isinstance(message, AssistantMessage):
            calls = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
            asked |= {call.call_id: json.loads(call.arguments or "{}") for call in calls}
        elif isinstance(message, ToolResultsMessage):
            for result in message.results:
                said = asked.get(result.call_id, {})
                yield Step(result.name, said, result.content, result.is_error)


# --- the story -------------------------------------------------------------------------------


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
                yield mail.sender, _addressed(mail)
            case agent.SubagentSpawned():
                self._makers[event.profile.agent_id] = who
            case agent.PromptAccepted():
                asks = self._makers.get(who, "you")
                yield asks, f"→ {self._shown(who)}: {_clipped(event.text)}"
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
        """A subagent is shown without its maker; one that has a name, without its call."""
        return _CALL.sub("", who.removeprefix(f"{self._makers.get(who)}."))

    def _came_of(self, who: str, event: agent.ToolCallFinished) -> Iterator[str]:
        tool = self._tools.get((who, event.key), "")
        if event.is_error:
            yield f"! {event.content}"
        elif tool and not tool.startswith(_WITHOUT_RESULT):
            yield f"{tool} → {_clipped(event.content)}"


def _addressed(mail: Mail) -> str:
    said = {None: "", True: " (yes)", False: " (no)"}[mail.approve]
    how = " (asks)" if mail.kind == "request" else said
    return f"→ {mail.to}{how}: {_clipped(mail.body, _MOST_CHARS_OF_LETTER)}"


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


def _clipped(text: str, most: int = _MOST_CHARS_OF_INPUT) -> str:
    return textwrap.shorten(text, most, placeholder=" …")


def _wrapped(who: str, what: str) -> str:
    """The name in the margin, the words beside it."""
    return textwrap.fill(
        textwrap.shorten(what, _MOST_CHARS, placeholder=" …"),
        _WIDTH,
        initial_indent=f"{who:>{_MARGIN - 2}}  ",
        subsequent_indent=" " * _MARGIN,
    )

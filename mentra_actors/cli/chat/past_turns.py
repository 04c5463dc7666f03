"""What was said before: the entries of a conversation as turns, lines and Markdown. Pure."""

from collections.abc import Iterator, Sequence

import msgspec
from rich.text import Text

from mentra_actors.cli.chat.shown import Line, Prose, Shown, line
from mentra_actors.cli.chat.turn_fold import said_line
from mentra_actors.domain.content import (
    AssistantMessage,
    ToolCallBlock,
    ToolResultsMessage,
    UserMessage,
    text_of,
)
from mentra_actors.domain.conversation_tree import NO_RESULT, Entry
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import EntryId
from projections.sentence_words import clipped
from projections.session_lines import call_summary

__all__ = [
    "PastTurn",
    "as_markdown",
    "entry_named",
    "history_lines",
    "path_of",
    "shown_turns",
    "turns_in",
]

_MOST_WORDS = 70
_MOST_RESULT_CHARS = 120


class PastTurn(msgspec.Struct, frozen=True, kw_only=True):
    """What was said to the agent, and all that it did about it; numbers count from 1."""

    number: int
    entries: tuple[Entry, ...]

    @property
    def last(self) -> EntryId:
        """The entry with which it ends."""
        return self.entries[-1].entry_id


def path_of(entries: Sequence[Entry], leaf: EntryId) -> Sequence[Entry]:
    """The entries from the first one to this one."""
    path: list[Entry] = []
    while leaf:
        path.append(entries[leaf - 1])
        leaf = path[-1].parent
    return path[::-1]


def turns_in(path: Sequence[Entry]) -> Sequence[PastTurn]:
    """The turns of a path: each begins with a prompt, or with what came while the agent rested."""
    turns: list[list[Entry]] = []
    for entry in path:
        if not turns or _begins(entry, turns[-1][-1]):
            turns.append([])
        turns[-1].append(entry)
    return [PastTurn(number=n, entries=tuple(one)) for n, one in enumerate(turns, 1)]


def _begins(entry: Entry, before: Entry) -> bool:
    message = entry.message
    if not isinstance(message, UserMessage):
        return False
    rested = isinstance(before.message, AssistantMessage) and not before.keys
    return rested or message.source == "prompt"


def entry_named(words: str, entries: Sequence[Entry], path: Sequence[Entry]) -> EntryId:
    """The entry that `3` (the end of turn 3), `#12` (entry 12) or `0` (the beginning) names.

    Raises:
        CommandRejected: nothing is named so; says what there is.
    """
    turns = turns_in(path)
    number = words.removeprefix("#")
    if number.isdecimal():
        n = int(number)
        if n == 0:
            return EntryId(0)
        if words.startswith("#") and n <= len(entries):
            return EntryId(n)
        if not words.startswith("#") and n <= len(turns):
            return turns[n - 1].last
    raise CommandRejected(f"{words!r} names nothing: {_there_is(len(turns), len(entries))}")


def _there_is(turns: int, entries: int) -> str:
    """What can be named."""
    if not entries:
        return "nothing was said yet, only 0, the beginning, is there"
    ends = "" if not turns else "turn 1, " if turns == 1 else f"turns 1 to {turns}, "
    places = "entry #1" if entries == 1 else f"entries #1 to #{entries}"
    return f"to be named are {ends}{places}, and 0 for the beginning"


def shown_turns(turns: Sequence[PastTurn]) -> Iterator[Shown]:
    """Turns as they were."""
    for turn in turns:
        for entry in turn.entries:
            yield from _entry(entry)


def history_lines(turns: Sequence[PastTurn]) -> Iterator[Line]:
    """A line for each turn: its number, its last entry, how it began."""
    width = len(str(len(turns)))
    for turn in turns:
        first = turn.entries[0].message
        words = first.text if isinstance(first, UserMessage) else ""
        yield Line(
            Text.assemble(
                (f"{turn.number:>{width}}  ", "bold"),
                clipped(words, _MOST_WORDS),
                (f"  #{turn.last}", "dim"),
            ),
            is_cut=True,
        )


def as_markdown(title: str, path: Sequence[Entry]) -> str:
    """A conversation as a document."""
    return "\n\n".join([f"# {title}", *(part for entry in path for part in _parts(entry))]) + "\n"


# --- one entry --------------------------------------------------------------------------------


def _entry(entry: Entry) -> Iterator[Shown]:
    match entry.message:
        case UserMessage(source="prompt" | "steer" | "follow_up", text=text):
            yield from said_line(text)
        case UserMessage(source=source, text=text):
            yield line(f"◇ {source}: {clipped(text, _MOST_RESULT_CHARS)}", "dim", is_cut=True)
        case AssistantMessage(blocks=blocks):
            if text := text_of(blocks):
                yield Prose(text)
            for block in blocks:
                if isinstance(block, ToolCallBlock):
                    summary = call_summary(block.name, block.arguments)
                    yield line(f"→ {summary}", "dim", is_cut=True)
        case ToolResultsMessage(results=results):
            for one in results:
                if one.content == NO_RESULT:  # it may still be open, and wait for a person
                    yield line("  … no result yet", "dim")
                    continue
                mark, style = ("✗", "red") if one.is_error else ("✓", "dim")
                words = clipped(one.content, _MOST_RESULT_CHARS)
                yield line(f"  {mark} {words}", style, is_cut=True)


def _parts(entry: Entry) -> Iterator[str]:
    match entry.message:
        case UserMessage(source="prompt" | "steer" | "follow_up", text=text):
            yield "## " + "You"
            yield text
        case UserMessage(source=source, text=text):
            yield f"## {source}"
            yield _fenced(text)
        case AssistantMessage(blocks=blocks):
            if text := text_of(blocks):
                yield text
            for block in blocks:
                if isinstance(block, ToolCallBlock):
                    yield f"**{block.name}**"
                    yield _fenced(block.arguments, "json")
        case ToolResultsMessage(results=results):
            for one in results:
                yield _fenced(one.content)


def _fenced(text: str, language: str = "") -> str:
    """A text in a fence that is longer than any in it."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"

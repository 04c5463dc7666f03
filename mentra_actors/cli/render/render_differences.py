"""What differs between two moments, for people: a plus for what came, a minus for what went."""

import difflib
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import msgspec
from rich.text import Text

from mentra_actors.cli.render.figure_words import figure_words, is_figure
from mentra_actors.cli.render.render_transcript import item_lines
from mentra_actors.cli.render.render_usage import spent_words
from mentra_actors.domain.board.state import Task
from mentra_actors.domain.entry import Entry
from mentra_actors.runtime.history.differences import AgentDifference, TeamDifference
from projections.views.board_differences import BoardDifference, TaskChange
from projections.views.transcript_differences import Passage
from projections.views.transcript_item import AssistantText, Prompt, TranscriptItem
from projections.views.view_differences import Difference, FieldChange

__all__ = ["Lines", "difference_lines", "team_difference_lines"]

Lines: TypeAlias = Iterator[tuple[Text, int]]
"""Each with the column at which it goes on when it is wrapped."""

_ADDED, _REMOVED, _CHANGED = "green", "red", "yellow"
_MOST_CHARS = 200
_CONTEXT = 1
_ITEM_INDENT = 21


def team_difference_lines(found: TeamDifference) -> Lines:
    """All of it, in sections; each line with the column at which it goes on when it is wrapped."""
    yield from _roster_lines(found)
    board = list(_board_lines(found.board))
    if board:
        yield Text("Board", style="bold"), 0
        yield from board
        yield Text(), 0
    for one in found.agents:
        yield from _agent_lines(one)
        yield Text(), 0


def difference_lines(found: Sequence[Difference]) -> Lines:
    """Places at which two values differ, one by one."""
    for one in found:
        match one.how:
            case "added":
                yield _signed("+", one.place, _short(one.after)), 4
            case "removed":
                yield _signed("-", one.place, _short(one.before)), 4
            case _:
                yield from _change_lines(one.place, one.before, one.after, indent=0)


def _roster_lines(found: TeamDifference) -> Lines:
    for name in found.joined:
        yield Text.assemble(("+ ", _ADDED), (name, "bold"), " has joined"), 2
    for name in found.left:
        yield Text.assemble(("- ", _REMOVED), (name, "bold"), " has left"), 2
    for old, new in found.renamed:
        yield Text.assemble(("~ ", _CHANGED), (old, "bold"), " is now ", (new, "bold")), 2
    if found.joined or found.left or found.renamed:
        yield Text(), 0


def _board_lines(board: BoardDifference) -> Lines:
    for task in board.created:
        yield _task_line("+", _ADDED, task), 7
    for task in board.deleted:
        yield _task_line("-", _REMOVED, task), 7
    for change in board.changed:
        yield from _task_change_lines(change)


def _task_line(sign: str, style: str, task: Task) -> Text:
    line = Text.assemble((f"  {sign} {task.task_id}: ", style), " ".join(task.subject.split()))
    return line.append(f" @{task.owner}", style="cyan") if task.owner else line


def _task_change_lines(change: TaskChange) -> Lines:
    line = _task_line("~", _CHANGED, change.task)
    if change.was != change.is_now:
        words = (one.replace("_", " ") for one in (change.was, change.is_now))
        line.append(f"  {' → '.join(words)}", style=_CHANGED)
    yield line, 7
    for one in change.fields:
        if one.name != "status":
            yield from _change_lines(one.name, one.before, one.after, indent=7)


def _agent_lines(one: AgentDifference) -> Lines:
    line = Text.assemble(
        (one.name, "bold"), (f"  v{one.version_before} → v{one.version_after}", "dim")
    )
    if one.status_before != one.status_after:
        line.append(f"  {one.status_before or 'not there'} → {one.status_after or 'not there'}")
    line.append(spent_words(one.usage_before, one.usage_after), style="dim")
    yield line, 2
    for change in one.configuration:
        yield from _configuration_lines(change)
    if one.taken_back:
        count = len(one.taken_back)
        words = f"  {count} {'entries were' if count > 1 else 'entry was'} taken back"
        yield Text(words, style=_CHANGED), 2
        for entry in one.taken_back:
            yield Text.assemble(("    - ", _REMOVED), _entry_words(entry)), 6
    for passage in one.transcript.passages:
        yield from _passage_lines(passage)


def _configuration_lines(change: FieldChange) -> Lines:
    yield from _change_lines(change.name, change.before, change.after, indent=2)


def _change_lines(name: str, before: Any, after: Any, *, indent: int) -> Lines:
    """One line for what is short; texts of several lines as a unified diff."""
    room = " " * indent
    is_text = isinstance(before, str) and isinstance(after, str)
    if not (is_text and ("\n" in before or "\n" in after)):
        words = (
            _texts(before, after) if is_text and before and after else _values(name, before, after)
        )
        yield Text.assemble((f"{room}~ {name}  ", _CHANGED), words), indent + 4
        return
    yield Text(f"{room}~ {name}", style=_CHANGED), indent + 4
    diff = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=_CONTEXT)
    for number, piece in enumerate(diff):
        if number > 1 and not piece.startswith("@@"):  # the first two lines name files
            words = Text(f"{room}    {piece[:1]} {piece[1:]}", style=_style_of(piece))
            yield words, indent + 6


def _values(name: str, before: object, after: object) -> Text:
    """The value of a field with this name as it was and as it is, whole."""
    field = name.rpartition(".")[2]
    was, is_now = _short(before, field), _short(after, field)
    return Text.assemble((was, _REMOVED), (" → ", "dim"), (is_now, _ADDED))


def _texts(before: str, after: str) -> Text:
    """The words of a text that went and came, between those that stayed."""
    old, new = before.split(), after.split()
    text = Text()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    if matcher.ratio() < 0.5:  # noqa: PLR2004 - then what stayed is chance
        return _values("", before, after)
    for how, first, first_end, second, second_end in matcher.get_opcodes():
        if how == "equal":
            text.append(f"{' '.join(old[first:first_end])} ", style="dim")
            continue
        if first < first_end:
            text.append(f"[-{' '.join(old[first:first_end])}-]", style=_REMOVED).append(" ")
        if second < second_end:
            text.append(f"{{+{' '.join(new[second:second_end])}+}}", style=_ADDED).append(" ")
    text.rstrip()
    return text


def _passage_lines(passage: Passage) -> Lines:
    """What went, then what came; words that were said otherwise as one line."""
    for old, new in zip(passage.removed, passage.added, strict=False):
        if (texts := _spoken(old, new)) is not None:
            yield from _change_lines(f"v{new.stream_version}", *texts, indent=2)
        else:
            yield from _item_lines("-", _REMOVED, [old])
            yield from _item_lines("+", _ADDED, [new])
    both = min(len(passage.removed), len(passage.added))
    yield from _item_lines("-", _REMOVED, passage.removed[both:])
    yield from _item_lines("+", _ADDED, passage.added[both:])


def _spoken(old: TranscriptItem, new: TranscriptItem) -> tuple[str, str] | None:
    """The two texts of one speaker."""
    match old.content, new.content:
        case (AssistantText(text=before), AssistantText(text=after)):
            return before, after
        case (Prompt(text=before), Prompt(text=after)):
            return before, after
        case _:
            return None


def _item_lines(sign: str, style: str, items: Sequence[TranscriptItem]) -> Lines:
    for _, line in item_lines(items):
        yield Text.assemble((f"  {sign} ", style), line), _ITEM_INDENT


def _entry_words(entry: Entry) -> str:
    said = getattr(entry.message, "text", "") or entry.kind.replace("_", " ")
    return f"entry {entry.entry_id}: {_short(said)}"


def _signed(sign: str, place: str, words: str) -> Text:
    style = _ADDED if sign == "+" else _REMOVED
    return Text.assemble((f"{sign} {place}  ", style), words)


def _short(value: Any, name: str = "") -> str:
    if isinstance(value, str):
        text = " ".join(value.split()) or '""'
    elif is_figure(value):
        text = figure_words(name, value)
    else:
        text = msgspec.json.encode(value).decode()
    return text if len(text) <= _MOST_CHARS else f"{text[: _MOST_CHARS - 1]}…"


def _style_of(line: str) -> str:
    return {"+": _ADDED, "-": _REMOVED}.get(line[:1], "dim")

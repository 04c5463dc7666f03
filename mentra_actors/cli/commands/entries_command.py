"""`mentra entries`: the conversation of an agent as a tree."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import opened
from mentra_actors.domain.content import (
    AssistantMessage,
    Message,
    ToolCallBlock,
    ToolResultsMessage,
    UserMessage,
    text_of,
)
from mentra_actors.domain.conversation_tree import Entry, Transcript, closed
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.domain.transcript import apply
from mentra_actors.ids import EntryId
from mentra_actors.json_types import JsonObject
from projections.views.sentence_words import clipped

__all__ = ["entries"]

_MOST_CHARS = 100


def entries(
    agent: Annotated[str, typer.Argument(help="The agent's name.")],
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """The conversation of an agent as a tree of branches.

    Every branch, and where it goes on.
    """
    output = Output(as_json=as_json)
    with opened(store, team_name) as team, output.spinner("Reading the log"):
        tree = Transcript()
        for one in team.journal.read_stream(team.agent_stream(agent)):
            tree = apply(tree, one.event)
        tree = closed(tree)
    if as_json:
        output.document(_document(tree))
        return
    if not tree.entries:
        output.show("Nothing was said yet.")
    for line in _lines(tree):
        output.show_line(line)


def _document(tree: Transcript) -> JsonObject:
    return {
        "leaf": tree.leaf,
        "path": list(tree.path),
        "entries": [
            {
                "id": entry.entry_id,
                "parent": entry.parent,
                "kind": entry.kind,
                "label": tree.labels.get(entry.entry_id, ""),
                "message": entry.message,
            }
            for entry in tree.entries
        ],
    }


def _lines(tree: Transcript) -> list[Text]:
    """Depth first; a branch is indented where its parent has several children."""
    path = set(tree.path)
    children: dict[EntryId, list[Entry]] = {}
    for entry in tree.entries:
        children.setdefault(entry.parent, []).append(entry)
    lines: list[Text] = []
    waiting = [(entry, 0) for entry in reversed(children.get(EntryId(0), []))]
    while waiting:
        entry, depth = waiting.pop()
        lines.append(_line(entry, depth, tree, is_on_path=entry.entry_id in path))
        here = children.get(entry.entry_id, [])
        step = 1 if len(here) > 1 else 0
        waiting += [(child, depth + step) for child in reversed(here)]
    return lines


def _line(entry: Entry, depth: int, tree: Transcript, *, is_on_path: bool) -> Text:
    mark = "▶" if entry.entry_id == tree.leaf else " "
    label = tree.labels.get(entry.entry_id, "")
    line = Text(f"{mark} {entry.entry_id:>4} {'  ' * depth}", style="" if is_on_path else "dim")
    line.append(f"{entry.kind.replace('_', ' ')}: ", style="bold" if is_on_path else "dim")
    line.append(_words(entry.message), style="" if is_on_path else "dim")
    if label:
        line.append(f"  [{label}]", style="yellow")
    return line


def _words(message: Message) -> str:
    match message:
        case UserMessage(text=text):
            words = text
        case AssistantMessage(blocks=blocks):
            calls = [block.name for block in blocks if isinstance(block, ToolCallBlock)]
            words = " ".join([text_of(blocks), *(_arrows(calls))])
        case ToolResultsMessage(results=results):
            words = "; ".join(f"{one.name}: {one.content}" for one in results)
    return clipped(words, _MOST_CHARS)


def _arrows(names: Sequence[str]) -> list[str]:
    return [f"→ {name}" for name in names]

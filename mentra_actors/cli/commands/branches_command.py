"""`mentra branches` and `mentra branch …`: the futures of a store."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from mentra_actors.cli.command_groups import Wrapping, command_group
from mentra_actors.cli.key_options import chosen_sealing
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath
from mentra_actors.cli.output import Output
from mentra_actors.cli.render.render_approvals import time_span
from mentra_actors.errors import StoreError
from mentra_actors.runtime.history.branches import Branch, MemoryBranch
from mentra_actors.runtime.history.history import open_history
from mentra_actors.runtime.history.listed_branch import ListedBranch

__all__ = ["branch_app", "branches"]

_Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the branch.")]


def branches(store: StorePath = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """The branches of a store as a tree.

    From where each goes on, and how far it has come.
    """
    output = Output(as_json=as_json)
    with open_history(store, sealing=chosen_sealing()) as history:
        found, last = history.branches(), history.last_position
    if as_json:
        output.document({"store": str(store), "last_position": last, "branches": found})
        return
    output.show_line(Text.assemble((str(store), "bold"), f"  {last:,} events"))
    if not found:
        output.remark("No branch was made yet: mentra fork NAME.")
    rows = list(_rows(found, ""))
    widths = [max((row[place].cell_len for row in rows), default=0) for place in range(4)]
    for row in rows:
        line = Text()
        for place, (cell, width) in enumerate(zip(row, widths, strict=False)):
            room = " " * (width - cell.cell_len)
            line.append(room if place in (1, 2) else "").append_text(cell)
            line.append("  " if place in (1, 2) else f"{room}  ")
        line.append_text(row[4])
        line.rstrip()
        output.show_line(line)


def label(
    name: _Name,
    words: Annotated[str, typer.Argument(metavar="LABEL", help="Empty takes it away.")],
    store: StorePath = DEFAULT_STORE,
) -> None:
    """Say what a branch is for. The label is not encrypted, also where the store is."""
    branch = _branch(store, name)
    if isinstance(branch, Branch):
        branch.label(words)
    said = f"is labelled {words!r}" if words else "has no label any more"
    Output(as_json=False).remark(f"{name} {said}.")


def delete(
    name: _Name,
    store: StorePath = DEFAULT_STORE,
) -> None:
    """Remove a branch with all that it has recorded itself. What it shares is the store's."""
    branch = _branch(store, name)
    lost = ""
    if isinstance(branch, Branch):
        with contextlib.suppress(StoreError):  # of one that cannot be read nobody knows
            lost = f", with {branch.info.own_events:,} events of its own"
        branch.delete()
    Output(as_json=False).remark(f"{name} is gone{lost}.")


def branch_app(wrapped: Wrapping) -> typer.Typer:
    """The commands below `mentra branch`, each `wrapped` as all commands are."""
    return command_group("Label a branch, or delete it.", (label, delete), wrapped)


def _branch(store: Path, name: str) -> Branch | MemoryBranch:
    with open_history(store, sealing=chosen_sealing()) as history:
        return history.branch(name)


def _rows(found: Sequence[ListedBranch], before: str) -> Iterator[tuple[Text, ...]]:
    """Name in the tree, cut, own events, last activity, label; below it those of its own."""
    for number, one in enumerate(found, start=1):
        is_last = number == len(found)
        yield (
            Text.assemble((f"{before}{'└─' if is_last else '├─'} ", "dim"), (one.name, "bold")),
            Text("" if one.problem else f"at {one.cut:,}", style="cyan"),
            Text(f"+{one.own_events:,}" if one.own_events else "", style="green"),
            Text("" if one.problem else _age(one), style="dim"),
            Text(one.problem, style="yellow")
            if one.problem
            else Text(one.label or "; ".join(one.edits)),
        )
        yield from _rows(one.branches, f"{before}{'  ' if is_last else '│ '} ")


def _age(one: ListedBranch) -> str:
    """How long ago something was recorded last, or that nothing was yet."""
    past = f"{time_span(time.time() - (one.active_at or one.created_at))} ago"
    return past if one.own_events else f"made {past}"

"""Tells what has become of the facts of a file."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import typer

from mentra_actors.cli.failures import FAILED
from mentra_actors.cli.output import Output
from mentra_actors.cli.petitioned import remark_handed_over, state_word
from mentra_actors.runtime.memory_imports import ImportOutcome
from projections.sentence_words import counted

__all__ = ["show_import"]


def show_import(
    output: Output, agent: str, file: Path, outcome: ImportOutcome, *, is_recorded: bool
) -> None:
    """How many facts are new, and which were left alone; a failure if the words of some differ."""
    ids = msgspec.structs.asdict(outcome)
    count = sum(map(len, ids.values()))
    if output.as_json:
        document = {"agent": agent, "facts": count, "state": state_word(is_recorded), **ids}
        output.document(document)
    else:
        added, be = len(outcome.added), "is" if len(outcome.added) == 1 else "are"
        to_be = "" if is_recorded else "to be "
        output.show(
            f"Of {counted(count, 'fact')} of {file} {added} {be} {to_be}added to what {agent} "
            f"remembers, {len(outcome.there)} there already."
        )
        _show_ids(output, outcome.forgotten, "Forgotten, and stays so")
        _show_ids(
            output,
            outcome.differing,
            "Left alone, for another fact has the id (give it a new one)",
        )
        if not is_recorded:
            remark_handed_over(output)
    if outcome.differing:
        raise typer.Exit(FAILED)


def _show_ids(output: Output, ids: Sequence[str], what: str) -> None:
    if ids:
        output.show(f"{what}: {', '.join(ids)}")

"""Shows how far a fold of a long log is, where a person looks at standard error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from mentra_actors.cli.output import Output

__all__ = ["OnFolded", "fold_progress"]

OnFolded: TypeAlias = Callable[[int, int], None]
"""Called with the position that is folded and the one aimed at."""


@contextmanager
def fold_progress(output: Output, text: str) -> Iterator[OnFolded]:
    """What to call with positions; it shows nothing where nobody would see it."""
    if output.as_json or not output.remarks.is_terminal:
        yield lambda _at, _target: None
        return
    columns = (TextColumn(text), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=output.remarks, transient=True) as progress:
        task = progress.add_task(text, total=None)
        yield lambda at, target: progress.update(task, completed=at, total=target or None)

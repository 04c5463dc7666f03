"""Shows how far a long task is, where a person looks at standard error."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from mentra_actors.cli.failures import Interrupted
from mentra_actors.cli.output import Output
from mentra_actors.store.care import OnProgress

__all__ = ["care_task"]


@contextmanager
def care_task(output: Output, text: str) -> Iterator[OnProgress | None]:
    """What to call with bytes done and bytes to do; None where nobody would see it.

    Ctrl-C leaves nothing behind, and says so.
    """
    try:
        if output.as_json or not output.remarks.is_terminal:
            yield None
            return
        columns = (TextColumn(text), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        with Progress(*columns, console=output.remarks, transient=True) as progress:
            task = progress.add_task(text, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total or None)
    except KeyboardInterrupt:
        raise Interrupted("Nothing was changed or left behind; run it again.") from None

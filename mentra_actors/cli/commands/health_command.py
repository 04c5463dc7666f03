"""`mentra health`: does anything in this store need a person?"""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import typer

from mentra_actors.cli.failures import FAILED
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import opened
from mentra_actors.cli.render.render_health import health_lines
from mentra_actors.cli.views_check import look_at_views
from mentra_actors.cli.writer_look import writer_is_gone
from mentra_actors.runtime.clock import SystemClock
from mentra_actors.runtime.views.health_report import bytes_of_store
from mentra_actors.store.ports import JournalReader
from mentra_actors.store.sql.opening import is_sql_url
from projections.running.page_reading import lag_since
from projections.views.health import ViewLag, health_of

__all__ = ["health"]


def health(store: StorePath = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """What works, what waits, and what needs a person.

    The exit code is 1 if something needs a person.
    """
    output, now = Output(as_json=as_json), SystemClock().now()
    with opened(store) as team, output.spinner("Reading the log"):
        found = health_of(
            team.reader,
            team.journal,
            now,
            views=_lags(store, team.reader, now),
            store_bytes=bytes_of_store(store),
            writer_is_gone=writer_is_gone(store),
        )
    if as_json:
        output.document({**msgspec.to_builtins(found), "is_healthy": found.is_healthy})
    else:
        for line in health_lines(found):
            output.show_hanging(line, 14)
    if not found.is_healthy:
        raise typer.Exit(FAILED)


def _lags(store: Path, reader: JournalReader, now: float) -> Sequence[ViewLag]:
    if is_sql_url(store):
        return ()
    look, last = look_at_views(store), reader.last_position()
    if isinstance(look, str):
        return (ViewLag(name="views", behind=0, failure=look),)
    return [_lag(name, position, last, reader, now) for name, position in look.items()]


def _lag(
    name: str, position: int, last_position: int, reader: JournalReader, now: float
) -> ViewLag:
    behind = max(last_position - position, 0)
    since = lag_since(reader, position) if behind else None
    waits_s = 0.0 if since is None else max(now - since, 0.0)
    return ViewLag(name=name, behind=behind, behind_s=waits_s)

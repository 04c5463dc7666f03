"""`mentra health`: does anything in this store need a person?"""

from pathlib import Path
from typing import Annotated

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
from mentra_actors.runtime.views.store_places import bytes_of_store
from mentra_actors.store.ports import JournalReader
from mentra_actors.store.sql.opening import is_sql_url
from projections.running.page_reading import lag_since
from projections.views.awaited import LONG_S
from projections.views.health import BesideLog, ViewLag, health_of

__all__ = ["health"]


def health(
    long: Annotated[
        float,
        typer.Option(
            "--long", min=0, metavar="SECONDS", help="From when on an effect is open for too long."
        ),
    ] = LONG_S,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """What works, what waits, and what needs a person.

    The exit code is 1 if something needs a person: also a model call or a tool that has been open
    for too long.
    """
    output, now = Output(as_json=as_json), SystemClock().now()
    with opened(store) as team, output.spinner("Reading the log"):
        beside = BesideLog(
            views=_lags(store, team.reader, now),
            store_bytes=bytes_of_store(store),
            writer_is_gone=writer_is_gone(store),
        )
        found = health_of(team.reader, team.journal, now, beside, long_s=long)
    if as_json:
        output.document({**msgspec.to_builtins(found), "is_healthy": found.is_healthy})
    else:
        for line in health_lines(found):
            output.show_hanging(line, 14)
    if not found.is_healthy:
        raise typer.Exit(FAILED)


def _lags(store: Path, reader: JournalReader, now: float) -> tuple[ViewLag, ...]:
    if is_sql_url(store):
        return ()
    look, last = look_at_views(store), reader.last_position()
    if isinstance(look, str):
        return (ViewLag(name="views", behind=0, failure=look),)
    return tuple(_lag(name, at, last, reader, now) for name, at in look.items())


def _lag(
    name: str, position: int, last_position: int, reader: JournalReader, now: float
) -> ViewLag:
    behind = max(last_position - position, 0)
    since = lag_since(reader, position) if behind else None
    waits_s = 0.0 if since is None else max(now - since, 0.0)
    return ViewLag(name=name, behind=behind, behind_s=waits_s)

"""`mentra log`: what was recorded, event by event."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import OpenStore, opened
from mentra_actors.cli.render_log import event_document, event_line
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId

__all__ = ["log"]

_LOOK_S = 1.0


def log(
    agent: Annotated[
        str | None,
        typer.Argument(help="An agent's name or a stream (board-main); without it: everything."),
    ] = None,
    after: Annotated[
        int, typer.Option(min=0, help="Begin after this version (without AGENT: position).")
    ] = 0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as events come.")] = False,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """The events of one agent, of any stream, or of the whole team."""
    output = Output(as_json=as_json)
    with opened(store) as team:
        stream_id = None if agent is None else team.stream(agent)
        found = False
        for recorded in _events(team, stream_id, after, follow=follow):
            found = True
            if as_json:
                output.json_line(event_document(recorded))
            else:
                output.show_line(event_line(recorded, with_stream=stream_id is None))
    if not found:
        output.remark(f"There is nothing after {after} in {Path(store)}.")


def _events(
    team: OpenStore, stream_id: StreamId | None, after: int, *, follow: bool
) -> Iterator[RecordedEvent[Any]]:
    place = after
    while True:
        seen = team.reader.last_position()
        while page := _page(team, stream_id, place):
            yield from page
            place = page[-1].global_position if stream_id is None else page[-1].stream_version
        if not follow:
            return
        try:
            while team.reader.wait_for_position(seen + 1, timeout_s=_LOOK_S) <= seen:
                pass
        except KeyboardInterrupt:  # the way to end it
            return


def _page(team: OpenStore, stream_id: StreamId | None, place: int) -> list[RecordedEvent[Any]]:
    if stream_id is None:
        page = team.journal.read_journal(after=place)
        return [one for one in page if one.global_position > place]
    return team.journal.read_stream(stream_id, after=place)

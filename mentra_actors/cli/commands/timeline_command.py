"""`mentra timeline`: what a whole team did, in lanes."""

from collections import deque
from collections.abc import Collection
from typing import Annotated, NamedTuple

import msgspec
import typer
from rich.text import Text

from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath
from mentra_actors.cli.output import Output, local_time
from mentra_actors.cli.reading import OpenStore, opened, until_ctrl_c
from mentra_actors.cli.render.lane_graph import LaneGraph, LaneRow
from mentra_actors.cli.team_lanes import StreamsOfTeam
from mentra_actors.cli.times import position_in
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import StreamId, category_of, name_of
from mentra_actors.json_types import JsonObject
from projections.views.lanes import only_lanes, team_lanes
from projections.views.timeline import line_of, sentence_of

__all__ = ["timeline"]

_PLACE_WIDTH = 17
_COLOURS = ("cyan", "magenta", "yellow", "green", "blue", "red")


def timeline(
    last: Annotated[
        int, typer.Option("--last", "-n", min=0, help="So many rows; 0 shows all.")
    ] = 100,
    after: Annotated[
        str, typer.Option(metavar="MOMENT", help="Begin after this position or time (10m ago).")
    ] = "0",
    through: Annotated[
        str | None,
        typer.Option(metavar="MOMENT", help="End with this one.", show_default="the end"),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every event, also those that say little.")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as events come.")] = False,
    team_name: Annotated[
        str | None,
        typer.Option("--team", metavar="NAME", help="Only this team.", show_default="all"),
    ] = None,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """What the team did: a lane per agent, letters between them."""
    if follow and (as_json or through is not None):
        raise CommandRejected("--follow ends nowhere: leave --through and --json out")
    output = Output(as_json=as_json)
    with opened(store, team_name or DEFAULT_TEAM) as team:
        only = None if team_name is None else StreamsOfTeam(team)
        begin = position_in(team, after)
        end = None if through is None else position_in(team, through)
        if as_json:
            output.document(_document(team, begin, end, only))
            return
        rows = _Rows(team, begin, only, every=every)
        with until_ctrl_c(follows=follow):
            _show(output, rows, rows.more(end, last=last))
            while follow:
                team.wait_for_more(rows.position)
                for one in rows.more(None):
                    output.show_line(_line(one, rows.graph))


def _document(
    team: OpenStore, after: int, through: int | None, only: StreamsOfTeam | None
) -> JsonObject:
    end = team.reader.last_position() if through is None else through
    events = list(team.journal.between(after, end))
    lanes = team_lanes(events)
    if only is not None:
        only.read_through(end)
        events = [one for one in events if one.stream_id in only]
        lanes = only_lanes(lanes, only)
    return {**msgspec.structs.asdict(lanes), "events": [line_of(one) for one in events]}


class _Shown(NamedTuple):
    recorded: RecordedEvent[object]
    row: LaneRow


class _Rows:
    """Rows of the log, in order. Lanes are known from its first event on, whatever is shown."""

    def __init__(
        self, team: OpenStore, after: int, only: StreamsOfTeam | None, *, every: bool
    ) -> None:
        """Of `only` these streams; None: of all."""
        self.graph = LaneGraph(has_all=every)
        self.position = 0
        self._team = team
        self._after = after
        self._only = only

    def more(self, through: int | None, *, last: int = 0) -> list[_Shown]:
        """Those that have come since the last one; with `last` only so many of the end.

        Only what is shown is drawn: the graph stays behind the log by so many events.
        """
        end = self._team.reader.last_position() if through is None else through
        if self._only is not None:
            self._only.read_through(end)
        waiting: deque[RecordedEvent[object]] = deque()
        for recorded in self._team.journal.between(self.position, end):
            self.position = recorded.global_position
            if not self._is_shown(recorded):
                continue
            waiting.append(recorded)
            if recorded.global_position <= self._after or 0 < last < len(waiting):
                self.graph.take(waiting.popleft())
        return [_Shown(one, self.graph.row(one)) for one in waiting]

    def _is_shown(self, recorded: RecordedEvent[object]) -> bool:
        is_chosen = self._only is None or recorded.stream_id in self._only
        return is_chosen and self.graph.has_row(recorded)


def _show(output: Output, rows: _Rows, shown: Collection[_Shown]) -> None:
    if not shown:
        output.remark("Nothing happened there.")
        return
    for place, stream_id in enumerate(rows.graph.lanes):
        name = Text("  " * place + "┌ ", style="dim").append(
            _name(stream_id), style=_colour(rows.graph, place)
        )
        output.show_line(Text(" " * _PLACE_WIDTH).append_text(name))
    for one in shown:
        output.show_line(_line(one, rows.graph))


def _line(shown: _Shown, graph: LaneGraph) -> Text:
    recorded, row = shown
    line = Text(f"{recorded.global_position:>6} ", style="dim")
    line.append(f"{local_time(recorded.recorded_at_ns / 1e9)[:-4]}  ", style="dim")
    for place in range(len(graph.lanes)):
        cell = row.cells[place] if place < len(row.cells) else "  "
        line.append(cell, style=_colour(graph, place))
    line.append(f" {_name(graph.lanes[row.lane])} ", style=_colour(graph, row.lane))
    return line.append(sentence_of(recorded))


def _name(stream_id: StreamId) -> str:
    """Agents by their name; other streams say what they are."""
    return name_of(stream_id) if category_of(stream_id) == "agent" else stream_id


def _colour(graph: LaneGraph, place: int) -> str:
    is_agent = category_of(graph.lanes[place]) == "agent"
    return _COLOURS[place % len(_COLOURS)] if is_agent else "dim"

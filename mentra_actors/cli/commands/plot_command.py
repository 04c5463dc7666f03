"""`mentra plot`: what people would rather look at than read."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

import typer

from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.plots.board_plot import draw_board
from mentra_actors.cli.plots.canvas import saved_figure
from mentra_actors.cli.plots.lane_plot import draw_lanes, lane_inches
from mentra_actors.cli.plots.usage_plot import draw_usage
from mentra_actors.cli.reading import OpenStore, opened
from mentra_actors.cli.team_lanes import StreamsOfTeam
from mentra_actors.cli.times import position_in
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import board_stream
from projections.views.lanes import only_lanes, team_lanes
from projections.views.series import board_series, usage_series

__all__ = ["plot"]

Plot: TypeAlias = Literal["lanes", "usage", "board"]
_INCHES = 9.0, 5.0


def plot(
    what: Annotated[Plot, typer.Argument(help="Lanes of agents, tokens and money, burn-down.")],
    file: Annotated[Path, typer.Argument(help="Where to: NAME.svg, NAME.png or NAME.pdf.")],
    after: Annotated[
        str, typer.Option(metavar="MOMENT", help="Begin after this position or time (2h ago).")
    ] = "0",
    through: Annotated[
        str, typer.Option(metavar="MOMENT", help="End with this one.", show_default="the end")
    ] = "now",
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Draw a team over time: lanes, tokens and money, its board.

    It needs the extra `plots`.
    """
    output = Output(as_json=as_json)
    with opened(store, team_name) as team, output.spinner("Reading the log"):
        picture = _PICTURES[what](team, position_in(team, after), position_in(team, through))
        saved_figure(file, picture.draw, inches=picture.inches)
    if as_json:
        output.document({"file": str(file), "what": what})
    else:
        output.show(f"{file} is written.")


class _Picture(NamedTuple):
    draw: Callable[[Any], None]
    inches: tuple[float, float]


def _lanes(team: OpenStore, after: int, through: int) -> _Picture:
    drawn = team_lanes(team.journal.between(after, through))
    streams = StreamsOfTeam(team)
    streams.read_through(through)
    lanes = only_lanes(drawn, streams)
    _require(lanes.lanes, "no agent did anything there")
    title = f"Lanes of {team.path.name}"
    return _Picture(partial(draw_lanes, lanes, title), lane_inches(lanes))


def _usage(team: OpenStore, after: int, through: int) -> _Picture:
    begin = _time_of(team, after)
    series = usage_series(team.journal.through(through), team.team_id)
    points = [one for one in series if one.at > begin]
    _require(points, "no model was called there")
    return _Picture(partial(draw_usage, points, f"Usage of {team.path.name}"), _INCHES)


def _board(team: OpenStore, after: int, through: int) -> _Picture:
    begin, board = _time_of(team, after), board_stream(team.team_id)
    points = board_series(team.journal.through(through), board)
    points = [one for one in points if one.at > begin]
    _require(points, f"nothing happened on {board} there")
    return _Picture(partial(draw_board, points, f"Tasks of {board}"), _INCHES)


def _time_of(team: OpenStore, position: int) -> float:
    """When the event at a position was recorded; before all for 0."""
    if position == 0:
        return 0.0
    event = team.journal.event_at(position)
    if event is None:
        raise _nothing(f"position {position} is to come")
    return event.recorded_at_ns / 1e9


def _require(found: object, words: str) -> None:
    if not found:
        raise _nothing(words)


def _nothing(words: str) -> CommandRejected:
    return CommandRejected(f"there is nothing to draw: {words}")


_PICTURES: dict[Plot, Callable[[OpenStore, int, int], _Picture]] = {
    "lanes": _lanes,
    "usage": _usage,
    "board": _board,
}

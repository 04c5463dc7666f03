"""`mentra at`: a team, or one agent, as it was at any moment."""

from contextlib import ExitStack
from typing import Annotated, Any

import typer
from rich.text import Text

from mentra_actors.cli.named_views import named_view
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import opened
from mentra_actors.cli.render.render_board import board_lines
from mentra_actors.cli.render.render_moment import (
    agent_lines,
    agent_moment_document,
    message_lines,
    moment_document,
    moment_line,
    profile_lines,
    usage_line,
)
from mentra_actors.cli.render.render_team import AGENT_COLUMNS, agent_row, awaited_of
from mentra_actors.cli.render.render_transcript import INDENT, item_document, item_lines
from mentra_actors.cli.render.render_usage import usage_document
from mentra_actors.cli.times import MOMENTS, moment_named
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import TeamId
from mentra_actors.json_types import JsonObject
from mentra_actors.runtime.history.agent_moment import AgentMoment
from mentra_actors.runtime.history.history import history_beside
from mentra_actors.runtime.history.moment import Moment
from projections.views.roster import ROSTER
from projections.views.usage import USAGE

__all__ = ["at"]

_MOST_TASKS = 20
"""Of a section of the board, where all of a team is shown; `--view board` shows every task."""
_NOW = "now"


def at(
    moment: Annotated[str, typer.Argument(metavar="MOMENT", help=f"It is {MOMENTS}.")] = _NOW,
    agent: Annotated[
        str | None, typer.Argument(help="An agent, by its name of then; without it: the team.")
    ] = None,
    view: Annotated[
        str,
        typer.Option(
            help="Of a team: board, roster, usage or any view, also your own (module:NAME). "
            "Of an agent: transcript, config, messages or usage."
        ),
    ] = "",
    last: Annotated[int, typer.Option(min=0, help="Items of the transcript; 0 for all.")] = 20,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """A team, or one of its agents, as it was at any moment."""
    output = Output(as_json=as_json)
    with ExitStack() as stack:
        team = stack.enter_context(opened(store, team_name))
        stack.enter_context(output.spinner("Reading the log"))
        if moment == _NOW and agent is None and not view:
            team.kept(ROSTER, USAGE)  # of a long log the look below begins there
        history = stack.enter_context(history_beside(team.reader, team.journal, store))
        then = moment_named(history, moment)
        shown = _Shown(output, then, history.last_position, TeamId(team_name), view)
        if agent is None:
            shown.team()
        else:
            shown.agent(then.agent(agent, team=team_name), last or None)


class _Shown:
    """Prints one moment."""

    def __init__(self, output: Output, then: Moment, last: int, team: TeamId, view: str) -> None:
        self._output = output
        self._then = then
        self._last = last
        self._team = team
        self._view = view

    def team(self) -> None:
        """All of it, or one view."""
        then = self._then
        if self._view:
            chosen = named_view(self._view, self._team)
            value = then.parts(chosen.projection)
            part = value if chosen.key is None else value.get(chosen.key)
            if part is None:
                part = chosen.projection.initial(chosen.key or "")
            self._show_view(chosen.document(part))
            return
        if self._output.as_json:
            names = ("roster", "board", "usage")
            self._document({name: self._team_view(name) for name in names})
            return
        self._head()
        self._roster()
        self._board()
        total = then.usage(team=self._team).total
        if total.calls:
            self._output.show(Text(), usage_line(total))

    def agent(self, agent: AgentMoment, last: int | None) -> None:
        """One agent, or one view of it."""
        if self._view not in ("", "agent", "transcript", "config", "messages", "usage"):
            known = "transcript, config, messages and usage"
            raise CommandRejected(f"an agent has no view {self._view!r}: there are {known}")
        if self._output.as_json:
            self._document({"agent": agent.name, **_agent_document(agent, self._view, last)})
            return
        self._head()
        if self._view == "usage":
            self._output.show(usage_line(agent.usage().total))
        elif self._view == "config":
            self._hanging(profile_lines(agent))
        elif self._view == "messages":
            self._hanging(message_lines(agent))
        else:
            self._show_agent(agent, last)

    def _show_agent(self, agent: AgentMoment, last: int | None) -> None:
        if self._view != "transcript":
            self._hanging(agent_lines(agent))
            self._output.show(Text())
        for _, line in item_lines(agent.transcript(last=last)):
            self._output.show_hanging(line, INDENT)

    def _head(self) -> None:
        self._output.show_line(moment_line(self._then, self._last))
        self._output.show(Text())

    def _roster(self) -> None:
        awaited, then = self._then.awaited(self._team), self._then.time
        now_s = then.timestamp() if then else 0.0
        members = self._then.roster(self._team)
        rows = [agent_row(one, awaited_of(one, awaited), now_s) for one in members]
        if rows:
            self._output.table("Agents", AGENT_COLUMNS, rows, wrapped=("role", "model"))
        else:
            self._output.show("Nobody was in the team yet.")

    def _board(self) -> None:
        view = self._then.board(self._team)
        if view.tasks:
            self._output.show(Text())
        elif self._view:
            self._output.show("No task was on the board.")
        self._hanging(board_lines(view, most=None if self._view else _MOST_TASKS))

    def _show_view(self, document: object) -> None:
        if self._output.as_json:
            self._document({"view": self._view, "value": document})
        elif self._view in ("board", "roster", "usage"):
            self._head()
            {"board": self._board, "roster": self._roster, "usage": self._usage}[self._view]()
        else:
            self._output.document(document)

    def _usage(self) -> None:
        self._output.show(usage_line(self._then.usage(team=self._team).total))

    def _team_view(self, name: str) -> object:
        chosen = named_view(name, self._team)
        if chosen.key is None:
            return chosen.document(self._then.parts(chosen.projection))
        part = self._then.view(chosen.projection, chosen.key)
        return chosen.document(chosen.projection.initial(chosen.key) if part is None else part)

    def _document(self, more: JsonObject) -> None:
        self._output.document({**moment_document(self._then, self._last), **more})

    def _hanging(self, lines: Any) -> None:
        for line, indent in lines:
            self._output.show_hanging(line, indent)


def _agent_document(agent: AgentMoment, view: str, last: int | None) -> JsonObject:
    match view:
        case "usage":
            return {"usage": usage_document(agent.usage().total)}
        case "config":
            return {"config": agent.profile}
        case "messages":
            return {"messages": agent.messages()}
    items = [item_document(item) for item in agent.transcript(last=last)]
    if view == "transcript":
        return {"version": agent.version, "items": items}
    return {**agent_moment_document(agent), "items": items}

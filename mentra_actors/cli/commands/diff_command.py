"""`mentra diff`: what has become of a team between two moments."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from mentra_actors.cli.named_views import named_view
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import opened
from mentra_actors.cli.render.render_differences import (
    Lines,
    difference_lines,
    team_difference_lines,
)
from mentra_actors.cli.render.render_moment import moment_document, moment_line
from mentra_actors.cli.store_place import store_place
from mentra_actors.cli.times import MOMENTS, moment_named
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import TeamId, agent_stream
from mentra_actors.runtime.history.differences import TeamDifference, team_difference
from mentra_actors.runtime.history.history import History, history_beside
from mentra_actors.runtime.history.moment import Moment
from projections.views.view_differences import Difference, differences

__all__ = ["diff"]


def diff(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help=f"It is {MOMENTS}.")],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="The same; now.")] = "now",
    agent: Annotated[str, typer.Option(help="Only this agent.")] = "",
    view: Annotated[
        str, typer.Option(help="Only a view: board, roster, transcript, usage, or module:NAME.")
    ] = "",
    other: Annotated[
        Path | None,
        typer.Option(
            "--with",
            parser=store_place,
            metavar="PATH",
            help="AFTER is a moment of this other store.",
        ),
    ] = None,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """What has become of a team between two moments.

    Members, tasks, words, options, money.
    """
    output = Output(as_json=as_json)
    team_id = TeamId(team_name)
    with ExitStack() as stack:
        one = _history(stack, store, team_name)
        two = one if other is None else _history(stack, other, team_name)
        stack.enter_context(output.spinner("Reading the log"))
        old, new = moment_named(one, before), moment_named(two, after)
        found: TeamDifference | tuple[Difference, ...]
        sides = ((old, one.last_position), (new, two.last_position))
        if view:
            found = _of_view(old, new, view, team_id, agent)
        else:
            found = _of_team(old, new, team_id, agent)
        stores = (store, store if other is None else other)
        heads = [moment_line(*side) for side in sides]
        documents = [moment_document(*side) for side in sides]
    if other is not None:
        heads = [_head(*named) for named in zip("-+", stores, heads, strict=True)]
        documents = [
            {"store": str(place), **document}
            for place, document in zip(stores, documents, strict=True)
        ]
    if as_json:
        named = dict(zip(("before", "after"), documents, strict=True))
        output.document({**named, "difference": found})
        return
    _show(output, heads, list(_lines(found)))


def _show(output: Output, heads: Sequence[Text], lines: Sequence[tuple[Text, int]]) -> None:
    for head in heads:
        output.show_line(head)
    output.show(Text())
    for line, indent in lines:
        output.show_hanging(line, indent)
    if not lines:
        output.show("Nothing differs.")


def _head(sign: str, store: Path, head: Text) -> Text:
    """A moment of one of two stores: what only it has stands behind the same sign."""
    return Text.assemble((f"{sign} {store}  ", "bold"), head)


def _history(stack: ExitStack, store: Path, team_name: str) -> History:
    team = stack.enter_context(opened(store, team_name))
    return stack.enter_context(history_beside(team.reader, team.journal, store))


def _lines(found: TeamDifference | tuple[Difference, ...]) -> Lines:
    if isinstance(found, TeamDifference):
        return team_difference_lines(found)
    return difference_lines(found)


def _of_view(
    old: Moment, new: Moment, view: str, team: TeamId, agent: str
) -> tuple[Difference, ...]:
    stream_id = agent_stream(new.agent(agent, team=team).agent_id) if agent else None
    chosen = named_view(view, team, stream_id)
    documents = []
    for moment in (old, new):
        if chosen.key is None:
            documents.append(chosen.document(moment.parts(chosen.projection)))
            continue
        part = moment.view(chosen.projection, chosen.key)
        initial = chosen.projection.initial(chosen.key)
        documents.append(chosen.document(initial if part is None else part))
    return differences(*documents)


def _of_team(old: Moment, new: Moment, team: TeamId, agent: str) -> TeamDifference:
    found = team_difference(old, new, team, agent=agent)
    if not agent:
        return found
    if agent not in {one.name for moment in (old, new) for one in moment.roster(team)}:
        new.agent(agent, team=team)
        raise CommandRejected(f"{agent!r} is no member of the team")
    return TeamDifference(
        position_before=found.position_before,
        position_after=found.position_after,
        agents=found.agents,
    )

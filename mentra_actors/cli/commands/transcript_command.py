"""`mentra transcript`: what one agent was told, said and did, as of any version."""

from typing import Annotated

import typer

from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import opened
from mentra_actors.cli.render.render_transcript import INDENT, item_document, item_lines
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.errors import CommandRejected
from projections.views.transcript import transcript_items

__all__ = ["transcript"]


def transcript(
    agent: Annotated[str, typer.Argument(help="The agent's name.")],
    at: Annotated[
        int | None, typer.Option(min=1, help="As of this version of the agent's stream.")
    ] = None,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """What an agent was told, said and did."""
    output = Output(as_json=as_json)
    with opened(store, team_name) as team, output.spinner("Reading the log"):
        stream_id = team.agent_stream(agent)
        last = team.reader.stream_version(stream_id)
        if at is not None and at > last:
            raise CommandRejected(f"agent {agent!r} is at version {last}; --at {at} is to come")
        items = transcript_items(team.journal, stream_id, through_version=at)
    if as_json:
        shown = {
            "agent": agent,
            "stream": stream_id,
            "at": at if at is not None else last,
            "last_version": last,
            "items": [item_document(item) for item in items],
        }
        output.document(shown)
        return
    for _, line in item_lines(items):
        output.show_hanging(line, INDENT)
    if at is not None and at < last:
        output.remark(f"As of version {at}; the newest is {last}.")

"""`mentra memory`: what an agent remembers for long, and what it would find."""

import time
from typing import Annotated, Any

import typer
from rich.text import Text

from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import opened
from mentra_actors.domain.memory import FoundRecord, MemoryRecord
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.ids import AgentId, memory_stream, name_of
from projections.memory_index import open_memory_index

__all__ = ["memory"]

_COLUMNS = ("id", "kind", "recorded", "by", "content")


def memory(
    agent: Annotated[str, typer.Argument(help="Whose memory.")],
    query: Annotated[
        str | None, typer.Argument(help="What to look for; without it: all records.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most records that a search shows.")] = 10,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """What an agent remembers beyond its conversation; with a query: what it finds by it."""
    output = Output(as_json=as_json)
    with opened(store, team_name) as team, output.spinner("Reading the log"):
        stream_id = memory_stream(AgentId(name_of(team.agent_stream(agent))))
        with open_memory_index(team.reader, None) as index:
            found = None
            if query is not None:
                found = index.search(stream_id, query, limit=limit, now=time.time())
            records = [] if found is not None else index.records(stream_id)
    if found is not None:
        _show_found(output, found)
    elif as_json:
        output.document([_document(one) for one in records])
    elif records:
        output.table(f"Memory of {agent}", _COLUMNS, [_row(one) for one in records])
    else:
        output.show(f"{agent} remembers nothing yet.")


def _show_found(output: Output, found: list[FoundRecord]) -> None:
    if output.as_json:
        output.document(
            [{**_document(one.record), "score": one.score, "why": one.why} for one in found]
        )
    elif found:
        rows = [_scored(one) for one in found]
        output.table("Found, best first", ("score", *_COLUMNS, "why"), rows)
    else:
        output.show("No record has any of these words.")


def _document(record: MemoryRecord) -> dict[str, Any]:
    return {
        "id": record.record_id,
        "kind": record.kind,
        "content": record.content,
        "source": record.source,
        "pinned": record.pinned,
        "recorded_at": record.recorded_at,
        "by": record.by,
    }


def _row(record: MemoryRecord) -> list[Text]:
    day = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.recorded_at))
    cells = (record.record_id, record.kind, day, record.by, record.content)
    return [Text(cell) for cell in cells]


def _scored(found: FoundRecord) -> list[Text]:
    score = Text(f"{found.score:.2f}", justify="right")
    return [score, *_row(found.record), Text(found.why)]

"""`mentra memory`: what an agent remembers for long, and what it would find."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import opened
from mentra_actors.domain.memory import SCOPES, FoundRecord, MemoryRecord, MemoryScope
from mentra_actors.domain.memory_views import MemoryQuestion, agent_view
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.ids import AgentId, name_of
from mentra_actors.runtime.memories import team_of
from mentra_actors.store.journal import Journal
from projections.memory_index import open_memory_index
from projections.memory_lines import memory_lines, record_fields

__all__ = ["memory"]

_COLUMNS = ("id", "kind", "scope", "recorded", "by", "content")


def memory(
    agent: Annotated[str, typer.Argument(help="Whose memory.")],
    query: Annotated[
        str | None, typer.Argument(help="What to look for; without it: all records.")
    ] = None,
    scope: Annotated[
        MemoryScope | None,
        typer.Option(help="Only what is the agent's own, its team's, or the project's."),
    ] = None,
    export: Annotated[
        Path | None, typer.Option(help="Write all records to this file, as lines of JSON.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most records that a search shows.")] = 10,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """What an agent remembers beyond its conversation; with a query: what it finds by it."""
    output = Output(as_json=as_json)
    scopes = SCOPES if scope is None else (scope,)
    with opened(store) as team, output.spinner("Reading the log"):
        agent_id = AgentId(name_of(team.agent_stream(agent)))
        view = agent_view(agent_id, team_of(Journal(team.reader), agent_id, DEFAULT_TEAM))
        with open_memory_index(team.reader, None) as index:
            if query is not None:
                question = MemoryQuestion(words=query, limit=limit, now=time.time(), scopes=scopes)
                found = index.search(view, question)
            else:
                records = index.records(view, scopes)
    if query is not None:
        _show_found(output, found)
    else:
        _show_records(output, agent, records, export)


def _show_records(
    output: Output, agent: str, records: Sequence[MemoryRecord], export: Path | None
) -> None:
    if export is not None:
        export.write_text("".join(memory_lines(records)), "utf-8")
        output.show(f"{len(records)} records are in {export}.")
    elif output.as_json:
        output.document([record_fields(one) for one in records])
    elif records:
        output.table(f"Memory of {agent}", _COLUMNS, [_row(one) for one in records])
    else:
        output.show(f"{agent} remembers nothing yet.")


def _show_found(output: Output, found: list[FoundRecord]) -> None:
    if output.as_json:
        output.document(
            [{**record_fields(one.record), "score": one.score, "why": one.why} for one in found]
        )
    elif found:
        rows = [_scored(one) for one in found]
        output.table("Found, best first", ("score", *_COLUMNS, "why"), rows)
    else:
        output.show("No record has any of these words.")


def _row(record: MemoryRecord) -> list[Text]:
    day = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.recorded_at))
    cells = (record.record_id, record.kind, record.scope, day, record.by, record.content)
    return [Text(cell) for cell in cells]


def _scored(found: FoundRecord) -> list[Text]:
    score = Text(f"{found.score:.2f}", justify="right")
    return [score, *_row(found.record), Text(found.why)]

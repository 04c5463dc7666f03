"""`mentra memory`, `mentra remember`: what an agent remembers for long, and what it is taught."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from mentra_actors.cli.decision_options import By, Wait, person
from mentra_actors.cli.memory_lookup import memory_index, view_of
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.petitioned import have_recorded, wished
from mentra_actors.cli.reading import OpenStore, opened
from mentra_actors.cli.render.render_import import show_import
from mentra_actors.cli.times import shown_minute
from mentra_actors.domain.memory import (
    MEMORY,
    SCOPES,
    FoundRecord,
    MemoryRecord,
    MemoryScope,
    MemoryState,
    PinFacts,
)
from mentra_actors.domain.memory_views import MemoryQuestion, MemoryView
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, StreamId, name_of
from mentra_actors.runtime.memory.memories import index_file
from mentra_actors.runtime.memory.memory_imports import (
    fact_orders,
    import_outcome,
    told_outcome,
    written_stream,
)
from mentra_actors.runtime.wishes.teams import ForgetRecordWish, ImportWish, TeachWish
from projections.memory.index import open_memory_index
from projections.memory.lines import memory_lines, record_fields
from projections.views.sentence_words import counted

__all__ = ["memory", "remember"]

_INDENT = 2
_FOR = {"agent": "by {}", "team": "by the team of {}", "project": "for the whole store"}


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
    facts: Annotated[
        Path | None,
        typer.Option(
            "--import",
            exists=True,
            dir_okay=False,
            help="Pin the facts of such a file, those that are not there yet.",
        ),
    ] = None,
    forget: Annotated[
        str | None,
        typer.Option(help="Let the record with this id be found no more; the log keeps it."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most records that a search shows.")] = 10,
    by: By = None,
    wait: Wait = 10.0,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """What an agent remembers beyond its conversation.

    With a query: what it finds by it.
    """
    output = Output(as_json=as_json)
    scopes = SCOPES if scope is None else (scope,)
    place = _Place(store=store, team_name=team_name, by=person(by), wait_s=wait)
    if forget is not None:
        _forget(output, agent, forget, scopes, place)
        return
    if facts is not None:
        _import(output, agent, facts, place)
        return
    with opened(store, team_name) as team, output.spinner("Reading the log"):
        view = view_of(team, team.agent_stream(agent))
        with memory_index(team, view) as index:
            if query is not None:
                question = MemoryQuestion(words=query, limit=limit, now=time.time(), scopes=scopes)
                found = index.search(view, question)
            else:
                records = index.records(view, scopes)
    if query is not None:
        _show_found(output, found)
    else:
        _show_records(output, agent, records, export)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where something is recorded, for whom, and how long its writer is waited for."""

    store: Path
    team_name: str
    by: str
    wait_s: float


def _import(output: Output, agent: str, facts: Path, place: _Place) -> None:
    with opened(place.store, place.team_name) as team:
        orders = _orders(facts, view_of(team, team.agent_stream(agent)), by=place.by)
        likely = import_outcome(orders, _memories(team))
    remembered = _have_pinned(output, orders, place)
    outcome = likely
    if remembered is not None:
        with opened(place.store, place.team_name) as team:
            outcome = told_outcome(orders, remembered, _memories(team))
    show_import(output, agent, facts, outcome, is_recorded=remembered is not None)


def _memories(team: OpenStore) -> Callable[[StreamId], MemoryState]:
    return lambda stream_id: MEMORY.fold(team.journal.events(stream_id))


def _forget(
    output: Output, agent: str, record_id: str, scopes: Sequence[MemoryScope], place: _Place
) -> None:
    with opened(place.store, place.team_name) as team, output.spinner("Reading the log"):
        view = view_of(team, team.agent_stream(agent))
        with memory_index(team, view) as index:
            scope = index.scope_of(view, record_id, scopes)
    if scope is None:
        raise CommandRejected(
            f"{agent} has no record {record_id!r}; `mentra memory {agent}` shows all, with ids"
        )
    have_recorded(
        output,
        ForgetRecordWish(memory=written_stream(view, scope), record_id=record_id),
        place.store,
        by=place.by,
        wait_s=place.wait_s,
        words=f"{record_id} is {{}}forgotten: no search of {agent} finds it any more.",
        document={"agent": agent, "record": record_id, "scope": scope},
    )
    with opened(place.store, place.team_name) as team:
        file = index_file(team.reader, place.store)
        with open_memory_index(team.reader, file):  # takes the words out of the index
            pass


def _orders(facts: Path, view: MemoryView, *, by: str) -> Sequence[tuple[StreamId, PinFacts]]:
    try:
        return fact_orders(facts.read_text("utf-8-sig"), view, by=by)
    except (ValueError, CommandRejected) as error:
        raise CommandRejected(f"{facts}: {error}; nothing was recorded") from error


def _have_pinned(
    output: Output, orders: Sequence[tuple[StreamId, PinFacts]], place: _Place
) -> Sequence[str] | None:
    """Have facts pinned, some hundred at a time: those that were new; None if some wait."""
    remembered: list[str] = []
    is_waiting = False
    for stream_id, command in orders:
        wish = ImportWish(memory=stream_id, facts=command.facts)
        wait_s = 0.0 if is_waiting else place.wait_s
        answer = wished(output, wish, place.store, by=place.by, wait_s=wait_s)
        is_waiting = is_waiting or answer is None
        remembered += (answer and answer.remembered) or ()
    return None if is_waiting else remembered


def _show_records(
    output: Output, agent: str, records: Sequence[MemoryRecord], export: Path | None
) -> None:
    if export is not None:
        export.write_text("".join(memory_lines(records)), "utf-8")
        be = "is" if len(records) == 1 else "are"
        output.show(f"{counted(len(records), 'record')} {be} in {export}.")
    elif output.as_json:
        output.document([record_fields(one) for one in records])
    else:
        for one in records:
            _show(output, one)
        if not records:
            output.show(f"{agent} remembers nothing yet.")


def remember(
    agent: Annotated[str, typer.Argument(help="Who is to remember it.")],
    fact: Annotated[str, typer.Argument(help="What; it is shown to the agent when it fits.")],
    scope: Annotated[
        MemoryScope, typer.Option(help="For this agent, for its team, or for the whole store.")
    ] = "agent",
    by: By = None,
    wait: Wait = 10.0,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Let an agent remember a fact.

    One that it knows in the same words is not kept twice.
    """
    output = Output(as_json=as_json)
    with opened(store, team_name) as team:
        stream_id = team.agent_stream(agent)
        memory = written_stream(view_of(team, stream_id), scope)
    wish = TeachWish(
        agent_id=AgentId(name_of(stream_id)), content=fact, memory=memory, scope=scope
    )
    words = f"It is {{}}remembered {_FOR[scope].format(agent)}; `mentra memory {agent}` shows all."
    document = {"agent": agent, "scope": scope}
    have_recorded(output, wish, store, by=person(by), wait_s=wait, words=words, document=document)


def _show_found(output: Output, found: list[FoundRecord]) -> None:
    """Those that a search has found, best first."""
    if output.as_json:
        output.document(
            [{**record_fields(one.record), "score": one.score, "why": one.why} for one in found]
        )
        return
    for one in found:
        _show(output, one.record, f"{one.score:.2f}: {one.why}")
    if not found:
        output.show("No record has any of these words.")


def _show(output: Output, record: MemoryRecord, why: str = "") -> None:
    """The id first, whole, so that it can be copied; the words below."""
    moment = shown_minute(record.recorded_at)
    text = Text.assemble((record.record_id, "bold"), (f"  {record.kind}  {record.scope}", "cyan"))
    text.append(f"  {moment}  by {record.by}", style="dim")
    text.append(f"\n{' ' * _INDENT}{' '.join(record.content.split())}")
    if why:
        text.append(f"\n{' ' * _INDENT}{why}", style="dim")
    output.show_hanging(text, _INDENT)

"""`mentra context`: what the next request of an agent consists of, or what a past one did."""

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import anyio
import typer

from mentra_actors.cli.memory_lookup import memory_index, view_of
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import OpenStore, opened
from mentra_actors.cli.render.render_context import REMARK, context_document, show_context
from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.domain.board.decider import BOARD
from mentra_actors.domain.content import AssistantMessage, ToolCallBlock
from mentra_actors.domain.conversation_tree import Transcript
from mentra_actors.domain.memory import FoundRecord
from mentra_actors.domain.memory_views import MemoryQuestion, MemoryView, SeenWords, agent_view
from mentra_actors.domain.past_calls import AgentPast, PastCall, agent_past
from mentra_actors.effects.context.context_requests import (
    AssembledContext,
    assembled_call,
    assembled_next,
    report_of,
)
from mentra_actors.effects.context.recall import Recall
from mentra_actors.effects.context.request_assembly import RequestAssembly
from mentra_actors.effects.team.board_reminders import BoardReminders
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import StreamId, agent_stream
from mentra_actors.providers.prices import PriceList
from mentra_actors.runtime.builtin_tools import all_tools
from mentra_actors.runtime.settings import RuntimeSettings
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import JournalReader
from mentra_actors.tools.builtin.files import file_tools
from mentra_actors.tools.registry import ToolRegistry
from projections.memory.index import MemoryIndex

__all__ = ["context"]

_AT = re.compile(r"(e?)([1-9][0-9]{0,17})")


def context(
    agent: Annotated[str, typer.Argument(help="The agent's name.")],
    at: Annotated[
        str | None,
        typer.Option(
            metavar="N", help="What the model call N was sent, or with eN the one of answer N."
        ),
    ] = None,
    entries: Annotated[
        bool, typer.Option("--entries", help="Every message in order, not the largest ones.")
    ] = False,
    files: Annotated[bool, typer.Option(help="Count `files`, as `mentra run` offers it.")] = True,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """What the next request of an agent will contain, in tokens.

    By part. No model is asked.
    """
    output = Output(as_json=as_json)
    tools = _offered(store, files=files)
    with opened(store) as team, output.spinner("Reading the log"):
        stream_id = team.agent_stream(agent)
        past = agent_past(team.journal.events(stream_id))
        if past.state.profile is None:
            raise CommandRejected(
                f"nobody can say what {agent} would be sent: its first event cannot be read "
                f"(`mentra log {agent}` says why)"
            )
        call = None if at is None else _chosen(past, at)
        made = anyio.run(_assembled, team, view_of(team, stream_id), tools, past, call)
        report = report_of(made, PriceList())
    unknown = _unknown_tools(past, tools)
    if as_json:
        output.document(context_document(report, unknown, has_all=entries))
        return
    show_context(output, report, unknown, has_all=entries)
    output.remark(REMARK)


def _offered(store: Path, *, files: bool) -> ToolRegistry:
    """The tools that `mentra run` offers."""
    own = file_tools(Path()) if files else []
    return ToolRegistry(all_tools(RuntimeSettings(path=store, tools=own)))


def _chosen(past: AgentPast, at: str) -> PastCall:
    found = _AT.fullmatch(at)
    if found is None:
        raise CommandRejected(f"--at is the number of a model call, or eN of an entry, not {at!r}")
    number = int(found[2])
    return past.call_of_entry(number) if found[1] else past.call(number)


async def _assembled(
    team: OpenStore,
    view: MemoryView,
    tools: ToolRegistry,
    past: AgentPast,
    call: PastCall | None,
) -> AssembledContext:
    boards = _StoredBoards(team.journal)
    with memory_index(team, view) as index:
        recall = Recall(_StoredMemories(team.reader, index), boards)
        assembly = RequestAssembly(tools, team.reader, BoardReminders(boards), recall)
        if call is None:
            return await assembled_next(assembly, past)
        return await assembled_call(assembly, past, call)


class _StoredBoards:
    """See `Looks`. Boards as the log has them; it blocks, and nobody else waits."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def look(self, stream_id: StreamId) -> Any:
        return BOARD.fold(one.event for one in self._journal.read_stream(stream_id))


class _StoredMemories:
    """See `RecallPort`. Memories as the log has them; it blocks, and nobody else waits."""

    def __init__(self, reader: JournalReader, index: MemoryIndex) -> None:
        self._reader = reader
        self._index = index

    def has_facts(self, profile: AgentProfile) -> bool:
        view = agent_view(profile.agent_id, profile.team_id)
        said = agent_stream(profile.agent_id)
        facts = (one.stream_id for one in view.streams if one.stream_id != said)
        return any(self._reader.stream_version(one) for one in facts)

    async def recall(
        self, profile: AgentProfile, question: str, seen: SeenWords
    ) -> Sequence[FoundRecord]:
        limit, now = profile.memory.auto_recall_limit, time.time()
        asked = MemoryQuestion(words=question, limit=limit, now=now, seen=seen)
        return self._index.search(agent_view(profile.agent_id, profile.team_id), asked)


def _unknown_tools(past: AgentPast, tools: ToolRegistry) -> list[str]:
    """Tools that the agent names or has called, and that are not among these."""
    profile = past.state.profile
    named = set(profile.tools or ()) if profile else set()
    return sorted((named | _called(past.transcript)) - set(tools))


def _called(transcript: Transcript) -> set[str]:
    return {
        block.name
        for message in transcript.messages
        if isinstance(message, AssistantMessage)
        for block in message.blocks
        if isinstance(block, ToolCallBlock)
    }

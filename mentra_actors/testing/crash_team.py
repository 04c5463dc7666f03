"""A small team whose tools leave traces outside of the log: the subject of crash tests.

The lead uses one tool of every `retry`, spawns a helper, and gets mail from it. Each run of a
tool adds a line to a witness file, so that what happened in the world can be compared with what
the log says. `run_crash_team` may be killed anywhere and called again with the same paths.
"""

import fcntl
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from mentra_actors.domain.agent.events import (
    ModelReplied,
    RunCancelled,
    RunFailed,
    RunFinished,
    ToolCallRestarted,
    ToolCallStarted,
)
from mentra_actors.domain.content import AssistantBlock, text_of
from mentra_actors.domain.inbox import MailDelivered
from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.effects.runner import Performer
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import category_of
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.scripted import ScriptedModel, call, position, say
from mentra_actors.runtime.settings import Durability
from mentra_actors.runtime.sync_runtime import SyncRuntime, open_runtime_sync
from mentra_actors.store.embedded.reader import LmdbJournalReader
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import EventStore
from mentra_actors.testing.guarantees import prefix_faults
from mentra_actors.tools.contract import ProbeResult, Tool, ToolContext
from mentra_actors.tools.functions.decorator import probe, tool

__all__ = ["crash_team_facts", "run_crash_team"]

LEAD: Sequence[Sequence[AssistantBlock]] = (
    (call("look", place="a"), call("look", place="b"), call("charge", euros=5)),
    (call("team_spawn", name="helper", role="helper", prompt="Report to lead."),),
    (call("register", name="x"), call("pay", euros=7), call("charge", euros=6)),
    (call("task_create", subject="Wait for the report"), call("team_list")),
    (
        call("task_update", taskId=1, owner="lead", status="in_progress"),
        call("task_update", taskId=1, status="completed", result="The report is in."),
    ),
    (say("The report is in."),),
)
WAITING = say("Waiting for the report.")
BEFORE_THE_REPORT = 4
HELPER: Sequence[Sequence[AssistantBlock]] = (
    (call("look", place="c"), call("team_send", to="lead", content="All is well.")),
    (say("Reported."),),
)


def run_crash_team(
    store: str,
    witness: str,
    *,
    wrap_store: Callable[[EventStore], EventStore] | None = None,
    wrap_effects: Callable[[Performer], Performer] | None = None,
    durability: Durability = "volatile",
) -> JsonObject:
    """Run the team, or go on with it, until it is idle; then what the log says."""
    with open_runtime_sync(
        store,
        tools=_tools(Path(witness)),
        providers=[ScriptedModel(_play, name="play")],
        durability=durability,
        wrap_store=wrap_store,
        wrap_effects=wrap_effects,
    ) as runtime:
        _work(runtime)
    return crash_team_facts(store)


def _work(runtime: SyncRuntime) -> None:
    lead = runtime.spawn("lead", model="play:lead", reuse=True)
    lead.send("Do the work.", prompt_id="the-work", timeout_s=60)
    runtime.until_idle(timeout_s=60)


def crash_team_facts(store: str) -> JsonObject:
    """What a finished team has left on its log; equal after every kill."""
    reader = LmdbJournalReader.open(store)
    try:
        recorded = list(Journal(reader).through())
    finally:
        reader.close()
    positions = [one.global_position for one in recorded]
    letters = [one.event.mail for one in recorded if isinstance(one.event, MailDelivered)]
    return {
        "gap_free": positions == list(range(1, len(positions) + 1)),
        "prompt_faults": prefix_faults(recorded),
        "starts": _starts(recorded),
        "mail": sorted((mail.sender, mail.to, mail.body) for mail in letters),
        "mail_ids": [mail.mail_id for mail in letters],
        "board": sorted(
            f"{one.event_type} {getattr(one.event, 'task_id', '')}"
            for one in recorded
            if category_of(one.stream_id) == "board"
        ),
        "types": [one.event_type for one in recorded],
        **_ends(recorded),
    }


def _ends(recorded: Sequence[RecordedEvent[object]]) -> JsonObject:
    """How runs ended: the last words of each agent (none after a typed value), and failures."""
    failures = [one for one in recorded if isinstance(one.event, RunFailed | RunCancelled)]
    said = {
        (one.stream_id, one.event.effect_id): text_of(one.event.blocks)
        for one in recorded
        if isinstance(one.event, ModelReplied)
    }
    return {
        "last_words": {
            one.stream_id: said.get((one.stream_id, one.event.answer), "")
            for one in recorded
            if isinstance(one.event, RunFinished)
        },
        "failures": [f"{one.stream_id} {one.event}" for one in failures],
    }


def _starts(recorded: Sequence[RecordedEvent[object]]) -> dict[str, int]:
    """How often each call was started, by idempotency key."""
    keys: dict[tuple[str, str], str] = {}
    starts: dict[str, int] = {}
    for one in recorded:
        if isinstance(one.event, ToolCallStarted):
            keys[one.stream_id, one.event.key] = one.event.idempotency_key
            starts[one.event.idempotency_key] = 1
        elif isinstance(one.event, ToolCallRestarted):
            starts[keys[one.stream_id, one.event.key]] += 1
    return starts


def _play(request: ModelRequest) -> Sequence[AssistantBlock]:
    """The next turn by what stands in the conversation, whichever way it came to stand there."""
    if "teammate" in request.system:
        return _turn(HELPER, position(request))
    waits = sum(1 for m in request.messages if WAITING in getattr(m, "blocks", ()))
    place = position(request) - waits
    has_report = any("All is well." in getattr(m, "text", "") for m in request.messages)
    if place == BEFORE_THE_REPORT and not has_report:
        return (WAITING,)
    return _turn(LEAD, place)


def _turn(turns: Sequence[Sequence[AssistantBlock]], place: int) -> Sequence[AssistantBlock]:
    return turns[place] if place < len(turns) else (say("Noted."),)


def _tools(witness: Path) -> list[Tool]:
    def leave_trace(name: str, context: ToolContext) -> None:
        _append_line(witness / name, context.idempotency_key)

    @tool(retry="safe", parallel=True)
    async def look(context: ToolContext, place: str) -> str:
        """Look at a place."""
        leave_trace("look", context)
        return f"{place} is fine"

    @tool(retry="never")
    async def charge(context: ToolContext, euros: int) -> str:
        """Charge a card; nobody can undo it or ask about it."""
        leave_trace("charge", context)
        return f"charged {euros}"

    @tool(retry="idempotent")
    async def register(context: ToolContext, name: str) -> str:
        """Register a name; the register knows the key."""
        if context.idempotency_key not in _lines(witness / "register"):
            leave_trace("register", context)
        return f"registered {name}"

    @probe
    def was_paid(key: str) -> ProbeResult:
        if key in _lines(witness / "pay"):
            return ProbeResult(verdict="done", content="paid (found)")
        return ProbeResult(verdict="not_done")

    @tool(retry=was_paid)
    async def pay(context: ToolContext, euros: int) -> str:
        """Pay; the bank can be asked."""
        leave_trace("pay", context)
        return f"paid {euros}"

    return [look, charge, register, pay]


def _append_line(path: Path, line: str) -> None:
    """One whole line, on disk before this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []

"""What a session tells of whole turns: typed ones, with tools, with files, with a compaction."""

import sys
from pathlib import Path

import anyio
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from invoices import Invoice

from mentra_actors import NoOutput, RuntimePolicy, call, tool
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.profile import Workspace
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.domain.compaction import SUMMARY_SYSTEM
from mentra_actors.domain.content import ToolResultsMessage
from projections.feeds import session_event as s

pytestmark = pytest.mark.anyio

MODEL = "scripted:lead"
INVOICE = {"payee": "ann", "cents": 1250}
LIVE = (s.AssistantTokenDelta, s.AssistantReasoningDelta, s.UsageReport)


@tool(retry="safe", side_effects="none")
async def look(what: str) -> str:
    """Look."""
    return f"seen {what}"


def story(items):
    return [type(item.event).__name__ for item in items if not isinstance(item.event, LIVE)]


async def started(runtime, **options):
    return await runtime.sessions.start(model=MODEL, **options)


# --- typed turns ------------------------------------------------------------------------------


async def test_a_typed_turn_is_told_in_its_order(played):
    """The question, the call that hands the value over, its result, the end; and no error."""
    async with played(lambda request: [call(request.tools[-1].name, **INVOICE)]) as team:
        session = await started(team.runtime)
        value = await session.append_turn_to(Invoice, "Read this letter.")
        items = await session.replay()
        history = await session.history()
        about = await session.metadata()

    assert value == Invoice(**INVOICE)
    assert isinstance(history[-1], ToolResultsMessage)
    assert (about.status, about.turn_count) == ("idle", 1)
    assert story(items) == [
        "SessionStarted",
        "UserMessage",
        "AssistantMessageCompleted",
        "ToolQueued",
        "ToolCompleted",
        "TurnEnded",
    ]
    (said,) = [one.event for one in items if isinstance(one.event, s.AssistantMessageCompleted)]
    (queued,) = [one.event for one in items if isinstance(one.event, s.ToolQueued)]
    assert said.text == ""
    assert queued.input_json == '{"payee":"ann","cents":1250}'


async def test_a_value_of_another_type_fails_the_turn(played):
    """The model was told what is wrong and would not mend it; the next turn is another one."""

    def turn(request):
        if request.tools:
            return [call(request.tools[-1].name, payee=7, cents="many")]
        return "Hello."

    async with played(turn) as team:
        session = await started(team.runtime, tools=())
        with pytest.raises(NoOutput):
            await session.append_turn_to(Invoice, "Read it.", output={"retries": 0})
        failed = await session.metadata()
        (*_, last) = await session.replay()
        reply = await session.append_turn("Hi")
        works = await session.metadata()

    assert (failed.status, failed.turn_count, last.event.recoverable) == ("failed", 0, False)
    assert isinstance(last.event, s.TurnFailed)
    assert (reply.text, works.status, works.turn_count) == ("Hello.", "idle", 1)


async def test_a_typed_turn_that_works_first_is_told_in_its_order(played):
    """With its tools the model looks first, and then hands the value over."""

    def turn(request):
        is_first = len(request.messages) == 1
        return [call("look", what="it") if is_first else call(request.tools[-1].name, **INVOICE)]

    async with played(turn, look) as team:
        session = await started(team.runtime, tools=["look"])
        value = await session.append_turn_to(Invoice, "Look.", output={"keeps_tools": True})
        items = await session.replay()

    queued = [item.event for item in items if isinstance(item.event, s.ToolQueued)]
    assert value == Invoice(**INVOICE)
    assert [(one.tool_name == "look", one.mutability) for one in queued] == [
        (True, "read_only"),
        (False, "unknown"),
    ]
    assert story(items)[2:] == [
        "AssistantMessageCompleted",
        "ToolQueued",
        "ToolStarted",
        "ToolCompleted",
        "AssistantMessageCompleted",
        "ToolQueued",
        "ToolCompleted",
        "TurnEnded",
    ]


# --- options ----------------------------------------------------------------------------------


async def test_the_options_of_a_turn_are_those_of_a_run(played):
    """Without any, those of the lead count: nothing is written for the turn."""
    async with played(["One.", "Two."]) as team:
        session = await started(team.runtime, run=RunOptions(tool_budget=3))
        await session.append_turn("First")
        await session.append_turn("Second", token_budget=1_000, prompt_id="mine")
        first, second = team.events(e.PromptAccepted)
        runs = team.events(e.RunStarted)

    assert first.options is None
    assert runs[0].options == RunOptions(tool_budget=3)
    assert (second.prompt_id, runs[1].options.token_budget) == ("mine", 1_000)


# --- a compaction, and files ------------------------------------------------------------------


async def test_a_compaction_is_told_when_it_begins_and_when_it_is_done(played):
    """Whoever waits sees why; and the session goes on with what is left."""

    def turn(request):
        is_summary = request.system == SUMMARY_SYSTEM
        return '{"goal": "count", "progress": "counted"}' if is_summary else "Yes."

    async with played(turn) as team:
        session = await started(team.runtime)
        await session.append_turn("First")
        await session.append_turn("Second")
        await session.agent.conversation.compact()
        await team.until(e.ConversationCompacted)
        await session.append_turn("Third")
        items = await session.replay()
        about = await session.metadata()

    (requested,) = [
        one.global_position
        for one in team.recorded
        if isinstance(one.event, e.CompactionRequested)
    ]
    (begun,) = [one for one in items if isinstance(one.event, s.CompactionStarted)]
    (done,) = [one for one in items if isinstance(one.event, s.CompactionCompleted)]
    assert begun.cursor.position == requested
    assert done.event.effect_id == begun.event.effect_id
    assert done.event.replaced > 0
    assert story(items)[-5:] == [
        "CompactionStarted",
        "CompactionCompleted",
        "UserMessage",
        "AssistantMessageCompleted",
        "TurnEnded",
    ]
    assert (about.status, about.turn_count) == ("idle", 3)


async def test_two_turns_with_files_are_told_whole(played, tmp_path):
    """What is written shows a line of progress; what is only read shows none."""
    turns = [
        [call("files", operations=[{"op": "create", "path": "a.txt", "content": "one\n"}])],
        "Written.",
        [call("files", operations=[{"op": "set", "path": "a.txt", "content": "two\n"}])],
        [call("files", operations=[{"op": "read", "path": "a.txt"}])],
        "Changed.",
    ]
    policy = RuntimePolicy.workspace_bounded(str(tmp_path))
    heard = []

    async def read(feed):
        async for item in feed:
            heard.append(item.event)
            if sum(isinstance(one, s.TurnEnded) for one in heard) == 2:
                return

    async with played(turns, policy=policy) as team:
        session = await started(team.runtime, workspace=Workspace(base_dir=str(tmp_path)))
        async with session.events(after=0) as feed, anyio.create_task_group() as group:
            group.start_soon(read, feed)
            await session.append_turn("Write")
            await session.append_turn("Change")

    lines = [one.progress for one in heard if isinstance(one, s.ToolProgress)]
    completed = [one for one in heard if isinstance(one, s.ToolCompleted)]
    texts = [one.text for one in heard if isinstance(one, s.AssistantMessageCompleted)]
    assert [one.text for one in heard if isinstance(one, s.UserMessage)] == ["Write", "Change"]
    assert [text for text in texts if text] == ["Written.", "Changed."]
    assert [line.partition(" a.txt")[0] for line in lines] == ["file_op: create", "file_op: set"]
    assert [one.is_error for one in completed] == [False] * 3
    assert (tmp_path / "a.txt").read_text() == "two\n"

"""Feeds of an agent and of its session: what is told, in which order, and to late readers."""

import sys
from pathlib import Path

import anyio
import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from paced_model import PacedModel, agent_with

from mentra_actors import (
    Cursor,
    ProviderError,
    RunFailed,
    ScriptedModel,
    ToolContext,
    ToolError,
    call,
    open_runtime_sync,
    tool,
)
from mentra_actors.errors import RuntimeClosed
from projections.feeds import agent_event as told
from projections.feeds import session_event as said

pytestmark = pytest.mark.anyio

BOTH = pytest.mark.parametrize("face", ["events", "session_events"])
ENDS = (told.RunFinished, told.RunFailed, said.TurnEnded, said.TurnFailed)
LOOKS = [[call("look", place="here")], "I saw it."]


@tool(retry="safe")
async def look(place: str) -> str:
    """Look."""
    return f"{place} is a result"


def feed_of(agent, face, after=0):
    return getattr(agent, face)(after=after)


async def items_of(feed, runs=1):
    """Items through the end of so many runs."""
    items = []
    with anyio.fail_after(10):
        async for item in feed:
            items.append(item)
            runs -= isinstance(item.event, ENDS)
            if runs == 0:
                break
    return items


async def story_of(agent, face="session_events", *, after=0, runs=1):
    """All that a feed tells of so many runs, without live pieces."""
    async with feed_of(agent, face, after) as feed:
        return [item for item in await items_of(feed, runs) if item.cursor is not None]


def names(events):
    return [type(event).__name__ for event in events]


# --- places -----------------------------------------------------------------------------------


@BOTH
async def test_each_event_of_the_log_has_a_place_there(played, face):
    """Whoever stores what it was told can name the event of the log behind it, for ever."""
    async with played(LOOKS, look) as team:
        agent = await team.spawn()
        async with feed_of(agent, face) as feed, anyio.create_task_group() as group:
            group.start_soon(agent.send, "Look")
            items = await items_of(feed)

    cursors = [item.cursor for item in items if item.cursor is not None]
    positions = [one.global_position for one in team.recorded if one.stream_id == "agent-lead"]
    live = [item.event for item in items if item.cursor is None]
    assert cursors == sorted(set(cursors))
    assert {cursor.position for cursor in cursors} <= set(positions)
    assert all("Delta" in name or "Updated" in name for name in names(live))
    assert str(Cursor(7, 2)) == "7.2"


@BOTH
async def test_a_reader_goes_on_in_a_later_process(played, tmp_path, face):
    """A browser that lost its server asks the next one for the rest, and gets exactly that."""
    path = tmp_path / "team.mentra"
    async with played(LOOKS, look, path=path) as team:
        agent = await team.spawn()
        await agent.send("Look")
        whole = await story_of(agent, face)

    async with played([], look, path=path) as team:
        agent = await team.runtime.agent("lead")
        for place, item in enumerate(whole[:-1], start=1):
            kept = msgspec.json.decode(msgspec.json.encode(item.cursor), type=Cursor)
            assert await story_of(agent, face, after=kept) == whole[place:]


@BOTH
async def test_a_late_reader_is_told_everything_and_then_what_comes(played, face):
    """Past and present are one story: nothing is told twice where they meet."""
    async with played(["One.", "Two."]) as team:
        agent = await team.spawn()
        await agent.send("First")
        async with feed_of(agent, face) as feed, anyio.create_task_group() as group:
            before = await items_of(feed)
            group.start_soon(agent.send, "Second")
            after = await items_of(feed)
        whole = await story_of(agent, face, runs=2)

    assert [one for one in before + after if one.cursor is not None] == whole
    assert len(before) > 3


@BOTH
async def test_without_a_place_a_feed_begins_now(played, face):
    """A program that starts watching does not want to hear of last year."""
    async with played(["One.", "Two."]) as team:
        agent = await team.spawn()
        await agent.send("First")
        async with feed_of(agent, face, after=None) as feed, anyio.create_task_group() as group:
            group.start_soon(agent.send, "Second")
            items = await items_of(feed)

    inputs = [item.event.text for item in items if hasattr(item.event, "input_id")]
    assert inputs == ["Second"]
    assert type(items[0].event).__name__ in ("InputAdded", "UserMessage")


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (-1, "found -1"),
        (Cursor(999), "found 999: is it of another store?"),
        ("soon", "written like 12.0, not 'soon'"),
    ],
)
async def test_a_place_that_the_log_does_not_have_is_refused(played, after, why):
    """It is a mistake, or of another store; to wait there would be for ever."""
    async with played([]) as team:
        agent = await team.spawn()
        with pytest.raises(ValueError, match=why):
            agent.events(after=after)


async def test_a_cursor_is_kept_as_text(played):
    """It stands in a file, or in the header with which a browser comes back."""
    async with played(["One."]) as team:
        agent = await team.spawn()
        await agent.send("Go")
        whole = await story_of(agent, after=0)
        rest = await story_of(agent, after=str(whole[1].cursor))

    assert Cursor.parse(str(whole[1].cursor)) == whole[1].cursor
    assert rest == whole[2:]


async def test_a_feed_that_is_cut_short_says_so(played):
    """Who has not read the end must not take what there was for all."""
    async with played(["One."]) as team:
        agent = await team.spawn()
        await agent.send("Go")
        feed = agent.events(after=0)
        with pytest.raises(RuntimeError, match="inside of `with`"):
            await anext(aiter(feed))
        await feed.__aenter__()
    with pytest.raises(RuntimeClosed):
        await anext(aiter(feed))


@pytest.mark.parametrize("after", [None, 0, "1.0"])
@pytest.mark.parametrize("feed", ["events", "session_events"])
async def test_a_runtime_that_is_closed_has_no_feeds(played, feed, after):
    """Wherever it was to begin: nothing must not look like all that there was."""
    async with played(["One."]) as team:
        agent = await team.spawn()
        await agent.send("Go")
    with pytest.raises(RuntimeClosed):
        getattr(agent, feed)(after=after)


@BOTH
async def test_a_feed_ends_with_its_runtime(played, face):
    """Whoever reads must not wait for ever, and has been told all that was recorded."""
    heard = []
    async with anyio.create_task_group() as group, played(["One."]) as team:
        agent = await team.spawn()
        ready = anyio.Event()

        async def read():
            async with feed_of(agent, face) as feed:
                async for item in feed:
                    heard.append(item.event)
                    ready.set()

        await agent.send("First")
        group.start_soon(read)
        await ready.wait()

    assert isinstance(heard[-1], ENDS)


def test_a_feed_without_an_event_loop():
    """Scripts and threads of a web server read the same story."""
    model = ScriptedModel(["One."])
    with open_runtime_sync(":memory:", providers=[model], durability="volatile") as runtime:
        agent = runtime.spawn("lead", model="scripted:lead")
        agent.send("First")
        events = []
        with agent.session_events(after=0) as feed:
            for item in feed:
                events.append(item.event)
                if isinstance(item.event, said.TurnEnded):
                    break

    assert names(events) == [
        "SessionStarted",
        "UserMessage",
        "AssistantMessageCompleted",
        "UsageReport",
        "TurnEnded",
    ]


# --- pieces -----------------------------------------------------------------------------------


async def test_a_reader_that_comes_in_the_middle_of_an_answer_has_its_beginning():
    """A second window shows the same half sentence as the first, not its second half."""
    model = PacedModel(["One two three."], delta_chars=5)
    async with agent_with(model) as agent, anyio.create_task_group() as group:
        group.start_soon(agent.send, "Go")
        for _ in range(2):
            await model.gate.reached()
            model.gate.let_go()
        await model.gate.reached()
        async with agent.events(after=0) as feed:
            begun = [(await anext(aiter(feed))).event for _ in range(3)]
            model.gate.let_go()
            rest = [item.event for item in await items_of(feed)]

    pieces = [one for one in begun + rest if isinstance(one, told.TextDelta)]
    (whole,) = [one for one in rest if isinstance(one, told.AssistantMessageCommitted)]
    assert [(one.offset, one.delta) for one in pieces] == [(0, "One two three.")]
    assert whole.blocks[0].text == "One two three."


async def test_every_piece_reaches_a_reader_that_keeps_up(played):
    """An answer of three hundred pieces, with a tool before it, is told without a gap."""
    text = "".join(f"{number:04}" for number in range(320))
    turns = [[call("look", place="here")], text]
    async with played(turns, look, model_options={"delta_chars": 4}) as team:
        agent = await team.spawn()
        async with agent.session_events(after=0) as feed, anyio.create_task_group() as group:
            first = await anext(aiter(feed))
            group.start_soon(agent.send, "Look")
            events = [item.event for item in await items_of(feed)]

    pieces = [one for one in events if isinstance(one, said.AssistantTokenDelta)]
    assert isinstance(first.event, said.SessionStarted)
    assert len(pieces) == 320
    assert [one.offset for one in pieces] == list(range(0, 1280, 4))
    assert "".join(one.delta for one in pieces) == text
    tools = [name for name in names(events) if name.startswith("Tool")]
    assert tools == ["ToolQueued", "ToolStarted", "ToolCompleted"]


async def test_a_slow_reader_loses_pieces_and_nothing_that_is_recorded(played):
    """One window that hangs must neither cost memory without end nor miss what was decided."""
    turns = [[call("look", place="here")], "x" * 12_000, "Two."]
    async with played(turns, look, model_options={"delta_chars": 1}) as team:
        agent = await team.spawn()
        async with agent.events(after=0) as feed:
            await agent.configure(system="Be brief.")
            first = await anext(aiter(feed))
            await agent.send("Look")
            await agent.send("And?")
            items = [first, *await items_of(feed, runs=2)]
        whole = await story_of(agent, "events", runs=2)

    assert [item for item in items if item.cursor is not None] == whole
    assert sum(isinstance(item.event, told.TextDelta) for item in items) < 12_000


# --- the words of a session -------------------------------------------------------------------


async def test_a_session_tells_a_turn_in_its_order(played):
    """A chat shows the question, then the work, then the answer, then that it is over."""
    async with played(LOOKS, look) as team:
        agent = await team.spawn()
        await agent.send("Look")
        events = [item.event for item in await story_of(agent)]

    assert [name for name in names(events) if name != "UsageReport"] == [
        "SessionStarted",
        "UserMessage",
        "AssistantMessageCompleted",
        "ToolQueued",
        "ToolStarted",
        "ToolCompleted",
        "AssistantMessageCompleted",
        "TurnEnded",
    ]
    tools = [one for one in events if hasattr(one, "tool_name")]
    assert {(one.tool_call_id, one.tool_name) for one in tools} == {("call_1_1", "look")}
    assert [one.summary for one in tools if hasattr(one, "summary")] == [
        'look({"place":"here"})',
        "here is a result",
    ]
    texts = [one.text for one in events if isinstance(one, said.AssistantMessageCompleted)]
    assert texts == ["", "I saw it."]


async def test_a_failed_turn_is_told_and_the_next_one_works(played):
    """A chat says what went wrong and if it is worth another try, and is not stuck after it."""
    failing = {"fail_first": [ProviderError("no key", kind="auth", transient=False)]}
    async with played(["Hello."], model_options=failing) as team:
        agent = await team.spawn()
        with pytest.raises(RunFailed, match="no key"):
            await agent.send("Hi")
        await agent.send("Hi again")
        events = [item.event for item in await story_of(agent, runs=2)]
        snapshot = await agent.snapshot()

    ends = [one for one in events if isinstance(one, said.TurnFailed | said.TurnEnded)]
    assert ends == [
        said.TurnFailed(kind="auth", message="no key", recoverable=False),
        said.TurnEnded(ending="answered"),
    ]
    assert names(events).count("AssistantMessageCompleted") == 1
    assert (snapshot.status, snapshot.last_ending) == ("idle", "finished")


async def test_a_tool_that_fails_is_told_and_the_session_rests(played):
    """A red line in the chat, and the model's word on it; nothing else has failed."""

    @tool
    async def pay() -> str:
        """Pay."""
        raise ToolError("no money")

    async with played([[call("pay")], "I see."], pay) as team:
        agent = await team.spawn()
        await agent.send("Pay")
        events = [item.event for item in await story_of(agent)]
        snapshot = await agent.snapshot()

    (completed,) = [one for one in events if isinstance(one, said.ToolCompleted)]
    assert (completed.tool_name, completed.is_error) == ("pay", True)
    assert "no money" in completed.summary
    assert snapshot.status == "idle"


async def test_tools_that_run_at_once_keep_their_names(played):
    """Each line of progress and each result is shown under the call that it is of."""
    second_is_done = anyio.Event()

    @tool(retry="safe", parallel=True)
    async def first(context: ToolContext) -> str:
        """First."""
        await second_is_done.wait()
        context.progress("first at work")
        return "1"

    @tool(retry="safe", parallel=True)
    async def second(context: ToolContext) -> str:
        """Second."""
        context.progress("second at work")
        second_is_done.set()
        return "2"

    async with played([[call("first"), call("second")], "Done."], first, second) as team:
        agent = await team.spawn()
        async with agent.session_events(after=0) as feed, anyio.create_task_group() as group:
            await anext(aiter(feed))
            group.start_soon(agent.send, "Go")
            events = [item.event for item in await items_of(feed)]

    progress = [one for one in events if isinstance(one, said.ToolProgress)]
    ends = [one for one in events if isinstance(one, said.ToolCompleted)]
    assert sorted((one.tool_name, one.progress) for one in progress) == [
        ("first", "first at work"),
        ("second", "second at work"),
    ]
    assert sorted((one.tool_name, one.summary) for one in ends) == [
        ("first", "1"),
        ("second", "2"),
    ]


async def test_work_of_a_subagent_is_told_as_a_task(played):
    """A person sees that somebody works for the agent, and when that is over."""
    turns = {"lead": [[call("task", prompt="Count")], "Done."]}

    def turn(request):
        is_child = request.messages[0].text == "Count"
        place = sum(type(one).__name__ == "AssistantMessage" for one in request.messages)
        return "Three." if is_child else turns["lead"][place]

    async with played(turn) as team:
        agent = await team.spawn()
        await agent.send("Go")
        events = [item.event for item in await story_of(agent)]

    tasks = [one for one in events if isinstance(one, said.TaskUpdated)]
    assert [(one.kind, one.status) for one in tasks] == [
        ("subagent", "spawned"),
        ("subagent", "finished"),
    ]
    assert tasks[0].task_id == tasks[1].task_id
    assert tasks[0].title

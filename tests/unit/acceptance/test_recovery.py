"""What breaks off: a run that fails or is cancelled, a process that dies, work to be undone."""

import anyio
import pytest

from mentra_actors import (
    CommandRejected,
    FinishedToolCall,
    ProbeResult,
    ProviderError,
    RunFailed,
    ToolContext,
    ToolError,
    call,
    probe,
    tool,
)
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import AssistantMessage, ToolResultsMessage, UserMessage
from mentra_actors.providers.scripted import NeverEnds
from mentra_actors.runtime.awaiting import thread_safe_call
from projections.feeds import agent_event as told

pytestmark = pytest.mark.anyio

BROKEN = ProviderError("no", kind="http", transient=False, status=400)
UNKNOWN = "It may or may not have happened. Do not assume either; check before you repeat it."


def breaks_once_at(place, turns):
    """A script whose turn at a place fails the first time."""
    failures = [BROKEN]

    def turn(request):
        here = sum(isinstance(one, AssistantMessage) for one in request.messages)
        return failures.pop() if here == place and failures else turns[here]

    return turn


def booking(undo=None):
    """A tool that books, and all that it was asked."""
    booked = []

    @tool(compensate=undo)
    async def book(seat: int) -> str:
        """Book."""
        booked.append(seat)
        return f"seat {seat} is booked"

    return book, booked


def kinds(messages):
    return [type(message) for message in messages]


async def notices_of(agent):
    """Notices in the agent's feed, up to its end, which this is."""
    await agent.stop()
    notices = []
    with anyio.fail_after(10):
        async with agent.events(after=0) as feed:
            async for item in feed:
                if isinstance(item.event, told.Notice):
                    if item.event.message == "the agent was stopped":
                        break
                    notices.append((item.event.severity, item.event.message))
    return notices


# --- a run that fails -------------------------------------------------------------------------


async def test_a_failed_run_keeps_its_rounds_and_goes_on_at_its_last_boundary(played, tmp_path):
    """The tool has booked and the round is paid: a later process needs only what is missing."""
    path, (book, booked) = tmp_path / "team.mentra", booking()
    turn = breaks_once_at(1, [[call("book", seat=7)], "It is booked."])
    async with played(turn, book, path=path) as team:
        agent = await team.spawn()
        with pytest.raises(RunFailed, match="no"):
            await agent.send("Book")
        kept = await agent.conversation.history()
        broken = await agent.snapshot()

    async with played(turn, book, path=path) as team:
        agent = await team.runtime.agent("lead")
        reply = await agent.resume()
        after = await agent.snapshot()

    assert kinds(kept) == [UserMessage, AssistantMessage, ToolResultsMessage]
    assert (broken.can_resume, broken.last_ending) == (True, "failed")
    assert (reply.text, booked) == ("It is booked.", [7])
    assert [list(request.messages) for request in team.requests] == [kept]
    assert (after.can_resume, after.last_ending) == (False, "finished")


async def test_a_run_may_be_all_or_nothing(played):
    """The conversation is as before; the log still knows what was done, and the words wait."""
    book, booked = booking()
    turn = breaks_once_at(2, ["Hello.", [call("book", seat=7)], "It is booked."])
    async with played(turn, book) as team:
        agent = await team.spawn()
        await agent.send("Hi")
        before = await agent.conversation.history()
        with pytest.raises(RunFailed, match="no"):
            await agent.send("Book", on_failure="rollback")
        after = await agent.conversation.history()
        entries = await agent.conversation.entries()
        reply = await agent.resume()

    assert after == before
    assert kinds(entry.message for entry in entries[2:]) == [
        UserMessage,
        AssistantMessage,
        ToolResultsMessage,
    ]
    assert (reply.text, booked) == ("It is booked.", [7, 7])
    assert [one.text for one in team.requests[-2].messages if isinstance(one, UserMessage)] == [
        "Hi",
        "Book",
    ]


@pytest.mark.parametrize("on_failure", ["suspend", "rollback"])
async def test_a_cancel_in_the_middle_of_parallel_calls(played, on_failure):
    """It ends at once; what is told of each call is true, or all of it is taken back."""

    @tool(parallel=True)
    async def quick() -> str:
        """Quick."""
        return "done"

    @tool(parallel=True)
    async def slow() -> str:
        """Slow."""
        await anyio.sleep_forever()
        return "never"

    @tool
    async def later() -> str:
        """Later."""
        return "never"

    tools = (quick, slow, later)
    async with played([[call(one.name) for one in tools]], *tools) as team:
        agent = await team.spawn()
        async with anyio.create_task_group() as group:
            group.start_soon(fails, agent, on_failure)
            await team.until(e.ToolCallFinished)
            await agent.cancel("enough")
        history = await agent.conversation.history()
        entries = await agent.conversation.entries()

    (results,) = [one.message for one in entries if one.kind == "tool_exchange"]
    told_of = {one.name: (one.content, one.is_error) for one in results.results}
    assert told_of["quick"] == ("done", False)
    assert told_of["slow"][0].startswith("The outcome of this call is unknown: ")
    assert told_of["later"] == ("not executed: the run was cancelled", True)
    assert len(history) == (3 if on_failure == "suspend" else 0)


async def fails(agent, on_failure):
    with pytest.raises(RunFailed, match="enough"):
        await agent.send("Go", on_failure=on_failure)


# --- a process that dies ----------------------------------------------------------------------


def paying(retry, started=lambda: None):
    """A tool that hangs in its first attempt, and all attempts with their keys."""
    attempts = []

    @tool(retry=retry)
    async def pay(context: ToolContext) -> str:
        """Pay."""
        attempts.append((context.attempt, context.idempotency_key))
        if context.attempt == 1:
            await anyio.sleep_forever()
        return "paid"

    return pay, attempts


async def died_and_went_on(played, path, pay):
    """What the model was told of a call that was open when its process ended."""
    turns = [[call("pay")], "I see."]
    async with played(turns, pay, path=path, close_grace_s=0) as team:
        agent = await team.spawn()
        await agent.mail("Pay")
        await team.until(e.ToolCallStarted)

    async with played(turns, pay, path=path) as team:
        await team.runtime.until_idle()
        state = await (await team.runtime.agent("lead")).state()
    assert (state.run, state.last_ending) == (None, "finished")
    ((text, is_error),) = team.results()
    return text, is_error


@pytest.mark.parametrize("retry", ["safe", "idempotent"])
async def test_a_call_that_may_be_repeated_runs_again(played, tmp_path, retry):
    """With the same key, so that whoever is paid can tell that it is the same payment."""
    pay, attempts = paying(retry)
    result = await died_and_went_on(played, tmp_path / "team", pay)

    assert result == ("paid", False)
    assert [attempt for attempt, _ in attempts] in ([1, 2], [2])
    (key,) = {key for _, key in attempts}
    assert key.startswith("agent-lead/tool-1.0/")


async def test_a_call_that_must_not_be_repeated_is_not_and_the_model_is_told(played, tmp_path):
    """Paying twice is worse than asking; and a model that knows can look."""
    pay, attempts = paying("never")
    text, is_error = await died_and_went_on(played, tmp_path / "team", pay)

    assert is_error
    assert text.startswith("The outcome of this call is unknown: ")
    assert text.endswith(UNKNOWN)
    assert [attempt for attempt, _ in attempts] in ([1], [])


@pytest.mark.parametrize(
    ("verdict", "result"),
    [
        (ProbeResult(verdict="done", content="paid before"), ("paid before", False)),
        (ProbeResult(verdict="not_done"), ("paid", False)),
        (ProbeResult(verdict="unknown"), None),
    ],
    ids=["done", "not done", "unknown"],
)
async def test_a_probe_says_what_became_of_a_call(played, tmp_path, verdict, result):
    """Whoever can look it up neither pays twice nor has to ask."""
    asked = []

    async def look_up(idempotency_key):
        asked.append(idempotency_key)
        return verdict

    pay, attempts = paying(probe(look_up))
    text, is_error = await died_and_went_on(played, tmp_path / "team", pay)

    assert {key for _, key in attempts} <= set(asked)
    assert [key.rpartition("/")[0] for key in asked] == ["agent-lead/tool-1.0"]
    assert ((text, is_error) == result) if result else (is_error and text.endswith(UNKNOWN))
    assert any(attempt > 1 for attempt, _ in attempts) == (verdict.verdict == "not_done")


class TickWatch:
    """Stands in front of a store, as `wrap_store`, and says when a tick is kept."""

    def __init__(self, on_tick):
        self._on_tick = on_tick

    def __call__(self, store):
        self._store = store
        return self

    def __getattr__(self, name):
        return getattr(self._store, name)

    def save_tick(self, tick, *, drop_below):
        self._store.save_tick(tick, drop_below=drop_below)
        self._on_tick(tick)


async def test_half_an_answer_of_a_dead_process_is_kept_as_that(played, tmp_path):
    """People see what had come; the model is asked again and never shown half a sentence."""
    path, call_here, kept = tmp_path / "team", thread_safe_call(), anyio.Event()

    def on_tick(tick):
        if tick.pieces:
            call_here(kept.set)

    store = {"wrap_store": TickWatch(on_tick), "tick_s": 0.001}
    async with played([NeverEnds("Hel")], path=path, **store) as team:
        agent = await team.spawn()
        await agent.mail("Hi")
        with anyio.fail_after(10):
            await kept.wait()
        before = await agent.conversation.history()

    async with played(["Hello."], path=path) as team:
        await team.runtime.until_idle()
        agent = await team.runtime.agent("lead")
        items = [item.content for item in await agent.transcript()]
        after = await agent.conversation.history()
        snapshot = await agent.snapshot()

    (failure,) = [one for one in items if type(one).__name__ == "ModelFailure"]
    assert (failure.kind, failure.partial_text) == ("interrupted", "Hel")
    assert [list(request.messages) for request in team.requests] == [before]
    assert [*before, after[-1]] == after
    assert after[-1].blocks[0].text == "Hello."
    assert (snapshot.status, snapshot.current_text) == ("idle", "")


# --- undoing ----------------------------------------------------------------------------------


@pytest.fixture
def undone():
    """Calls that were undone, in the order in which that was asked for."""
    return []


@pytest.fixture
def undo(undone):
    async def undo(booked: FinishedToolCall) -> str:
        undone.append(booked)
        if booked.arguments["seat"] == 13:
            raise ToolError("nobody takes it back")
        return "free again"

    return undo


async def test_a_run_that_is_taken_back_undoes_its_calls_newest_first(played, undo, undone):
    """All or nothing, in the world as well; what cannot be undone is told to people."""
    book, _ = booking(undo)
    turn = breaks_once_at(1, [[call("book", seat=seat) for seat in (1, 13, 2)]])
    async with played(turn, book) as team:
        agent = await team.spawn()
        with pytest.raises(RunFailed, match="no"):
            await agent.send("Book", on_failure="rollback")
        await team.runtime.until_idle()
        notices = await notices_of(agent)

    assert [one.arguments["seat"] for one in undone] == [2, 13, 1]
    assert undone[0] == FinishedToolCall(
        tool="book",
        arguments={"seat": 2},
        content="seat 2 is booked",
        idempotency_key=undone[0].idempotency_key,
    )
    assert undone[0].idempotency_key.startswith("agent-lead/tool-1.2/")
    assert notices == [
        ("info", "book was undone: free again"),
        ("warning", "book could not be undone: ToolError: nobody takes it back"),
        ("info", "book was undone: free again"),
    ]


async def test_a_run_that_is_kept_is_undone_when_somebody_wants_it(played, undo, undone):
    """Giving up is a decision; after it there is nothing to go on with."""
    book, _ = booking(undo)
    turn = breaks_once_at(1, [[call("book", seat=1), call("book", seat=2)]])
    async with played(turn, book) as team:
        agent = await team.spawn()
        with pytest.raises(CommandRejected, match="no run was broken off"):
            await agent.compensate()
        with pytest.raises(RunFailed, match="no"):
            await agent.send("Book")
        await team.runtime.until_idle()
        before = list(undone)
        await agent.compensate()
        await team.runtime.until_idle()
        with pytest.raises(CommandRejected, match="no run was broken off"):
            await agent.resume()

    assert before == []
    assert [one.arguments["seat"] for one in undone] == [2, 1]


async def test_undoing_a_call_that_was_open_says_that_nobody_knows(played):
    """The tool can look before it pays back what was perhaps never paid."""
    undone = []

    @tool(compensate=undone.append)
    async def pay() -> str:
        """Pay."""
        await anyio.sleep_forever()
        return "never"

    async with played([[call("pay")]], pay) as team:
        agent = await team.spawn()
        async with anyio.create_task_group() as group:
            group.start_soon(fails, agent, "rollback")
            await team.until(e.ToolCallStarted)
            await agent.cancel("enough")
        await team.runtime.until_idle()

    (one,) = undone
    assert not one.is_known
    assert one.idempotency_key.startswith("agent-lead/tool-1.0/")
    assert one.content.endswith(UNKNOWN)

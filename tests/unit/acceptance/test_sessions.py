"""Sessions from the outside: turns, titles, lists over restarts, people who decide meanwhile."""

import sys
import threading
from pathlib import Path

import anyio
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from invoices import Invoice

from mentra_actors import (
    Ask,
    CommandRejected,
    NoOutput,
    ProviderError,
    RunFailed,
    ScriptedModel,
    call,
    open_runtime_sync,
    tool,
)
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.model_call import ReasoningOptions
from mentra_actors.errors import RuntimeClosed, UnknownModel
from mentra_actors.providers.scripted import NEVER_ENDS
from projections.feeds import session_event as s

pytestmark = pytest.mark.anyio

MODEL = "scripted:lead"


async def started(team, **options):
    return await team.runtime.sessions.start(model=MODEL, **options)


def kinds(items):
    return [type(item.event).__name__ for item in items]


def turn_of(items):
    """What was told of a turn, without its bills."""
    return [name for name in kinds(items) if name not in ("SessionStarted", "UsageReport")]


# --- turns ------------------------------------------------------------------------------------


async def test_a_session_begins_with_a_title_and_no_turn(played):
    """What a program makes it with is what a list shows."""
    async with played([]) as team:
        session = await started(team, title="The survey")
        about = await session.metadata()

    assert session.session_id == about.session_id == session.agent.agent_id
    assert (about.title, about.model, about.status) == ("The survey", MODEL, "created")
    assert (about.turn_count, about.message, about.approvals) == (0, "", 0)
    assert about.created_at <= about.updated_at


async def test_a_turn_is_answered_counted_and_told(played):
    """The answer comes back, the list counts it, and the story of it can be read again."""
    async with played(["Nothing."]) as team:
        session = await started(team)
        reply = await session.append_turn("What is left to do?")
        about = await session.metadata()
        items = await session.replay()
        history = await session.history()

    assert reply.text == "Nothing."
    assert (about.status, about.turn_count, about.title) == ("idle", 1, "What is left to do?")
    assert turn_of(items) == ["UserMessage", "AssistantMessageCompleted", "TurnEnded"]
    assert [item.cursor for item in items] == sorted({item.cursor for item in items})
    assert [type(one).__name__ for one in history] == ["UserMessage", "AssistantMessage"]


async def test_a_turn_that_fails_raises_and_the_next_one_works(played):
    """A session is not lost by a bad minute of its provider."""
    failing = {"fail_first": [ProviderError("no key", kind="auth", transient=False)]}
    async with played(["Hello."], model_options=failing) as team:
        session = await started(team)
        with pytest.raises(RunFailed, match="no key"):
            await session.append_turn("Hi")
        failed = await session.metadata()
        reply = await session.resume_turn()
        works = await session.metadata()

    assert (failed.status, failed.message, failed.turn_count) == ("failed", "no key", 0)
    assert (reply.text, works.status, works.message, works.turn_count) == ("Hello.", "idle", "", 1)


async def test_a_turn_whose_time_is_over_asks_nobody(played):
    """Limits of a turn are those of its call; without any they are the lead's."""
    async with played(["Hello."]) as team:
        session = await started(team)
        with pytest.raises(RunFailed):
            await session.append_turn("Hi", deadline_s=0)
        failed = await session.metadata()
        reply = await session.append_turn("Hi again")

    assert (failed.status, failed.turn_count) == ("failed", 0)
    assert (reply.text, len(team.requests)) == ("Hello.", 1)


async def test_a_typed_turn_gives_its_value(played):
    """The value comes back, it stands in the call, and the turn counts."""
    invoice = {"payee": "ann", "cents": 1250}

    def turn(request):
        (output,) = request.tools
        return [call(output.name, **invoice)]

    async with played(turn) as team:
        session = await started(team)
        value = await session.append_turn_to(Invoice, "Read this letter.")
        about = await session.metadata()
        items = await session.replay()

    queued = next(item.event for item in items if isinstance(item.event, s.ToolQueued))
    assert value == Invoice(**invoice)
    assert queued.input_json == '{"payee":"ann","cents":1250}'
    assert (about.status, about.turn_count) == ("idle", 1)
    told = turn_of(items)
    assert told[0] == "UserMessage"
    assert told[-1] == "TurnEnded"
    assert told.index("ToolQueued") < told.index("ToolCompleted")


async def test_a_typed_turn_without_its_value_has_failed(played):
    """Words are not what was asked for: the caller, the list and the story say so."""
    async with played(["I would rather talk.", "Hello."]) as team:
        session = await started(team)
        with pytest.raises(NoOutput):
            await session.append_turn_to(Invoice, "Read this letter.")
        failed = await session.metadata()
        items = await session.replay()
        reply = await session.append_turn("Then talk")
        works = await session.metadata()

    assert (failed.status, failed.turn_count) == ("failed", 0)
    assert items[-1].event == s.TurnFailed(
        kind="no_output", message=failed.message, recoverable=False
    )
    assert "TurnEnded" not in kinds(items)
    assert (reply.text, works.status, works.turn_count) == ("Hello.", "idle", 1)


# --- its life ---------------------------------------------------------------------------------


async def test_a_session_goes_on_in_a_later_process(played, tmp_path):
    """By its id or its name, with its words, its title and its count."""
    path = tmp_path / "team.mentra"
    async with played(["One."], path=path) as team:
        session = await started(team, name="ann", title="Work")
        await session.append_turn("First")
        await session.set_model("scripted:second")
        before = await session.metadata()

    async with played(["One.", "Two."], path=path) as team:
        session = await team.runtime.sessions.resume("ann")
        same = await team.runtime.sessions.resume(session.session_id)
        assert await session.metadata() == before
        await session.append_turn("Second")
        after = await same.metadata()
        told = [item.event for item in await same.replay()]
        history = await same.history()

    assert (after.model, team.requests[0].model) == ("scripted:second", "second")
    assert (after.title, after.turn_count, after.created_at) == ("Work", 2, before.created_at)
    assert [one.text for one in told if isinstance(one, s.UserMessage)] == ["First", "Second"]
    assert len(history) == 4


async def test_a_session_that_is_not_there_is_refused_in_few_words(played):
    async with played([]) as team:
        for number in range(30):
            await started(team, name=f"lead-{number:02}")
        with pytest.raises(CommandRejected, match=r"lead-19 and 10 more$"):
            await team.runtime.sessions.resume("nobody")
        with pytest.raises(TypeError, match="the name of an agent is a plain string"):
            await team.runtime.sessions.resume(None)


@pytest.mark.parametrize("who", ["nobody", "mate", "ann"])
async def test_only_a_lead_has_a_session(played, who):
    """A teammate answers its lead, a person answers nobody's prompts; the words say what to do."""
    async with played([]) as team:
        session = await started(team, name="lead")
        await session.agent.team.spawn_teammate("mate", "tests")
        await team.runtime.members.take_seat("ann", role="boss")
        with pytest.raises(CommandRejected, match=who):
            await team.runtime.sessions.resume(who)
        listed = await team.runtime.sessions.list()
        (mate,) = await session.teammates()

    assert [one.agent for one in listed] == ["lead"]
    assert (mate.name, mate.role, mate.status) == ("mate", "tests", "idle")


async def test_the_model_the_thinking_and_the_title_can_be_changed(played):
    """They count from the next call on, and the list shows them at once."""
    async with played(["Yes."]) as team:
        session = await started(team)
        await session.set_reasoning(ReasoningOptions(effort="high"))
        await session.set_model("scripted:other")
        await session.rename("New")
        with pytest.raises(UnknownModel):
            await session.set_model("nobody:x")
        with pytest.raises(CommandRejected, match="one line"):
            await session.rename("two\nlines")
        await session.append_turn("Hi")
        about = await session.metadata()

    assert (about.model, about.title) == ("scripted:other", "New")
    assert team.requests[0].model == "other"
    assert team.requests[0].reasoning.effort == "high"


async def test_a_session_branches(played):
    """Another try from an earlier place; what was said before is still there."""
    async with played(["One.", "Two."]) as team:
        session = await started(team)
        await session.append_turn("First")
        leaf = await session.leaf()
        left = await session.branch_from(0)
        await session.append_turn("Second")
        first = await session.children(0)
        told = [item.event for item in await session.replay()]

    assert (leaf, left) == (2, 2)
    assert [one.message.text for one in first] == ["First", "Second"]
    (branched,) = [one for one in told if isinstance(one, s.Branched)]
    assert (branched.from_entry, branched.entry_id) == (2, 0)


# --- lists ------------------------------------------------------------------------------------


async def test_sessions_are_listed_and_searched(played):
    """The newest first; a search finds words of both sides."""

    def answer(request):
        return "No flood." if "FLOOD" in request.messages[0].text else "The gates are shut."

    async with played(answer) as team:
        sessions = team.runtime.sessions
        first = await started(team)
        await first.append_turn("Repair the gates")
        second = await started(team, title="Weather")
        await second.append_turn("Is there a FLOOD?")
        await started(team)
        listed = await sessions.list()
        newest = await sessions.list(limit=1)
        by_model = await sessions.search("shut")
        by_title = await sessions.search("weath")
        both = await sessions.search("gates", limit=1)
        nothing = await sessions.search("fire")

    assert [one.status for one in listed] == ["created", "idle", "idle"]
    assert [one.title for one in listed[1:]] == ["Weather", "Repair the gates"]
    assert list(newest) == list(listed[:1])
    assert [(one.session.title, one.found_in) for one in by_model] == [
        ("Repair the gates", "assistant")
    ]
    assert [one.found_in for one in by_title] == ["title"]
    assert len(both) == 1
    assert list(nothing) == []


@pytest.mark.parametrize("limit", [0, -1, 1.5, True])
async def test_a_limit_is_a_number_of_sessions(played, limit):
    """A list that is silently empty would look like an empty store."""
    async with played([]) as team:
        with pytest.raises((TypeError, ValueError)):
            await team.runtime.sessions.list(limit=limit)
        with pytest.raises((TypeError, ValueError)):
            await team.runtime.sessions.search("x", limit=limit)


async def test_a_turn_that_nobody_goes_on_with_is_interrupted(played, tmp_path):
    """A list must not say that somebody works where nobody does; to resume it is enough."""
    path = tmp_path / "team.mentra"
    async with played([NEVER_ENDS], path=path, close_grace_s=0) as team:
        session = await started(team, name="lead")
        await session.agent.steer("Go")
        async with anyio.create_task_group() as group:
            group.start_soon(session.append_turn, "Go")
            await team.until(e.ModelCallRequested)
            active = await session.metadata()
            group.cancel_scope.cancel()

    async with played([NEVER_ENDS], path=path, resume="none", close_grace_s=0) as team:
        sessions = team.runtime.sessions
        (left,) = await sessions.list()
        resumed = await sessions.resume("lead")
        (goes_on,) = await sessions.list()
        await resumed.agent.cancel()
        (ended,) = await sessions.list()

    assert [one.status for one in (active, left, goes_on, ended)] == [
        "active",
        "interrupted",
        "active",
        "failed",
    ]


async def test_a_runtime_that_is_closed_lists_nothing(played):
    """It says that it is closed; an empty list would be a lie."""
    async with played([]) as team:
        session = await started(team)
        await session.metadata()
    with pytest.raises(RuntimeClosed):
        await team.runtime.sessions.list()
    with pytest.raises(RuntimeClosed):
        await session.replay()


# --- people -----------------------------------------------------------------------------------


@tool
async def pay(euros: int) -> str:
    """Pay."""
    return f"paid {euros}"


async def ask(_call):
    return Ask("It costs.")


PAYS = [[call("pay", euros=5)], "Done.", [call("pay", euros=5)], "Again."]


@pytest.mark.parametrize("allow", [True, False])
async def test_a_person_decides_from_a_thread_while_the_turn_runs(played, allow):
    """The thread of a window has no event loop; what it remembers holds for the next turn."""
    async with played(PAYS, pay, authorizer=ask) as team:
        session = await started(team)
        async with session.events() as feed, anyio.create_task_group() as group:
            group.start_soon(session.append_turn, "Pay")
            async for item in feed:
                if isinstance(item.event, s.PermissionRequested):
                    break
            waiting = await session.metadata()
            (pending,) = await session.permissions.pending()
            window = session.permissions.from_thread

            def decide():
                assert window.pending() == (pending,)
                window.resolve(
                    item.event.request_id, allow=allow, reason="we are poor", remember="session"
                )

            thread = threading.Thread(target=decide)
            thread.start()
            await anyio.to_thread.run_sync(thread.join)
        told = team.results()
        await session.append_turn("Pay again")
        again = team.results()
        rules = await session.permissions.rules()
        nothing = await session.permissions.pending()
        with pytest.raises(CommandRejected):
            await session.permissions.resolve(item.event.request_id, allow=True)

    assert (waiting.status, waiting.approvals) == ("waiting", 1)
    assert nothing == ()
    assert [(one.scope, one.rule.allow, one.rule.reason) for one in rules] == [
        ("session", allow, "" if allow else "we are poor")
    ]
    if allow:
        assert told == again == [("paid 5", False)]
    else:
        assert "we are poor" in told[0][0]
        assert "remembered" in again[0][0]


async def test_rules_of_a_session_are_its_own_its_teams_and_everybodys(played):
    """Those of another session are not shown, as they do not hold here."""
    async with played([], pay) as team:
        mine, other = await started(team), await started(team)
        for scope in ("project", "global"):
            await team.runtime.remember_rule("pay", allow=True, scope=scope)
        for session in (mine, other):
            await team.runtime.remember_rule("pay", allow=False, agent=session.agent)
        rules = await mine.permissions.rules()

    assert sorted((one.scope, one.owner) for one in rules) == [
        ("global", ""),
        ("project", "main"),
        ("session", mine.session_id),
    ]


# --- helpers ----------------------------------------------------------------------------------


async def test_a_subagent_of_a_session_is_not_waited_for(played):
    """It works beside the turns, and the session tells of its beginning and its end."""
    async with played(["Three."]) as team:
        session = await started(team)
        agent_id = await session.subagents.spawn("Count", name="counter")
        await team.until(e.SubagentFinished)
        child = await team.runtime.agent(agent_id)
        (_, answer) = await child.conversation.history()
        told = [item.event for item in await session.replay()]
        listed = await team.runtime.sessions.list()

    tasks = [one for one in told if isinstance(one, s.TaskUpdated)]
    assert answer.blocks[0].text == "Three."
    assert [(one.task_id, one.status) for one in tasks] == [
        (agent_id, "spawned"),
        (agent_id, "finished"),
    ]
    assert [one.session_id for one in listed] == [session.session_id]


async def test_a_subagent_without_time_fails_and_asks_no_model(played):
    """What limits its work limits it from the beginning."""
    async with played(["Three."]) as team:
        session = await started(team)
        agent_id = await session.subagents.spawn("Count", deadline_s=0)
        await team.until(e.SubagentFinished)
        (*_, last) = await session.replay()

    assert (last.event.task_id, last.event.status) == (agent_id, "failed")
    assert team.requests == []


async def test_a_subagent_that_cannot_be_made_is_no_silence(played):
    """Whoever does not wait for the answer still hears that there will be none."""
    async with played([]) as team:
        session = await started(team)
        await session.agent.stop()
        with pytest.raises(CommandRejected):
            await session.subagents.spawn("Count")


async def test_memory_and_teammates_are_told(played):
    """They stand on other streams, and a session tells them in the order of the log."""
    async with played([]) as team:
        session = await started(team, name="lead")
        await session.agent.memory.pin("The gate is red.")
        await session.agent.team.spawn_teammate("mate", "tests")
        await team.runtime.members.remove("mate")
        told = [item.event for item in await session.replay()]

    assert [type(one).__name__ for one in told] == [
        "SessionStarted",
        "MemoryUpdated",
        "TaskUpdated",
        "TaskUpdated",
    ]
    assert (told[1].change, told[1].stored_records) == ("recorded", 1)
    assert [(one.kind, one.status, one.title) for one in told[2:]] == [
        ("teammate", "spawned", "mate"),
        ("teammate", "stopped", "mate"),
    ]


# --- the other face ---------------------------------------------------------------------------


def test_sessions_without_an_event_loop(tmp_path):
    """A script has the same sessions."""
    path = tmp_path / "team.mentra"
    model = ScriptedModel(["One.", [call("pay", euros=5)], "Two."])
    with open_runtime_sync(path, providers=[model], tools=[pay]) as runtime:
        session = runtime.sessions.start(model=MODEL, name="ann", title="Work")
        assert session.append_turn("First").text == "One."
        assert session.append_turn("Second", timeout_s=10).text == "Two."
        session.rename("More work")
        session.set_model("scripted:x")
        session.set_reasoning(None)
        assert session.subagents.list() == ()
        assert session.teammates() == []
        assert (session.leaf(), len(session.history())) == (6, 6)
        assert len(session.children(0)) == 1
        assert session.branch_from(2) == 4
        assert (session.permissions.pending(), session.permissions.rules()) == ((), [])
        about = session.metadata()
        assert (about.title, about.turn_count) == ("More work", 2)
        assert list(runtime.sessions.list()) == [about]
        assert [one.session for one in runtime.sessions.search("first")] == [about]
        items = session.replay()
        with session.events(after=items[-2].cursor) as feed:
            assert next(iter(feed)) == items[-1]
        again = runtime.sessions.resume("ann")
        assert repr(again) == "SyncSession('ann')"
        with pytest.raises(RunFailed):
            again.append_turn("Third", deadline_s=0)
        assert again.metadata().status == "failed"

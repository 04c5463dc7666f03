"""Before a call runs: hooks, the authorizer and people have their say, and the model hears it."""

from pathlib import Path

import anyio
import msgspec
import pytest

from mentra_actors import (
    Allow,
    Ask,
    CallPreview,
    CommandRejected,
    Deny,
    Modify,
    ToolHook,
    call,
    tool,
)
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import AssistantMessage, ToolCallBlock
from mentra_actors.runtime.views.snapshots import PermissionView
from mentra_actors.tools.traits import ToolTraits
from projections.feeds import agent_event as a

pytestmark = pytest.mark.anyio

PAY = call("pay", euros=5)


@pytest.fixture
def paid():
    """What has been paid."""
    return []


@pytest.fixture
def pay(paid):
    @tool
    async def pay(euros: int, to: str = "bob") -> str:
        """Pay."""
        paid.append((euros, to))
        return f"paid {euros} to {to}"

    return pay


def answering(verdict):
    """An authorizer that always says the same."""

    async def authorizer(_call):
        return verdict

    return authorizer


class Hook(ToolHook):
    """A hook that decides by a function, and keeps what it was asked."""

    def __init__(self, decide):
        self.decide = decide
        self.asked = []

    async def before(self, call):
        self.asked.append(call.arguments)
        return self.decide(call)


def changing(**changes):
    return Hook(lambda one: Modify({**one.arguments, **changes}))


async def next_of(feed, kind):
    """The next event of this class."""
    with anyio.fail_after(10):
        async for item in feed:
            if isinstance(item.event, kind):
                return item.event
    raise AssertionError(f"the feed has ended without {kind.__name__}")


# --- people -----------------------------------------------------------------------------------


async def test_a_call_waits_for_a_person_while_its_turn_is_open(played, pay, paid):
    """A payment is made when somebody has said yes, and the turn then goes on by itself."""
    replies = []
    turns = [PAY, "Done."]
    async with played(turns, pay, authorizer=answering(Ask("It costs."))) as team:
        agent = await team.spawn()

        async def turn():
            replies.append(await agent.send("Pay"))

        async with agent.events() as feed, anyio.create_task_group() as group:
            group.start_soon(turn)
            asked = await next_of(feed, a.PermissionRequested)
            waiting = await agent.snapshot()
            assert (paid, replies) == ([], [])
            await agent.allow(asked.request_id, by="ann")
            resolved = await next_of(feed, a.PermissionResolved)
        after = await agent.snapshot()

    assert (asked.tool, asked.description, asked.preview) == ("pay", "It costs.", '{"euros":5}')
    assert waiting.status == "waiting_for_permission"
    (shown,) = waiting.permissions
    assert msgspec.structs.replace(shown, offers=()) == PermissionView(
        request_id=asked.request_id, tool="pay", description="It costs.", preview='{"euros":5}'
    )
    assert [offer.words for offer in shown.offers] == [
        'exactly this call: {"euros":5}',
        "every call of `pay`",
    ]
    assert (resolved.request_id, resolved.allow) == (asked.request_id, True)
    assert resolved.resolved_by == "ann"
    assert (paid, [reply.text for reply in replies]) == ([(5, "bob")], ["Done."])
    assert (after.status, after.permissions) == ("idle", ())


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("too dear: ask in May", "Tool execution denied: too dear: ask in May"),
        ("", "Tool execution denied: denied by session approver"),
    ],
)
async def test_the_reason_of_a_refusal_reaches_the_model(played, pay, paid, reason, told):
    """A model that knows why it may not can do something better than try again."""
    async with played([PAY, "I see."], pay, authorizer=answering(Ask())) as team:
        agent = await team.spawn()
        async with anyio.create_task_group() as group:
            group.start_soon(agent.send, "Pay")
            snapshot = await agent.wait_for_snapshot(lambda one: one.permissions)
            (asked,) = snapshot.permissions
            await agent.deny(asked.request_id, reason, by="ann")

    assert asked.description == "Approval required for pay"
    assert team.results() == [(told, True)]
    assert (paid, team.events(e.ToolCallStarted)) == ([], [])


async def test_of_a_permission_the_model_hears_nothing(played, pay):
    """Who has allowed a call is for people; the model reads what the tool says."""
    async with played([PAY, "I see."], pay, authorizer=answering(Ask())) as team:
        agent = await team.spawn()
        async with anyio.create_task_group() as group:
            group.start_soon(agent.send, "Pay")
            snapshot = await agent.wait_for_snapshot(lambda one: one.permissions)
            (asked,) = snapshot.permissions
            await agent.allow(asked.request_id, by="ann")
        with pytest.raises(CommandRejected, match="no pending permission"):
            await agent.deny(asked.request_id, "too late")

    assert team.results() == [("paid 5 to bob", False)]
    assert "ann" not in repr(team.requests[-1].messages)


async def test_a_wish_survives_a_restart(played, pay, paid, tmp_path):
    """A person may answer the next day, to a process that was not there when it was asked."""
    asks = answering(Ask("It costs."))
    async with played([PAY, "Done."], pay, path=tmp_path / "team", authorizer=asks) as team:
        agent = await team.spawn()
        await agent.mail("Pay")
        before = await agent.wait_for_snapshot(lambda one: one.permissions)

    never = answering(Deny("asked again"))
    async with played([PAY, "Done."], pay, path=tmp_path / "team", authorizer=never) as team:
        agent = await team.runtime.agent("lead")
        after = await agent.snapshot()
        await agent.allow(after.permissions[0].request_id)
        await team.runtime.until_idle()

    assert (after.status, after.permissions) == ("waiting_for_permission", before.permissions)
    assert (paid, team.results()) == ([(5, "bob")], [("paid 5 to bob", False)])


async def test_a_person_sees_what_hooks_have_made_of_a_call(played, pay, paid):
    """Nobody should allow one payment and make another."""
    options = {"hooks": [changing(euros=3)], "authorizer": answering(Ask())}
    async with played([PAY, "Done."], pay, **options) as team:
        agent = await team.spawn()
        await agent.mail("Pay")
        snapshot = await agent.wait_for_snapshot(lambda one: one.permissions)
        await agent.allow(snapshot.permissions[0].request_id)
        await team.runtime.until_idle()

    assert (snapshot.permissions[0].preview, paid) == ('{"euros":3}', [(3, "bob")])


async def test_a_person_sees_a_number_that_is_too_large(played):
    """It was shown as `null`, and what then ran was infinite."""

    @tool
    async def heat(kelvin: float) -> str:
        """Heat."""
        return f"heated to {kelvin}"

    much = ToolCallBlock(call_id="", name="heat", arguments='{"kelvin": 1e400}')
    async with played([much, "Done."], heat, authorizer=answering(Ask())) as team:
        agent = await team.spawn()
        await agent.mail("Heat")
        snapshot = await agent.wait_for_snapshot(lambda one: one.permissions)
        await agent.allow(snapshot.permissions[0].request_id)
        await team.runtime.until_idle()

    assert snapshot.permissions[0].preview == '{"kelvin": 1e400}'
    assert team.results() == [("heated to inf", False)]


# --- the authorizer ---------------------------------------------------------------------------


async def test_an_authorizer_sees_the_call_and_lets_it_run(played, pay, paid):
    """It decides by who calls what, with which arguments, and what a crash would mean."""
    seen = []

    async def authorizer(one):
        seen.append(one)
        return Allow()

    async with played([PAY, "Done."], pay, authorizer=authorizer) as team:
        agent = await team.spawn()
        await agent.send("Pay")

    assert seen == [
        CallPreview(
            agent_id="lead",
            agent_name="lead",
            team_id=seen[0].team_id,
            model=seen[0].model,
            run_id="lead/run-1",
            key="tool-1.0",
            call_id="call_1_1",
            tool="pay",
            arguments={"euros": 5},
            retry="never",
            parallel=False,
            traits=ToolTraits(),
            working_directory=str(Path.cwd()),
            structured={"euros": 5},
        )
    ]
    assert paid == [(5, "bob")]


async def test_an_authorizer_decides_about_what_would_run(played, pay, paid):
    """A limit on payments must hold for the payment, not for what it was before a hook."""

    async def limit(one):
        return Deny("over 100") if one.arguments["euros"] > 100 else Allow()

    async with played([PAY, "I see."], pay, hooks=[changing(euros=500)], authorizer=limit) as team:
        agent = await team.spawn()
        await agent.send("Pay")

    assert (team.results(), paid) == ([("Tool execution denied: over 100", True)], [])


async def test_what_a_reviewer_changes_in_place_nobody_else_sees(played):
    """Else an authorizer would allow a harmless call, and the one of the model would run."""
    seen, ran = [], []

    @tool
    async def remove(paths: list[str]) -> str:
        """Remove."""
        ran.append(paths)
        return "removed"

    class InPlace(ToolHook):
        async def before(self, call):
            return decide(call)

        async def after(self, call, outcome):
            decide(call)
            return outcome

    def decide(one):
        seen.append([*one.arguments["paths"]])
        one.arguments["paths"][0] = "harmless"
        return Allow()

    turns = [[call("remove", paths=["all"])], "Done."]
    async with played(turns, remove, hooks=[InPlace(), InPlace()], authorizer=decide) as team:
        await (await team.spawn()).send("Go")

    assert (seen, ran) == ([["all"]] * 5, [["all"]])


async def broken(_call):
    raise RuntimeError("no such policy")


NONSENSE = "Tool execution blocked: the authorizer answered"


async def late(_call):
    await anyio.sleep_forever()


@pytest.mark.parametrize(
    ("authorizer", "told"),
    [
        (answering(Deny("over the limit")), "Tool execution denied: over the limit"),
        (answering(Deny()), "Tool execution denied by authorizer"),
        (answering(Ask("It costs.")), "Tool execution requires approval: It costs."),
        (answering(Ask()), "Tool execution requires approval: Approval required for pay"),
        (broken, "Tool execution blocked: no such policy"),
        (late, "authorizer timed out after 0.02 s"),
        (answering(None), f"{NONSENSE} None, not Allow, Deny or Ask"),
        (lambda _call: Deny("plain"), "Tool execution denied: plain"),
    ],
    ids=["deny", "no word", "ask", "ask without a word", "raise", "late", "nonsense", "plain def"],
)
async def test_an_authorizer_that_does_not_allow_refuses(played, pay, paid, authorizer, told):
    """Whatever goes wrong with it, nothing runs that nobody has allowed; the run goes on."""
    turns = [PAY, "I see."]
    options = {
        "authorizer": authorizer,
        "authorizer_timeout_s": 0.02 if authorizer is late else 60,
    }
    async with played(turns, pay, **options) as team:
        agent = await team.spawn()
        reply = await agent.send("Pay", approvals="refuse")

    assert team.results() == [(told, True)]
    assert (paid, team.events(e.ToolCallStarted)) == ([], [])
    assert reply.text == "I see."


# --- hooks ------------------------------------------------------------------------------------


async def test_the_first_hook_that_refuses_has_the_last_word(played, pay, paid):
    """Later hooks are not asked about a call that will not run, and the model hears why."""
    allowing, refusing = Hook(lambda _: Allow()), Hook(lambda _: Deny("not on Sundays"))
    unasked = Hook(lambda _: Deny("never"))
    async with played([PAY, "I see."], pay, hooks=[allowing, refusing, unasked]) as team:
        agent = await team.spawn()
        reply = await agent.send("Pay")

    assert team.results() == [("Blocked by pre-execution hook: not on Sundays", True)]
    assert ([len(one.asked) for one in (allowing, refusing, unasked)], paid) == ([1, 1, 0], [])
    assert reply.text == "I see."


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_a_call_that_all_hooks_allow_runs(played, pay, paid, count):
    """Also where there are none: nobody is asked, and nobody refuses."""
    hooks = [Hook(lambda _: Allow()) for _ in range(count)]
    async with played([PAY, "Done."], pay, hooks=hooks) as team:
        await (await team.spawn()).send("Pay")

    assert (paid, team.results()) == ([(5, "bob")], [("paid 5 to bob", False)])
    assert [one.asked for one in hooks] == [[{"euros": 5}]] * count


async def test_a_hook_may_refuse_one_tool_and_no_other(played, pay, paid):
    """Most rules are about one tool."""

    @tool
    async def look() -> str:
        """Look."""
        return "seen"

    no_money = Hook(lambda one: Deny("no money") if one.tool == "pay" else Allow())
    turns = [[PAY, call("look")], "I see."]
    async with played(turns, pay, look, hooks=[no_money]) as team:
        await (await team.spawn()).send("Go")

    assert team.results() == [("Blocked by pre-execution hook: no money", True), ("seen", False)]
    assert paid == []


async def test_after_the_run_the_hooks_are_asked_the_other_way_round(played, pay):
    """Who was nearest to the call before it ran is nearest to its outcome."""

    class Stamp(ToolHook):
        def __init__(self, mark):
            self.mark = mark

        async def after(self, call, outcome):
            return msgspec.structs.replace(outcome, content=f"{outcome.content} {self.mark}")

    async with played([PAY, "Done."], pay, hooks=[Stamp("first"), Stamp("last")]) as team:
        await (await team.spawn()).send("Pay")

    assert team.results() == [("paid 5 to bob last first", False)]


async def test_changes_of_hooks_add_up(played, pay, paid):
    """Each hook does its part; the log says what ran and why, the answer what was asked."""
    first, second = (
        changing(euros=3),
        Hook(lambda one: Modify({**one.arguments, "to": "ann"}, "x")),
    )
    async with played([PAY, "Done."], pay, hooks=[first, second]) as team:
        agent = await team.spawn()
        await agent.send("Pay")

    assert (first.asked, second.asked) == ([{"euros": 5}], [{"euros": 3}])
    assert (paid, team.results()) == ([(3, "ann")], [("paid 3 to ann", False)])
    (reviewed,) = team.events(e.ToolCallReviewed)
    assert (reviewed.arguments, reviewed.note) == ('{"euros":3,"to":"ann"}', "Hook; x")
    (_, answer, _) = team.requests[-1].messages
    assert isinstance(answer, AssistantMessage)
    assert answer.blocks[0].arguments == '{"euros":5}'


async def test_a_change_that_python_calls_equal_is_a_change(played, paid):
    """A hook that turns 1 into true has its reasons: JSON knows the difference."""

    @tool
    async def switch(*, to: bool | int) -> str:
        """Switch."""
        return f"switched to {to!r}"

    turns = [call("switch", to=1), "Done."]
    async with played(turns, switch, hooks=[changing(to=True)]) as team:
        agent = await team.spawn()
        await agent.send("Go")

    assert team.results() == [("switched to True", False)]


async def test_a_later_hook_may_refuse_what_an_earlier_one_has_made(played, pay, paid):
    """A limit must hold for what runs, whoever has written it."""
    limit = Hook(lambda one: Deny("over 100") if one.arguments["euros"] > 100 else Allow())
    async with played([PAY, "I see."], pay, hooks=[changing(euros=500), limit]) as team:
        agent = await team.spawn()
        await agent.send("Pay")

    assert team.results() == [("Blocked by pre-execution hook: over 100", True)]
    assert paid == []


async def test_what_hooks_make_is_checked_like_what_a_model_writes(played, pay, paid):
    """A mistake in a hook must not reach the tool; one that raises refuses."""
    turns = [PAY, PAY, "I see."]

    def decide(one):
        if len(hook.asked) == 1:
            return Modify({"euros": "many"})
        raise RuntimeError("out of order")

    hook = Hook(decide)
    async with played(turns, pay, hooks=[hook]) as team:
        agent = await team.spawn()
        await agent.send("Pay")

    first, second = [one.content for one in team.events(e.ToolCallFinished)]
    assert "euros" in first
    assert second == "Tool execution blocked: out of order"
    assert (paid, team.events(e.ToolCallStarted)) == ([], [])


async def test_a_hook_may_wait_for_the_very_runtime_that_asks_it(played, pay, paid):
    """A policy that looks at the agent, or asks a server, must not stop the loop it runs on."""
    statuses = []

    class Looking(ToolHook):
        async def before(self, call):
            await anyio.lowlevel.checkpoint()
            statuses.append((await agent.snapshot()).status)
            return Allow()

    async with played([PAY, "Done."], pay, hooks=[Looking()]) as team:
        agent = await team.spawn()
        with anyio.fail_after(10):
            await agent.send("Pay")

    assert (statuses, paid) == (["reviewing"], [(5, "bob")])


@pytest.mark.parametrize("has_preview", [True, False])
async def test_what_an_authorizer_does_to_its_copy_changes_no_call(played, has_preview):
    """Otherwise it makes the call unrunnable, or another one for rules and for people."""
    ran = []

    def preview(arguments, _place):
        return {"steps": [({"euros": one},) for one in arguments["steps"]]}

    @tool(preview=preview if has_preview else None)
    async def pay_all(steps: list[int]) -> str:
        """Pay."""
        ran.append(steps)
        return "paid"

    def careless(one):
        one.arguments["steps"].clear()
        one.structured["steps"].append("more")
        if has_preview:
            one.structured["steps"][0][0]["euros"] = 0
        return Ask("It costs.")

    turns = [call("pay_all", steps=[1, 2]), "Done."]
    async with played(turns, pay_all, authorizer=careless) as team:
        agent = await team.spawn()
        await agent.mail("Pay")
        with anyio.fail_after(20):
            snapshot = await agent.wait_for_snapshot(lambda one: one.permissions)
        [request] = snapshot.permissions
        await agent.allow(request.request_id)
        await team.runtime.until_idle()

    shown = '{"steps":[[{"euros":1}],[{"euros":2}]]}' if has_preview else '{"steps":[1,2]}'
    assert (request.preview, ran) == (shown, [[1, 2]])
    assert team.results() == [("paid", False)]

"""A store that is closed and opened again: the same team, which goes on."""

from pathlib import Path

import anyio
import pytest

from mentra_actors import ModelReply, ToolContext, ToolOutput, call, open_runtime, say, tool
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import (
    AssistantMessage,
    Provenance,
    ThinkingBlock,
    ToolCallBlock,
    UserMessage,
)
from mentra_actors.domain.lease import LeaseAcquired, LeaseReleased
from mentra_actors.domain.model_call import StopReason
from mentra_actors.providers.scripted import NEVER_ENDS
from mentra_actors.runtime.writing.writer_lease import WRITER_LEASE
from projections import projection

pytestmark = pytest.mark.anyio


@projection(name="writer_lease", initial=list, view_type=list)
def writer_lease(view, recorded):
    """Events of the writer lease."""
    return [*view, recorded.event] if recorded.stream_id == WRITER_LEASE else view


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "team.mentra"


async def test_naming_a_store_does_nothing(path):
    """Nothing is made, locked or resumed before somebody enters the block."""
    opening = open_runtime(path)

    assert not path.exists()
    async with opening:
        assert path.exists()


async def test_every_agent_comes_back_with_its_conversation(played, path):
    """A restart must be no reason to tell a team everything again."""
    turns = {name: [f"I am {name}.", "Still here."] for name in ("ann", "bob")}
    async with played(turns, path=path) as team:
        before = {}
        for name in turns:
            agent = await team.spawn(name)
            await agent.send(f"Hello {name}")
            before[name] = await agent.transcript()

    async with played(turns, path=path) as team:
        for name in turns:
            agent = await team.runtime.agent(name)
            assert await agent.transcript() == before[name]
            await agent.send("And now?")
            assert list(team.asked(name)[0].messages) == [
                UserMessage(text=f"Hello {name}"),
                AssistantMessage(blocks=(say(f"I am {name}."),)),
                UserMessage(text="And now?"),
            ]


async def test_reasoning_and_ids_of_a_provider_survive(played, path):
    """A provider refuses a call whose encrypted reasoning, or whose ids, got lost."""

    @tool(retry="safe")
    async def look() -> str:
        """Look."""
        return "a result"

    own = Provenance(provider="openai", model="m", wire="responses")
    blocks = (
        ThinkingBlock(parts=("a", "b"), item_id="rs_1", encrypted="enc", provenance=own),
        ThinkingBlock(parts=("signed words",), signature="c2lnbmVk", provenance=own),
        ThinkingBlock(encrypted="cmVkYWN0ZWQ=", is_redacted=True, provenance=own),
        ToolCallBlock(call_id="call_1", name="look", item_id="fc_1"),
    )
    turns = [ModelReply(blocks=blocks, stop_reason=StopReason.TOOL_USE), "Done.", "Again."]
    async with played(turns, look, path=path) as team:
        agent = await team.spawn()
        await agent.send("Look")

    async with played(turns, look, path=path) as team:
        agent = await team.runtime.agent("lead")
        await agent.send("And now?")

    messages = team.requests[0].messages
    assert messages[1] == AssistantMessage(blocks=blocks)
    assert messages[2].results[0].call_id == "call_1"


async def test_details_survive(played, path):
    """What a tool noted for people is still there when they look the next day."""

    @tool(retry="safe")
    async def measure() -> ToolOutput:
        """Measure."""
        return ToolOutput(content="7", details={"unit": "m"})

    async with played([[call("measure")], "Done."], measure, path=path) as team:
        agent = await team.spawn()
        await agent.send("Go")

    async with played([], measure, path=path) as team:
        items = await (await team.runtime.agent("lead")).transcript()

    (result,) = [i.content for i in items if type(i.content).__name__ == "ToolResult"]
    assert (result.content, result.details) == ("7", '{"unit":"m"}')


async def test_members_are_listed_in_the_order_in_which_they_joined(played, path):
    """Agents that an agent spawned belong to the team as much as its lead."""
    spawn = [call("team_spawn", name=name, role="helper") for name in ("zoe", "bob")]
    async with played({"lead": [spawn, "Done."]}, path=path) as team:
        agent = await team.spawn()
        await agent.send("Go")
        await team.spawn("ann")

    async with played({}, path=path) as team:
        members = (await team.runtime.team()).members
        bob = await (await team.runtime.agent("bob")).state()

    assert list(members) == ["lead", "zoe", "bob", "ann"]
    assert (bob.profile.lead, bob.run) == ("lead", None)


async def test_closing_gives_the_lease_back(played, path):
    """Who opens the store next need not wait, nor take it from anybody."""
    for _ in range(2):
        async with played([], path=path):
            pass

    async with played([], path=path) as team:
        (lease,) = (await team.runtime.view(writer_lease)).values()

    assert [type(event) for event in lease] == [LeaseAcquired, LeaseReleased] * 2 + [LeaseAcquired]
    taken = [event for event in lease if isinstance(event, LeaseAcquired)]
    assert [event.epoch for event in taken] == [1, 2, 3]
    assert [event.taken_from for event in taken] == ["", "", ""]


async def test_an_open_call_is_settled_when_the_store_is_opened(played, path):
    """Nobody has to ask for recovery; the model is told the truth and the run ends."""

    @tool
    async def pay() -> str:
        """Pay."""
        await anyio.sleep_forever()
        return "paid"

    turns = [[call("pay")], "I will check."]
    async with played(turns, pay, path=path) as team:
        agent = await team.spawn()
        await agent.mail("Pay")
        await team.until(e.ToolCallStarted)

    async with played(turns, pay, path=path) as team:
        assert "agent-lead" in team.runtime.resumed
        await team.runtime.until_idle()
        state = await (await team.runtime.agent("lead")).state()

    async with played(turns, pay, path=path) as later:
        await later.runtime.until_idle()
        resumed = later.runtime.resumed

    ((text, is_error),) = team.results()
    assert is_error
    assert "may or may not have happened" in text
    assert state.run is None
    assert ("agent-lead" in resumed, later.requests) == (False, [])


async def test_a_teammate_that_came_back_answers_mail(played, path):
    """Nobody has to wake the members of a team one by one after a restart."""
    spawn = [call("team_spawn", name="bob", role="helper")]
    answer = [call("team_send", to="lead", content="It is 3.")]
    turns = {"lead": [spawn, "Waiting.", "Thank you."]}

    def turn(request):
        script = [answer, "Done."] if "teammate 'bob'" in request.system else turns["lead"]
        return script[sum(isinstance(m, AssistantMessage) for m in request.messages)]

    async with played(turn, path=path) as team:
        agent = await team.spawn()
        await agent.send("Get help")

    async with played(turn, path=path) as team:
        await (await team.runtime.agent("bob")).mail("How many?")
        await team.runtime.until_idle()

    assert team.events(e.RunFinished, stream_id="agent-bob")
    assert "It is 3." in team.requests[-1].messages[-1].text


async def test_mail_that_waited_is_worked_off_without_being_asked(played, path):
    """A letter must not lie there until somebody happens to write another one."""
    async with played([NEVER_ENDS], path=path) as team:
        bob = await team.spawn("bob")
        await bob.mail("one")
        await team.until(e.ModelCallRequested)
        await bob.mail("two")

    async with played(["I have read it.", "And that."], path=path) as team:
        await team.runtime.until_idle()
        items = await (await team.runtime.agent("bob")).transcript()

    texts = [message.text for message in team.requests[-1].messages[::2]]
    assert ["one" in texts[0], "two" in texts[1]] == [True, True]
    said = [i.content.text for i in items if type(i.content).__name__ == "AssistantText"]
    assert said == ["I have read it.", "And that."]


async def test_no_other_store_has_the_key_of_a_call(played, tmp_path):
    """A service that dedupes on keys would take the order of one team for that of another."""
    keys = []

    @tool(retry="idempotent")
    async def pay(context: ToolContext) -> str:
        """Pay."""
        keys.append(context.idempotency_key)
        return "paid"

    for number in (1, 2):
        async with played([[call("pay")], "Done."], pay, path=tmp_path / f"{number}") as team:
            await (await team.spawn()).send("Pay")

    assert len(set(keys)) == 2

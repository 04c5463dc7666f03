"""Subagents: an agent hands a task to one that is made for it, and both keep within one limit."""

import anyio
import pytest

from mentra_actors import (
    CommandRejected,
    ModelReply,
    RunFailed,
    ToolContext,
    ToolError,
    call,
    say,
    tool,
)
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.budget import BudgetSpent
from mentra_actors.domain.content import ToolResultsMessage, UserMessage
from mentra_actors.domain.model_call import NamedTool, StopReason, TokenUsage
from mentra_actors.providers.scripted import NEVER_ENDS, position

pytestmark = pytest.mark.anyio


def using(tokens, *blocks):
    """An answer that has cost so many tokens."""
    reason = StopReason.END_TURN if blocks[0].__class__.__name__ == "TextBlock" else "tool_use"
    return ModelReply(
        blocks=blocks, stop_reason=StopReason(reason), usage=TokenUsage(input_tokens=tokens)
    )


def is_subagent(request):
    return "You are a subagent" in request.system


def playing(lead, child):
    """Scripts of the two, each by its own conversation."""

    def play(request):
        return (child if is_subagent(request) else lead)[position(request)]

    return play


@tool(retry="safe")
async def look(place: str) -> str:
    """Look at a place."""
    return f"{place} is fine"


def results(request):
    return [
        (result.content, result.is_error)
        for message in request.messages
        if isinstance(message, ToolResultsMessage)
        for result in message.results
    ]


# --- the task tool ----------------------------------------------------------------------------


async def test_a_subagent_sees_only_its_prompt(played):
    """It works in a context of its own; its answer is the result of the call."""
    script = playing(
        [[call("task", prompt="Look at x.")], "Thanks."],
        [[call("look", place="x")], "x is fine."],
    )
    async with played(script, look) as team:
        lead = await team.spawn(system="Be brief.", tool_choice=NamedTool(name="task"))
        reply = await lead.send("Go.")
        first, *others = [one for one in team.requests if is_subagent(one)]
        last = [one for one in team.requests if not is_subagent(one)][-1]
        members = (await team.runtime.team()).members
        history = await lead.conversation.history()

    assert reply.text == "Thanks."
    assert first.messages[0] == UserMessage(text="Look at x.")
    assert len(others) == 1
    assert first.system.startswith("Be brief.")
    assert first.tool_choice == "auto"
    offered = {spec.name for spec in first.tools}
    assert "look" in offered
    assert not offered & {"task", "team_spawn", "team_send"}
    assert results(last) == [("x is fine.", False)]
    assert set(members) == {"lead"}
    assert len(history) == 4
    assert [type(one).__name__ for one in team.events(e.SubagentSpawned, e.SubagentFinished)] == [
        "SubagentSpawned",
        "SubagentFinished",
    ]


@pytest.mark.parametrize(
    ("options", "offered"),
    [
        ({"tools": ["task", "look"]}, {"look"}),
        ({"tools": ["task", "look"], "hidden_tools": ["look"]}, set()),
    ],
)
async def test_a_subagent_has_no_tool_that_its_parent_has_not(played, options, offered):
    """Whoever narrows an agent narrows all that it sets to work."""
    script = playing([[call("task", prompt="Look.")], "Thanks."], ["Done."])
    async with played(script, look) as team:
        lead = await team.spawn(temperature=0.5, **options)
        await lead.send("Go.")
        [asked] = [one for one in team.requests if is_subagent(one)]

    assert {spec.name for spec in asked.tools} == offered
    assert asked.temperature == 0.5


async def test_a_subagent_that_fails_is_told_to_the_model(played):
    """The run of the agent that asked goes on."""
    refused = RuntimeError("no such luck")
    script = playing([[call("task", prompt="Try.")], "I see."], [refused])
    async with played(script) as team:
        lead = await team.spawn()
        reply = await lead.send("Go.")
        last = team.requests[-1]

    [(text, is_error)] = results(last)
    assert reply.text == "I see."
    assert is_error
    assert text.startswith("Subagent failed:")
    assert "no such luck" in text


async def test_a_nested_task_is_refused(played):
    """A subagent does its task itself: the tool is not there for it."""
    script = playing(
        [[call("task", prompt="Try.")], "Done."],
        [[call("task", prompt="You try.")], "I did it myself."],
    )
    async with played(script) as team:
        lead = await team.spawn()
        reply = await lead.send("Go.")
        told = results([one for one in team.requests if is_subagent(one)][-1])
        last = results(team.requests[-1])

    assert reply.text == "Done."
    assert told == [("Tool 'task' is not available for this agent", True)]
    assert last == [("I did it myself.", False)]


async def test_a_subagent_has_thirty_rounds(played):
    """One that never comes to an end must not keep its parent for ever."""
    script = playing([[call("task", prompt="Try.")], "Enough."], [[call("look", place="x")]] * 40)
    async with played(script, look) as team:
        lead = await team.spawn()
        await lead.send("Go.")
        [(text, is_error)] = results(team.requests[-1])
        asked = sum(is_subagent(one) for one in team.requests)

    assert asked == 30
    assert is_error
    assert "30 rounds" in text


async def test_several_subagents_work_at_once(played):
    """Each waits for the other: one after the other they would never end."""
    arrived, both = [], anyio.Event()

    @tool(retry="safe")
    async def meet(name: str) -> str:
        """Wait until both are here."""
        arrived.append(name)
        if len(arrived) == 2:
            both.set()
        with anyio.fail_after(5):
            while len(arrived) < 2:
                await anyio.lowlevel.checkpoint()
        return "met"

    script = playing(
        [[call("task", prompt="One."), call("task", prompt="Two.")], "Both met."],
        [[call("meet", name="x")], "Met."],
    )
    async with played(script, meet) as team:
        lead = await team.spawn()
        reply = await lead.send("Go.")

    assert reply.text == "Both met."
    assert len(arrived) == 2


async def test_any_tool_can_have_a_subagent(played):
    """What a tool author gets: an answer, narrowed tools, another model, words of their own."""

    @tool(retry="idempotent", parallel=True)
    async def consult(context: ToolContext, question: str) -> str:
        """Ask an expert."""
        answer = await context.run_subagent(
            question, name="expert", system="You are an expert.", tools=["look"], max_rounds=3
        )
        return f"{answer.agent_id}: {answer.text} ({answer.ending})"

    def play(request):
        if "expert" in request.system:
            assert [spec.name for spec in request.tools] == ["look"]
            return "Yes."
        return [[call("consult", question="Is it so?")], "So it is."][position(request)]

    async with played(play, look, consult) as team:
        lead = await team.spawn()
        reply = await lead.send("Go.")
        told = results(team.requests[-1])

    assert reply.text == "So it is."
    assert told == [("lead.tool-1.0.expert: Yes. (answered)", False)]
    assert len(team.requests) == 3


# --- one budget for all -----------------------------------------------------------------------


async def test_a_subagent_starts_from_what_its_parent_has_spent(played):
    """60 of the parent and 50 of its own are more than 100: it stops after its first round."""
    script = playing(
        [using(60, call("task", prompt="Look.")), using(1, say("never asked"))],
        [using(50, call("look", place="x")), using(1, say("never asked"))],
    )
    async with played(script, look) as team:
        lead = await team.spawn()
        reply = await lead.send("Go.", token_budget=100)
        [withheld] = team.events(e.ModelCallWithheld, stream_id="agent-lead.tool-1.0")

    assert len(team.requests) == 2
    assert withheld.tokens == 110
    assert (reply.text, reply.early_end) == ("", "token_budget")


async def test_what_a_subagent_uses_counts_in_its_parent(played):
    """The run of the parent ends at its next boundary; the usage of each call is on the log."""
    script = playing(
        [using(60, call("task", prompt="Say.")), using(1, say("never asked"))],
        [using(50, say("It is said."))],
    )
    async with played(script) as team:
        lead = await team.spawn()
        reply = await lead.send("Go.", token_budget=110)
        own = await lead.usage(with_subagents=False)
        all_of_it = await lead.usage()
        shared = team.events(e.SharedSpending)
        [told] = team.events(e.ToolCallFinished)

    assert told.content == "It is said."
    assert (reply.text, reply.early_end) == ("", "token_budget")
    assert own.total.tokens.total_tokens == 60
    assert all_of_it.total.tokens.total_tokens == sum(one.tokens for one in shared) == 110


async def test_every_call_of_a_run_and_its_subagents_is_counted_once(played):
    """What the budget has lost, what the log says and what is reported must be one sum."""
    script = playing(
        [using(60, call("task", prompt="Say.")), using(10, say("Thanks."))],
        [using(50, say("It is said."))],
    )
    async with played(script) as team:
        lead = await team.spawn()
        reply = await lead.send("Go.", token_budget=1_000)
        used = await lead.usage()
        answers = team.events(e.ModelReplied)
        spent = team.events(BudgetSpent, stream_id="budget-lead.run-1")

    assert reply.text == "Thanks."
    assert [one.usage.total_tokens for one in answers] == [60, 50, 10]
    assert [one.tokens for one in spent] == [60, 50, 10]
    assert used.total.tokens.total_tokens == 120


async def test_a_spent_budget_lets_no_subagent_ask(played):
    """The subagent makes no request, and the model would be told why."""

    @tool(retry="idempotent")
    async def delegate(context: ToolContext) -> str:
        """Ask a subagent."""
        try:
            await context.run_subagent("Say.")
        except ToolError as error:
            return f"told: {error}"
        return "answered"

    script = playing([using(100, call("delegate")), "never asked"], ["never asked"])
    async with played(script, delegate) as team:
        lead = await team.spawn()
        await lead.send("Go.", token_budget=100)
        [told] = team.events(e.ToolCallFinished)
        [end] = team.events(e.SubagentFinished)

    assert len(team.requests) == 1
    assert end.how == "failed"
    assert told.content == (
        "told: Subagent failed: it ended early (token_budget) without an answer"
    )


# --- one end for all --------------------------------------------------------------------------


async def test_a_cancelled_run_ends_its_subagents(played):
    """Nobody works for somebody who is gone."""
    script = playing([[call("task", prompt="Think.")]], [NEVER_ENDS])
    async with played(script) as team:
        lead = await team.spawn()
        async with anyio.create_task_group() as group:
            group.start_soon(_failing, lead)
            await team.until(e.ModelCallRequested, "agent-lead.tool-1.0")
            assert [one.name for one in (await lead.snapshot()).subagents] == ["lead.tool-1.0"]
            await lead.cancel("enough")
        await team.runtime.until_idle()
        ends = team.events(e.RunCancelled)

    assert len(ends) == 2
    assert team.events(e.AgentStopped, stream_id="agent-lead.tool-1.0")


async def test_a_subagent_that_cancels_the_run_ends_with_it(played):
    """The order comes from its own tool: nobody must wait for the one that is being ended."""

    @tool(retry="safe")
    async def cancel_all() -> str:
        """Cancel the lead."""
        await leads[0].cancel("enough")
        return await anyio.sleep_forever()

    leads = []
    script = playing(
        [[call("task", prompt="Cancel.")], "never asked"], [[call("cancel_all")], "never asked"]
    )
    async with played(script, cancel_all) as team:
        leads.append(await team.spawn())
        with anyio.fail_after(10), pytest.raises(RunFailed, match="enough") as caught:
            await leads[0].send("Go.")
        await team.runtime.until_idle()
        ends = team.events(e.RunCancelled)

    assert (caught.value.kind, len(team.requests), len(ends)) == ("cancelled", 2, 2)


async def _failing(lead):
    with pytest.raises(RunFailed):
        await lead.send("Go.")


async def test_a_stop_in_order_ends_a_subagent_at_its_boundary(played):
    """Its tool is finished and recorded, and then both runs end."""

    @tool(retry="safe")
    async def stop_all(context: ToolContext) -> str:
        """Ask the lead to stop."""
        await leads[0].stop_run("late")
        await teams[0].until(e.RunStopRequested, "agent-lead.tool-1.0")
        return "asked"

    leads, teams = [], []
    script = playing(
        [[call("task", prompt="Stop.")], "never asked"], [[call("stop_all")], "never asked"]
    )
    async with played(script, stop_all) as team:
        teams.append(team)
        leads.append(await team.spawn())
        reply = await leads[0].send("Go.")
        finishes = team.events(e.RunFinished)

    assert len(team.requests) == 2
    assert reply.early_end == "stop_requested"
    assert [one.early_end for one in finishes] == ["stop_requested", "stop_requested"]


async def test_a_subagent_can_be_looked_at(played):
    """Whoever waits for it wants to see what it does; afterwards, what it did and what it cost."""
    script = playing([[call("task", prompt="Look.")], "Thanks."], ["It is fine."])
    async with played(script) as team:
        await (await team.spawn()).send("Go.")
        scout = await team.runtime.agent("lead.tool-1.0")
        told = await scout.conversation.history()

        assert (await scout.snapshot()).status == "stopped"
        assert [type(one).__name__ for one in told] == ["UserMessage", "AssistantMessage"]
        assert (await team.runtime.usage()).total.calls == 3
        with pytest.raises(CommandRejected, match="the team has lead"):
            await team.runtime.agent("lead.tool-9.9")

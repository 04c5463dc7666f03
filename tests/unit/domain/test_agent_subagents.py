"""Agents that a call makes for itself: made, sharing limits, ended with their call."""

import sys
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from agent_words import PROFILE, agent, asked, failed, finished, go, only, said, told

from mentra_actors.decider import Delivery
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.domain.budget import BudgetSpent
from mentra_actors.domain.inbox import RunEndOrdered
from mentra_actors.domain.model_call import TokenUsage

CHILD = msgspec.structs.replace(PROFILE, agent_id="lead.tool-1.0", name="scout", role="subagent")


def spawn(key="tool-1.0", profile=CHILD, now=3.5):
    return c.SpawnSubagent(key=key, profile=profile, now=now)


def ended(how="finished", agent_id=CHILD.agent_id):
    return c.RecordSubagentEnd(agent_id=agent_id, how=how, now=3.8)


def ordered(how, now=5.0):
    order = RunEndOrdered(how=how, reason="enough")
    return c.TakeMail(mail=(), orders=(order,), after_version=0, through_version=1, now=now)


def delegating(**options):
    """A run with calls that are running, and what it has used so far."""
    return agent().when(go(**options)).when(asked("never", tokens=60))


def test_a_call_makes_an_agent_of_its_own():
    """Its stream begins in the append that says so; it has a parent, and limits of its own."""
    answer = delegating(deadline_s=60.0, retry_budget=1, tool_budget=5).when(spawn())
    event = only(answer, e.SubagentSpawned)
    [birth] = AGENT.companions(event)

    assert told(answer) == ["SubagentSpawned tool-1.0"]
    assert (event.profile.parent, event.profile.depth) == ("lead", 1)
    assert event.options.retry_budget == 1
    assert event.options.tool_budget is None
    assert event.options.deadline_at == answer.state.run.deadline_at
    assert birth == Delivery(
        "agent-lead.tool-1.0",
        (e.AgentSpawned(profile=event.profile, spawned_at=3.5),),
        must_be_new=True,
    )
    assert [one.name for one in answer.state.subagents] == ["scout"]


def test_the_same_agent_is_made_once():
    """A call that runs again after a crash finds it."""
    assert delegating().when(spawn()).when(spawn()) == []


@pytest.mark.parametrize(
    ("given", "command", "reason"),
    [
        (delegating(), spawn(key="tool-9.9"), "not running"),
        (delegating().when(finished()), spawn(), "not running"),
        (agent(), spawn(), "not running"),
        (agent(depth=3).when(go()).when(asked("never")), spawn(), "3 deep"),
    ],
    ids=["unknown call", "closed call", "no run", "too deep"],
)
def test_only_a_running_call_may_have_one(given, command, reason):
    """Nobody would end it."""
    assert given.when(command).rejects(reason)


def test_its_end_is_known_once():
    """Whoever watches sees it end."""
    answer = delegating().when(spawn()).when(ended("failed"))

    assert told(answer) == ["SubagentFinished"]
    assert answer.when(ended()) == []
    assert answer.when(spawn()) == [], "its call may be run again after a crash"
    assert answer.when(finished()).state.subagents == ()


@pytest.mark.parametrize(
    ("end", "closing"),
    [
        (finished(), "ToolCallFinished tool-1.0"),
        (c.CancelRun(now=4.0), "ToolCallOutcomeUnknown tool-1.0"),
        (c.StopAgent(now=4.0), "ToolCallOutcomeUnknown tool-1.0"),
        (c.RecoverEffects(running=frozenset(), now=4.0), "AgentRecovered"),
    ],
    ids=["result", "cancel", "agent stopped", "crash of a never-call"],
)
def test_it_ends_with_its_call(end, closing):
    """A call that forgets its subagent, or is broken off, leaves nobody at work."""
    answer = delegating().when(spawn()).when(end)

    assert told(answer)[0] == closing
    [order] = [one for one in answer.events if isinstance(one, e.SubagentEndOrdered)]
    assert (order.agent_id, order.how) == ("lead.tool-1.0", "cancel")
    assert AGENT.companions(order) == [
        Delivery("inbox-lead.tool-1.0", (RunEndOrdered(how="cancel", reason=order.reason),))
    ]
    assert answer.state.subagents == ()


def test_a_stop_in_order_reaches_it():
    """It ends at its next boundary, then its call, then the run."""
    answer = delegating().when(spawn()).when(c.StopRun(now=4.0, reason="late"))
    order = only(answer, e.SubagentEndOrdered)

    assert (order.how, order.reason) == ("stop", "late")
    assert answer.state.subagents, "it is waited for"
    assert told(answer.when(finished()))[-1] == "SubagentEndOrdered"


# --- at the subagent --------------------------------------------------------------------------


def test_an_order_to_end_ends_it_for_good():
    """The call is gone: there is nobody to answer to."""
    answer = agent().when(go()).when(ordered("cancel"))

    assert told(answer) == ["MailTaken 1", "RunCancelled lead/run-1", "AgentStopped"]
    assert only(answer, e.RunCancelled).reason == "enough"


def test_an_order_to_stop_lets_it_reach_a_boundary():
    """What it is doing is finished and recorded."""
    busy = agent().when(go()).when(asked("never")).when(ordered("stop", now=3.5))

    assert told(busy) == ["MailTaken 1", "RunStopRequested lead/run-1"]
    assert told(busy.when(finished()))[-1] == "RunFinished lead/run-1"


def test_an_order_that_comes_before_the_prompt_is_obeyed():
    """Otherwise it would begin when it should have ended."""
    assert told(agent().when(ordered("stop"))) == ["MailTaken 1", "AgentStopped"]


# --- shared budgets ---------------------------------------------------------------------------


def spent(answer):
    return [one for one in answer.events if isinstance(one, e.SharedSpending)]


def test_the_first_subagent_starts_from_what_the_run_has_used():
    """And from then on each answer is said to all who share."""
    shared = delegating(token_budget=100).when(spawn())
    [before] = spent(shared)
    after = shared.when(ended()).when(finished()).when(said("Done.", "model-2", tokens=20))
    [used] = spent(after)

    assert (before.budget, before.tokens, before.effect_id) == ("budget-lead.run-1", 60, "before")
    assert (used.tokens, used.effect_id) == (20, "model-2")
    assert only(shared, e.SubagentSpawned).options.budget == "budget-lead.run-1"
    assert AGENT.companions(used) == [
        Delivery(
            "budget-lead.run-1",
            (BudgetSpent(agent_id="lead", run_id="lead/run-1", effect_id="model-2", tokens=20),),
            is_work=False,
        )
    ]


def test_a_second_subagent_shares_the_same_budget():
    """There is one sum for all."""
    other = msgspec.structs.replace(CHILD, agent_id="lead.tool-1.0.2")
    answer = delegating(token_budget=100).when(spawn()).when(spawn(profile=other))

    assert spent(answer) == []
    assert only(answer, e.SubagentSpawned).options.budget == "budget-lead.run-1"


def test_a_subagent_says_what_it_uses():
    """Answers and failures: both cost."""
    options = {"budget": "budget-lead.run-1", "token_budget": 100}
    failure = agent().when(go(**options)).when(failed(usage=said(tokens=7).reply.usage))
    answer = agent().when(go(**options)).when(said(tokens=9))

    assert [one.tokens for one in spent(failure) + spent(answer)] == [7, 9]


def test_what_a_cancelled_subagent_has_used_is_said_too():
    """Its run is gone; the budget that it has spent from is not."""
    options = RunOptions(budget="budget-lead.run-1", token_budget=100)
    ended = agent(run=options).when(go()).when(ordered("cancel"))
    usage = said(tokens=7).reply.usage
    half = c.RecordAbandonedAnswer(
        effect_id="model-1",
        run_id="lead/run-1",
        partial=c.PartialAnswer(),
        usage=usage,
        now=6.1,
    )
    [used] = spent(ended.when(half))

    assert (used.budget, used.run_id, used.tokens) == ("budget-lead.run-1", "lead/run-1", 7)
    assert spent(ended.when(msgspec.structs.replace(half, usage=TokenUsage()))) == []
    assert spent(agent().when(go()).when(c.CancelRun(now=6.0)).when(half)) == []


def test_a_run_without_limits_shares_nothing():
    """Its calls are not slowed down by looking."""
    answer = delegating().when(spawn())

    assert spent(answer) == []
    assert only(answer, e.SubagentSpawned).options.budget == ""


@pytest.mark.parametrize(
    ("options", "tokens", "cost", "limit"),
    [
        ({"token_budget": 100}, 110, 0, "token_budget"),
        ({"cost_budget_usd_micros": 50}, 0, 60, "cost_budget"),
        ({"token_budget": 100, "cost_budget_usd_micros": 50}, 90, 60, "cost_budget"),
    ],
)
def test_a_budget_that_others_have_used_up_ends_the_run(options, tokens, cost, limit):
    """The model is not asked; the run ends in order."""
    busy = agent().when(go(budget="budget-x", **options))
    answer = busy.when(
        c.RecordBudgetUsedUp(effect_id="model-1", tokens=tokens, cost_usd_micros=cost, now=4.0)
    )

    assert told(answer) == ["ModelCallWithheld model-1", "RunFinished lead/run-1"]
    assert only(answer, e.RunFinished).early_end == limit
    assert answer.pending == {}


# --- subagents of the host ----------------------------------------------------------------------

HOSTED = msgspec.structs.replace(CHILD, agent_id="lead.errand")


def of_the_host(profile=HOSTED, **options):
    return c.SpawnSubagent(key="", profile=profile, now=3.5, options=RunOptions(**options))


def test_a_host_makes_a_subagent_of_an_agent_that_rests():
    """A program delegates as its agents do; nobody else has set limits, so it sets them."""
    answer = agent().when(of_the_host(token_budget=70))
    event = only(answer, e.SubagentSpawned)

    assert (event.key, event.profile.parent, event.profile.depth) == ("", "lead", 1)
    assert event.options == event.profile.run == RunOptions(token_budget=70)
    assert answer.when(of_the_host()) == []


def test_a_subagent_of_the_host_shares_nothing_with_the_run_beside_it():
    """What the program wants is not paid by the run of a model."""
    answer = delegating(token_budget=1000, deadline_s=60.0).when(of_the_host())

    assert told(answer) == ["SubagentSpawned "]
    assert only(answer, e.SubagentSpawned).options == RunOptions()


@pytest.mark.parametrize(
    "command",
    [c.CancelRun(now=4.0, reason="enough"), c.StopRun(now=4.0, reason="enough", grace_s=None)],
)
def test_a_subagent_of_the_host_outlives_the_runs_of_its_agent(command):
    """It works for the program, not for the run that happens to be open."""
    answer = delegating().when(spawn()).when(of_the_host()).when(command)

    assert only(answer, e.SubagentEndOrdered).agent_id == CHILD.agent_id
    assert HOSTED.agent_id in [one.agent_id for one in answer.state.subagents]


def test_a_subagent_of_the_host_ends_with_its_agent():
    """Who stops an agent must not find parts of it at work."""
    answer = agent().when(of_the_host()).when(c.StopAgent(now=4.0))
    order = only(answer, e.SubagentEndOrdered)

    assert (order.agent_id, order.how) == (HOSTED.agent_id, "cancel")
    assert order.reason == "the agent that made it has ended"
    assert answer.when(of_the_host()).rejects("the agent is stopped")


def test_a_subagent_of_the_host_is_forgotten_when_it_has_ended():
    """A program that delegates for years must not fill the state of its agent."""
    spawned = agent().when(of_the_host())
    answer = spawned.when(ended(agent_id=HOSTED.agent_id))

    assert told(answer) == ["SubagentFinished"]
    assert answer.state.subagents == ()


def test_a_host_has_no_subagents_that_could_not_work():
    """What is refused to a call is refused to a program, before anything is recorded."""
    deep = agent(depth=3)

    assert deep.when(of_the_host()).rejects("nested 3 deep at most")
    assert agent().when(of_the_host(token_budget=-1)).rejects("token_budget must not be negative")

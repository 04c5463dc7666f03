"""What model calls have used, added up in every way in which somebody may ask for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.codec.event_codec import tag_of
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import TextBlock
from mentra_actors.domain.model_call import StopReason, TokenUsage
from mentra_actors.envelope import RecordedEvent
from projections.views.usage import (
    AgentUsage,
    Usage,
    agent_usage,
    run_named,
    run_usage,
    team_usage,
    usage_by_round,
    usage_of_events,
)

LEAD = "agent-lead"


def born(agent_id, parent=""):
    profile = e.AgentProfile(
        agent_id=agent_id, name=agent_id, team_id="red", role="r", model="x:y", parent=parent
    )
    return (f"agent-{agent_id}", "", e.AgentSpawned(profile=profile, spawned_at=1.0))


def asked(round_, attempt=1, *, run="r1", stream=LEAD):
    event = e.ModelCallRequested(
        effect_id=f"model-{round_}", run_id=run, round=round_, attempt=attempt
    )
    return (stream, run, event)


def used(tokens, cost=0, model="x:y", **kinds):
    """What each outcome of a call says of it."""
    usage = TokenUsage(input_tokens=tokens, **kinds)
    return {
        "effect_id": "model",
        "usage": usage,
        "cost_usd_micros": cost,
        "asked_model": model,
    }


def answered(tokens, cost=0, *, run="r1", stream=LEAD, model="x:y", **kinds):
    figures = used(tokens, cost, model, **kinds)
    blocks, reason = (TextBlock(text="Hi"),), StopReason.END_TURN
    return (stream, run, e.ModelReplied(blocks=blocks, stop_reason=reason, **figures))


def failed(tokens, cost=0):
    figures = used(tokens, cost)
    return (LEAD, "r1", e.ModelCallFailed(kind="x", message="x", transient=True, **figures))


def abandoned(tokens, cost=0):
    figures = used(tokens, cost)
    return (LEAD, "", e.AnswerAbandoned(run_id="r1", partial_text="", abandoned_at=1, **figures))


def read(steps):
    """Steps `(stream, run, event)` as they are read back."""
    return [
        RecordedEvent(
            global_position=position,
            stream_id=stream,
            stream_version=position,
            event_type=tag_of(type(event)),
            event=event,
            recorded_at_ns=0,
            correlation=run,
        )
        for position, (stream, run, event) in enumerate(steps, start=1)
    ]


def view(*steps):
    """The view after these steps."""
    return usage_of_events(read(steps))


def test_every_attempt_counts_once_and_says_how_it_ended():
    """Whoever pays for an attempt that failed wants to see it; nobody wants to see it twice."""
    of_run = run_usage(
        view(asked(1), failed(10, 1), asked(1, 2), answered(20, 2), asked(2), abandoned(30, 3)),
        "lead",
        "r1",
    )

    assert [(one.round, one.attempt, one.how, one.cost_usd_micros) for one in of_run.calls] == [
        (1, 1, "failed", 1),
        (1, 2, "answered", 2),
        (2, 1, "abandoned", 3),
    ]
    tokens = TokenUsage(input_tokens=60)
    assert of_run.total == Usage(calls=3, failed_calls=2, tokens=tokens, cost_usd_micros=6)
    rounds = {number: one.cost_usd_micros for number, one in usage_by_round(of_run).items()}
    assert rounds == {1: 3, 2: 3}


def test_each_kind_of_tokens_is_added_up_for_itself():
    """Cached input costs a tenth: a sum of all tokens says nothing about money."""
    kinds = {
        "output_tokens": 5,
        "cached_input_tokens": 2,
        "reasoning_tokens": 3,
        "cache_write_tokens": 1,
    }
    own = agent_usage(view(asked(1), answered(10, **kinds), answered(10, **kinds)), "lead")

    doubled = {name: 2 * count for name, count in kinds.items()}
    assert own.total.tokens == TokenUsage(input_tokens=20, **doubled)
    assert own.total.tokens.total_tokens == 30


def test_sums_are_kept_for_each_model():
    """An agent may change its model; each has a price of its own."""
    steps = [answered(10, 1), answered(20, 2, model="x:z"), answered(30, 3)]
    own = agent_usage(view(asked(1), *steps), "lead")

    costs = {model: (one.calls, one.cost_usd_micros) for model, one in own.by_model.items()}
    assert costs == {"x:y": (2, 4), "x:z": (1, 2)}


def test_a_price_that_is_not_known_is_not_zero():
    """A bill that leaves something out must say so; what used nothing has no price to know."""
    own = agent_usage(
        view(asked(1), answered(10, None), answered(10, 7), answered(0, None)), "lead"
    )

    assert (own.total.cost_usd_micros, own.total.unpriced_calls) == (7, 1)


def test_a_run_holds_its_own_calls_only():
    """Runs follow each other in one stream; what the first has used is not the second's."""
    calls = view(asked(1), answered(10), asked(1, run="r2"), answered(20, run="r2"))
    totals = [run_usage(calls, "lead", run).total.tokens.total_tokens for run in ("r1", "r2")]

    assert totals == [10, 20]
    assert run_usage(calls, "lead", "r3").total == Usage()


LONG = f"{'t' * 100}.{'l' * 100}"


@pytest.mark.parametrize(
    ("name", "run", "named"),
    [
        ("lead", "lead/run-1", "lead/run-1"),
        ("lead", "r1", "r1"),
        (LONG, f"{LONG}/run-1", f"{LONG}/run-1"),
        ("l" * 240, f"{'l' * 240}/run-100000", f"{'l' * 240}/run-100000"),
        (LONG, "r" * 300, None),
        (LONG, f"{LONG}/{'r' * 300}", None),
    ],
)
def test_a_run_is_found_however_long_its_name_is(name, run, named):
    """Legal names of a team and an agent together must not end all sums for ever."""
    stream = f"agent-{name}"
    parts = view(asked(1, run=run, stream=stream), answered(10, run=run, stream=stream))
    [key] = parts.keys() - {stream}

    assert run_usage(parts, name, run).total.tokens.total_tokens == 10
    assert run_usage(parts, name, f"{run}0").total == Usage()
    assert named in (None, run_named(key))


def test_a_subagent_counts_to_the_agent_that_made_it_and_a_teammate_to_nobody():
    """Else a lead would look cheap that has others work, or dear because it has a team."""
    team = [born("lead"), born("scout", "lead"), born("deep", "scout"), born("mate")]
    calls = [
        answered(2**at, stream=f"agent-{name}")
        for at, name in enumerate(["lead", "scout", "deep", "mate"])
    ]
    parts = view(*team, *calls)

    def tokens(name, **options):
        return agent_usage(parts, name, **options).total.tokens.total_tokens

    assert tokens("lead") == 1
    assert tokens("lead", with_subagents=True) == 1 + 2 + 4
    assert tokens("scout", with_subagents=True) == 2 + 4
    assert team_usage(parts).total.tokens.total_tokens == 1 + 2 + 4 + 8
    assert agent_usage(parts, "scout", with_subagents=True).parent == "lead"


def test_a_log_of_the_first_release_names_the_model_that_answered():
    """It did not say yet which one was asked; its calls have a model all the same."""
    figures = used(10, None, "")
    blocks = (TextBlock(text="Hi"),)
    event = e.ModelReplied(
        blocks=blocks, stop_reason=StopReason.END_TURN, model="x:old", **figures
    )

    assert set(agent_usage(view((LEAD, "r1", event)), "lead").by_model) == {"x:old"}


def test_who_has_asked_nobody_has_used_nothing():
    """Zero is an answer, and not an error."""
    assert agent_usage(view(), "lead", with_subagents=True) == AgentUsage()
    assert team_usage(view()).total == Usage()


OUTCOMES = st.builds(
    answered,
    st.integers(0, 100),
    st.none() | st.integers(0, 100),
    run=st.sampled_from(["r1", "r2"]),
    stream=st.sampled_from([LEAD, "agent-mate"]),
    model=st.sampled_from(["x:y", "x:z"]),
)


@given(calls=st.lists(OUTCOMES, max_size=12))
def test_whichever_way_it_is_added_up_the_sum_is_the_same(calls):
    """A bill by model and one by run that differ are both worth nothing."""
    figures = [(event.usage, event.cost_usd_micros) for _, _, event in calls]
    parts = usage_of_events(read(calls))
    total = team_usage(parts)

    assert total.total.tokens == sum((usage for usage, _ in figures), TokenUsage())
    assert total.total.cost_usd_micros == sum(cost or 0 for _, cost in figures)
    assert sum(total.by_model.values(), Usage()) == total.total
    runs = [run_usage(parts, name, run) for name in ("lead", "mate") for run in ("r1", "r2")]
    assert sum((run.total for run in runs), Usage()) == total.total
    rounds = [one for run in runs for one in usage_by_round(run).values()]
    assert sum(rounds, Usage()) == total.total

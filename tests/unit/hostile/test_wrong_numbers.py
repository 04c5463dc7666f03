"""Numbers that no limit can be, and counts that no model can have: refused with a plain text."""

import math
from decimal import Decimal

import pytest

import mentra_actors as mentra
from mentra_actors.domain.content import TextBlock
from mentra_actors.domain.model_call import ModelReply, StopReason, TokenUsage
from mentra_actors.runtime.settings import RuntimeSettings

WAIT_S = 10.0
MODEL = "scripted:x"


def team(turns):
    """A team whose model says these."""
    return mentra.open_runtime_sync(":memory:", providers=[mentra.ScriptedModel(turns=turns)])


@pytest.mark.parametrize(
    ("option", "error"),
    [
        ({"cost_budget_usd": math.inf}, ValueError),
        ({"cost_budget_usd": math.nan}, ValueError),
        ({"cost_budget_usd": 1e30}, ValueError),
        ({"cost_budget_usd": 10**5000}, ValueError),
        ({"cost_budget_usd": -1e-9}, ValueError),
        ({"cost_budget_usd": Decimal("1e999999")}, ValueError),
        ({"cost_budget_usd": Decimal("sNaN")}, ValueError),
        ({"cost_budget_usd": "1"}, TypeError),
        ({"cost_budget_usd": [1]}, TypeError),
        ({"cost_budget_usd": True}, TypeError),
        ({"token_budget": 2**64}, ValueError),
        ({"token_budget": 1.5}, TypeError),
        ({"deadline_s": 10**400}, ValueError),
    ],
)
def test_a_limit_that_cannot_be_is_refused_by_its_name(option, error):
    """Whoever reads the error must not have to know how numbers are stored."""
    [name] = option
    with team(["never asked"]) as runtime:
        lead = runtime.spawn("lead", model=MODEL)
        with pytest.raises(error, match=name):
            lead.send("go", timeout_s=WAIT_S, **option)


@pytest.mark.parametrize("cost", [0, 1, 0.5, Decimal("0.25")])
def test_money_is_any_kind_of_number(cost):
    """A limit may be worked out exactly or roughly."""
    with team(["never asked"]) as runtime:
        lead = runtime.spawn("lead", model=MODEL)
        reply = lead.send("go", timeout_s=WAIT_S, cost_budget_usd=cost)

        assert reply.early_end == ("" if cost else "cost_budget")


def test_a_profile_with_a_number_beyond_all_bounds_is_refused():
    """An overflow says nothing to whoever configures an agent."""
    with team(["never asked"]) as runtime:
        lead = runtime.spawn("lead", model=MODEL)
        with pytest.raises(ValueError, match="configure: a number of more than 64 bits"):
            lead.configure(max_rounds=2**70)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("close_grace_s", math.inf),
        ("close_grace_s", math.nan),
        ("close_grace_s", -1),
        ("lease_term_s", 1e-9),
        ("lease_term_s", math.nan),
        ("lease_term_s", math.inf),
        ("tick_s", math.nan),
        ("tick_s", math.inf),
        ("model_deadline_s", math.nan),
        ("passivate_after_s", math.nan),
        ("passivate_after_s", -1),
        ("authorizer_timeout_s", math.nan),
        ("authorizer_timeout_s", -1),
        ("max_tool_runs", math.nan),
    ],
)
def test_a_runtime_is_not_opened_with_a_time_that_is_none(name, value):
    """It would hang, or lose its lease, long after whoever chose it has gone."""
    with pytest.raises(ValueError, match=name):
        RuntimeSettings(path=":memory:", **{name: value})


@pytest.mark.parametrize(
    "options",
    [{"passivate_after_s": math.inf}, {"authorizer_timeout_s": None}, {"close_grace_s": 0}],
)
def test_no_limit_is_a_limit_where_one_may_be_left_out(options):
    """Times that only save something may be as long as one likes."""
    assert RuntimeSettings(path=":memory:", **options)


@pytest.mark.parametrize("count", ["input_tokens", "output_tokens", "cached_input_tokens"])
@pytest.mark.parametrize("tokens", [-5, 2**63])
def test_counts_that_no_model_has_do_not_count(count, tokens):
    """A negative one would give a budget back, a huge one could not be added to it."""
    reply = ModelReply(
        blocks=(TextBlock(text="hi"),),
        stop_reason=StopReason.END_TURN,
        usage=TokenUsage(**{count: tokens}),
    )
    turns = iter([reply, "fine"])
    with team(lambda _request: next(turns)) as runtime:
        lead = runtime.spawn("lead", model=MODEL)
        first = lead.send("go", timeout_s=WAIT_S)

        assert (first.text, first.usage) == ("hi", TokenUsage())
        assert lead.send("again", timeout_s=WAIT_S).text == "fine"

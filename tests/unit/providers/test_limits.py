"""What the limits of a provider allow, with times that the test gives."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.providers.limits import ProviderLimits, RateBudget


@pytest.mark.parametrize(
    "limits",
    [
        {"max_concurrent": 0},
        {"requests_per_minute": 0},
        {"requests_per_minute": math.nan},
        {"tokens_per_minute": -1},
        {"tokens_per_minute": math.inf},
        {"longest_pause_s": -1},
    ],
)
def test_a_limit_with_which_nothing_would_begin_is_refused(limits) -> None:
    """A team that waits for ever looks like one that works."""
    with pytest.raises(ValueError, match=next(iter(limits))):
        ProviderLimits(**limits)


def test_requests_may_be_used_up_at_once_and_come_back_steadily() -> None:
    """The way in which the providers themselves count."""
    budget = RateBudget(ProviderLimits(requests_per_minute=2), now=0)
    for _ in range(2):
        assert budget.ready_at(0, 0) == 0
        budget.begin(0, 0)

    assert budget.ready_at(0, 0) == 30
    assert budget.ready_at(29, 0) == 30
    budget.begin(30, 0)
    assert budget.ready_at(30, 0) == 60
    assert budget.ready_at(1000, 0) == 1000


def test_tokens_are_corrected_by_what_was_used() -> None:
    """An estimate that is too low would break the limit a little more with each call."""
    budget = RateBudget(ProviderLimits(tokens_per_minute=600), now=0)
    budget.begin(0, 100)
    budget.end(0, 100, used_tokens=590)

    assert budget.ready_at(0, 10) == 0
    assert budget.ready_at(0, 60) == pytest.approx(5)
    budget.begin(5, 60)
    budget.end(5, 60, used_tokens=0)
    assert budget.ready_at(5, 10) == pytest.approx(6), "what is not known stays as estimated"


def test_a_call_larger_than_a_minute_of_tokens_is_not_held_for_ever() -> None:
    """It begins when nothing is used, and the next one pays for it."""
    budget = RateBudget(ProviderLimits(tokens_per_minute=60), now=0)

    assert budget.ready_at(0, 1000) == 0
    budget.begin(0, 1000)
    assert budget.ready_at(0, 60) == pytest.approx(1000)


def test_a_pause_is_bounded_and_never_cut_short() -> None:
    """A provider that says an hour must not stop a team for an hour."""
    budget = RateBudget(ProviderLimits(longest_pause_s=60), now=0)
    budget.pause(0, 3600)
    budget.pause(1, 5)

    assert budget.ready_at(2, 0) == 60
    assert budget.ready_at(61, 0) == 61


def test_a_clock_that_goes_back_holds_nothing_up() -> None:
    """A machine that corrects its time by an hour must not stop a team for an hour."""
    limits = ProviderLimits(requests_per_minute=1, tokens_per_minute=60)
    budget = RateBudget(limits, now=3600)
    budget.begin(3600, 60)
    assert budget.ready_at(0, 60) == 60
    assert budget.ready_at(60, 60) == 60, "what comes back is counted from there"


def test_a_pause_does_not_grow_when_the_clock_goes_back() -> None:
    """It was for seconds, not until a time of day."""
    budget = RateBudget(ProviderLimits(longest_pause_s=20), now=3600)
    budget.pause(3600, 15)

    assert budget.ready_at(0, 0) == 20
    assert budget.ready_at(5, 0) == 20


def test_slots_are_for_calls_that_run() -> None:
    """A local server with one model answers one at a time."""
    budget = RateBudget(ProviderLimits(max_concurrent=1), now=0)
    assert budget.has_slot
    budget.begin(0, 0)
    assert not budget.has_slot
    budget.end(0, 0, 0)
    assert budget.has_slot


@given(
    per_minute=st.integers(1, 50),
    waits=st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=120),
)
def test_no_span_of_time_has_more_calls_than_the_limit_gives(per_minute, waits) -> None:
    """A minute's allowance at once, and after it no more than flows in."""
    budget = RateBudget(ProviderLimits(requests_per_minute=per_minute), now=0)
    now, starts = 0.0, []
    for wait in waits:
        now = budget.ready_at(now + wait, 0)
        assert budget.ready_at(now, 0) == now, "a call that has waited may begin"
        budget.begin(now, 0)
        starts.append(now)

    for first, begun in enumerate(starts):
        for last in range(first, len(starts)):
            allowed = per_minute + (starts[last] - begun) * per_minute / 60
            assert last - first + 1 <= allowed + 1e-3

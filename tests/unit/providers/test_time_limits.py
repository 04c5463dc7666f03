"""How long an answer may still be waited for."""

import math

import pytest

from mentra_actors.providers.http.time_limits import Silence, TimeLimits


@pytest.mark.parametrize("name", TimeLimits.__dataclass_fields__)
@pytest.mark.parametrize("limit_s", [0, -1, math.nan])
def test_a_limit_that_is_no_time_is_refused(name: str, limit_s: float) -> None:
    """With it every call would fail before it begins."""
    with pytest.raises(ValueError, match=name):
        TimeLimits(**{name: limit_s})


def test_the_first_byte_has_a_limit_of_its_own() -> None:
    """A local server loads a model before it, and says something all the time after it."""
    silence = Silence(TimeLimits(first_byte_s=100, bytes_s=5, event_s=200), 0)

    assert (silence.allowed_s(0), silence.limit_at(0)) == (100, "sent nothing for 100 s")
    silence.waited(60)
    assert (silence.allowed_s(60), silence.limit_at(60)) == (5, "sent nothing for 5 s")


def test_bytes_do_not_renew_the_limit_of_events() -> None:
    """Keep-alive comments are bytes; only an event renews both."""
    silence = Silence(TimeLimits(bytes_s=5, event_s=12), 0)
    for _ in range(2):
        silence.waited(4)

    assert (silence.allowed_s(8), silence.limit_at(8)) == (4, "sent no event for 12 s")
    silence.heard_event()
    assert (silence.allowed_s(8), silence.limit_at(8)) == (5, "sent nothing for 5 s")


def test_the_total_counts_from_the_beginning_of_the_call() -> None:
    """The time of the consumer is part of it: it is a promise to whoever waits for the answer."""
    silence = Silence(TimeLimits(total_s=20), 1000)

    assert (silence.allowed_s(1015), silence.limit_at(1015)) == (
        5,
        "did not end its answer within 20 s",
    )
    assert silence.allowed_s(1030) < 0

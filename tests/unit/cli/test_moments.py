"""How moments look on a terminal."""

import math

import pytest

from mentra_actors.cli.output import local_moment, local_second, local_time


@pytest.mark.parametrize("stored", [1e300, -1e300, 1e13 * 1e6, math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("shown", [local_moment, local_second, local_time])
def test_a_number_that_is_no_moment_is_shown_as_it_is(shown, stored):
    """One such number on the log must not keep all others from being seen."""
    assert shown(stored) == f"{stored:g} s"


def test_a_moment_is_shown_with_its_milliseconds_or_to_the_second():
    """Whoever reads a log wants to see what came first; whoever waits for an answer does not."""
    assert local_moment(1.25) == f"{local_second(1.25)}.250"
    assert local_moment(1.25).endswith(local_time(1.25))

"""Numbers of views as people read them."""

import math
import re
from datetime import date

import pytest

from mentra_actors.cli.output import local_moment
from mentra_actors.cli.render.figure_words import figure_words

MOMENT = 1_795_994_446.9142067


@pytest.mark.parametrize("name", ["created_at", "at", "last_activity", "since", "not_before"])
def test_a_moment_is_told_by_the_calendar(name):
    assert figure_words(name, MOMENT) == local_moment(MOMENT)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("seconds", 0.02284979820251465, "0.02285"),
        ("seconds", 12.0, "12"),
        ("seconds", 1234.5, "1,234.5"),
        ("seconds", 0.0, "0"),
        ("seconds", 0.00001234, "1.23e-05"),
        ("seconds", -2e20, "-2e+20"),
        ("seconds", math.inf, "inf"),
        ("seconds", math.nan, "nan"),
        ("tokens", 1_795_994_446, "1,795,994,446"),
        ("taken_at", 1_795_994_446, "1,795,994,446"),  # a whole number is a position
        ("begun_at", 12.5, "12.5"),  # the clock of a test
        ("bytes", MOMENT, "1,795,994,446.914207"),
        ("ends_at", math.inf, "inf"),
    ],
)
def test_other_numbers_have_no_noise(name, value, words):
    assert figure_words(name, value) == words


def test_a_view_and_a_difference_say_moments_so(mentra, team_store):
    assert mentra("project", "task_board", "--store", team_store) == 0
    days = set(re.findall(r"created_at +(\S+)", mentra.out))

    assert len(days) in (1, 2)  # midnight may have passed
    assert all(date.fromisoformat(day) for day in days)

    done = "[?status=='completed']"
    assert mentra("bisect", "--view", "board", "--where", done, "--store", team_store) == 0
    (changed,) = [line for line in mentra.out.splitlines() if "completed_at" in line]
    assert changed.split(" → ")[1].split()[0] in days

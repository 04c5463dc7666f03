"""`mentra agents`, `health` and `at`: what is open, and for how long."""

import shlex

import pytest
from left_open import left_waiting


@pytest.fixture
def left(tmp_path):
    """A store that was closed while a model had not answered."""
    return left_waiting(tmp_path / "team.mentra")


def test_agents_says_what_each_waits_for(mentra, left):
    assert mentra("agents", "--store", left) == 0
    head, lead = mentra.out.splitlines()
    assert head.split()[-1] == "open"
    assert lead.split()[-3] == "model"
    assert lead.split()[-1] in ("s", "min")

    [document] = mentra.json("agents", "--store", left)
    [effect] = document["open"]
    assert (effect["kind"], effect["of"]) == ("CallModel", "")
    assert effect["since"] > 0


def test_the_command_that_goes_on_can_be_pasted_into_a_shell(mentra, left):
    """Also where the store has spaces in its name, or is an address with `&` in it."""
    store = left.rename(left.with_name("my team"))

    assert mentra("agents", "--store", store) == 0
    command = mentra.err.split("`")[1]
    assert shlex.split(command)[-2:] == ["--store", str(store)]


def test_health_says_what_is_open_for_too_long(mentra, left):
    """Exit code 1 wakes whoever can open the store again."""
    assert mentra("health", "--store", left) == 0
    assert "1 CallModel (oldest" in mentra.out
    assert mentra("health", "--store", left, "--long", 0) == 1
    assert "! agent-lead has waited for a model call for" in mentra.out
    assert mentra("health", "--store", left, "--long", -1) == 2


def test_a_moment_is_told_with_the_age_that_things_had_then(mentra, left):
    assert mentra("at", "end", "--store", left) == 0
    assert "model 0 s" in mentra.out

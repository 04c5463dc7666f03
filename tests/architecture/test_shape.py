"""Tripwires for the shape of the code; a breach asks for a cure or a licence with its reason."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from gates import GATES
from licences import LICENCES, breaches, idle
from shape import PAGE, rows_held
from shape_of_modules import shape

pytestmark = pytest.mark.timeout(300)  # the first test reads the whole product
EACH_GATE = pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.rule)


@EACH_GATE
def test_the_code_keeps_to_its_limits(gate):
    """Long files, deep nests and twins come one at a time; each is stopped when it comes."""
    assert breaches(gate.rule, gate.figures(shape()), gate.limit) == {}


@EACH_GATE
def test_no_licence_allows_more_than_is_needed(gate):
    """What was cured must not come back on an old licence."""
    assert idle(gate.rule, gate.figures(shape()), gate.limit) == []


def test_a_licence_names_a_rule_and_says_why_and_since_when():
    rules = {gate.rule for gate in GATES}
    unclear = [
        one["place"]
        for one in LICENCES
        if one["rule"] not in rules or not one["reason"] or not one["since"]
    ]

    assert unclear == []


def test_the_page_tells_of_every_limit():
    """Its figures are those of the last release; what is held to must be what is told."""
    page = PAGE.read_text()
    told = [line for line in page.splitlines() if line.startswith("| ")]
    missing = [
        row.figure
        for row in rows_held(shape())
        if not any(line.startswith(f"| {row.figure} | {row.limit} |") for line in told)
    ]

    assert missing == []

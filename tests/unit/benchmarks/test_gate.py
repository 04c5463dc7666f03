import pytest

from benchmarks.gate import BOUNDS, Bound, bounds, judged
from benchmarks.gate_comparisons import COMPARISONS

BOUND = {"turns": Bound("a turn over a plain loop", usual=2, most=6, look="the turn")}


def heard(*runs: list[float]) -> tuple[list[str], list[str]]:
    """What is told of comparisons that give these ratios, and what is said on the way."""
    said: list[str] = []
    left = iter(runs)
    return judged(BOUND, {"turns": lambda: next(left)}, said.append), said


def test_each_comparison_has_a_bound_above_what_is_usual() -> None:
    known = bounds(BOUNDS.read_text())
    assert list(known) == list(COMPARISONS)
    assert all(one.usual * 2 <= one.most <= one.usual * 4 for one in known.values())


def test_a_ratio_below_its_bound_holds() -> None:
    regressions, said = heard([2.0, 50.0, 2.5])
    assert regressions == []
    assert said == ["turns: 2.5 (usual 2, most 6; 2, 2.5, 50)"]


def test_a_ratio_is_taken_once_more_before_it_fails() -> None:
    regressions, said = heard([9.0], [3.0])
    assert regressions == []
    assert "turns: more than 6; once more" in said


def test_a_regression_says_what_how_much_and_what_to_do() -> None:
    (told,), _ = heard([9.0], [8.0])
    assert told.startswith(
        "turns has regressed: a turn over a plain loop is 8, which is 4.0 times"
    )
    assert "Look at: the turn." in told
    assert "gate.toml" in told


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons_say_what_they_compare(name: str) -> None:
    assert " over " in (COMPARISONS[name].__doc__ or "")

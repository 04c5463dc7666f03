from dataclasses import replace
from pathlib import Path
from subprocess import CalledProcessError, Popen

import pytest

from benchmarks.book.choice import margins, panels_of
from benchmarks.book.fingerprints import drawn_of, fingerprint
from benchmarks.book.page import page, section, summary
from benchmarks.book.results import (
    PLOTS,
    Result,
    remark_of,
    saved,
    stored_results,
    unexplained,
)
from benchmarks.book.tables import figure_tables, human
from benchmarks.harness import Goal, ratio_spread, spread
from benchmarks.programs import PROGRAMS
from benchmarks.run import PAGE, expected_seconds, output_of, run_all

STORED = stored_results()
NAMES = [one.program for one in STORED]


def result(*goals: Goal, **changes: object) -> Result:
    made = Result(
        *("turn", "A turn", "2026-11-29", "quick", "abc1234", 90.0),
        machine={"cpu": "Z80", "cores": "1"},
        versions={"mentra-actors": "1.0"},
        goals=goals,
    )
    return replace(made, **changes)


MISSED = Goal("1 agent: ours over plain", 3.0, "x", "<= 2", holds=False)


def test_the_page_is_what_the_stored_results_render_to() -> None:
    assert page() == PAGE.read_text(), "python -m benchmarks.run --render"


def test_each_program_stands_in_the_table_of_programs() -> None:
    lines = PAGE.with_name("README.md").read_text().splitlines()
    told = {line.split("`")[1].removesuffix(".py") for line in lines if line.startswith("| `")}
    assert told >= set(PROGRAMS)


@pytest.mark.parametrize("stored", STORED, ids=NAMES)
def test_each_missed_goal_has_a_remark_that_names_it(stored: Result) -> None:
    """A miss is never silent: `benchmarks/remarks/NAME.md` says why."""
    assert unexplained(stored, remark_of(stored.program)) == []


@pytest.mark.parametrize("stored", STORED, ids=NAMES)
def test_each_plot_shows_the_stored_figures(stored: Result) -> None:
    path = PLOTS / f"{stored.program}.svg"
    drawn = drawn_of(path)
    assert drawn == (fingerprint(stored) if panels_of(stored) else ""), (
        "python -m benchmarks.run --render"
    )


def test_a_plot_is_the_same_bytes_each_time() -> None:
    plots = pytest.importorskip("benchmarks.book.plots", reason="plots need matplotlib")
    assert plots.plotted(result(MISSED)) == plots.plotted(result(MISSED))


def test_a_result_is_read_as_it_was_saved(tmp_path: Path) -> None:
    one = result(replace(MISSED, peers={"plain": 1.5}, spread=spread([1, 2, 3])))
    saved(one, tmp_path)
    assert stored_results(tmp_path) == [one]


def test_a_remark_names_a_goal_by_a_code_span_with_wildcards() -> None:
    assert unexplained(result(MISSED), "It is slow: `ours over plain`.") == [MISSED.name]
    assert unexplained(result(MISSED), "`* agent: ours over plain`: why") == []


def test_a_remark_of_a_wildcard_alone_names_nothing() -> None:
    assert unexplained(result(MISSED), "`*`: all of it, `* *` too") == [MISSED.name]


def test_the_summary_has_a_line_for_each_program_run_or_not() -> None:
    lines = summary([result(MISSED)])
    assert "| 0 | **1** | quick | 2026-11-29 | Z80, 1 cores |" in "\n".join(lines)
    assert any("not yet" in line for line in lines)


def test_a_section_shows_the_quartiles_of_the_rounds() -> None:
    told = section(result(replace(MISSED, spread=spread([2, 3, 4, 5, 6]))), "Why.", has_plot=False)
    assert "| 1 agent: ours over plain | 3 x | 3 to 5 (5) | <= 2 | **missed** |" in told


def test_many_peers_become_rows_and_few_become_columns() -> None:
    few = Goal("a", 1, "", peers={"one": 1, "two": 2})
    many = Goal("b", 1, "", peers={f"peer {number}": number for number in range(9)})
    also = Goal("c", 9, "ms", peers={"one": 3, "two": 4}, spread=spread([8, 9, 10]))
    lines = figure_tables([few, many, also])
    assert "| figure | value | one | two |" in lines
    assert "| peer 8 | 8 |" in lines
    assert lines[lines.index("| a | 1 | 1 | 2 |") + 1] == "| c | 9 ms (8.5 to 9.5) | 3 | 4 |"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        *[(0, "0"), (3, "3"), (12345.6, "12,300"), (0.000123456, "0.000123"), (99.96, "100")],
        *[(1234567, "1,230,000"), (0.5, "0.5"), (-2.346, "-2.35")],
    ],
)
def test_numbers_have_three_digits_that_count(value: float, said: str) -> None:
    assert human(value) == said


def test_margins_say_how_many_times_better_than_asked_for() -> None:
    goals = (MISSED, Goal("fast", 300_000, "/s", ">= 150,000", holds=True), Goal("bare", 1, "x"))
    assert margins(result(*goals)).rows == {MISSED.name: 2 / 3, "fast": 2.0}


def test_quartiles_of_ratios_pair_the_rounds_that_were_run_in_turn() -> None:
    found = ratio_spread([2, 4, 6], [1, 2, 3])
    assert found is not None
    assert (found.low, found.high, found.rounds) == (2, 2, 3)
    assert spread([1, 2]) is None


def test_a_run_is_expected_to_take_as_long_as_the_last_one_of_its_mode() -> None:
    known = [result(mode="full"), result(program="team", mode="quick", seconds=12.0)]
    found = expected_seconds(["turn", "team"], known, is_quick=True)
    assert found == {"turn": 60.0, "team": 12.0}


def test_a_run_goes_on_after_a_program_that_fails_and_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(name: str, *, is_quick: bool) -> Result:
        if name == "store":
            raise CalledProcessError(1, ["store"])
        return result(program=name, mode="quick" if is_quick else "full")

    assert run_all(["store", "turn"], run, is_quick=True, folder=tmp_path) == ["store"]
    assert [one.program for one in stored_results(tmp_path)] == ["turn"]
    said = capsys.readouterr().err
    assert "[1/2] store: 0 min so far, about 2 min to go" in said
    assert "store failed: " in said


def test_an_interrupted_run_keeps_what_is_done(tmp_path: Path) -> None:
    def run(name: str, *, is_quick: bool) -> Result:
        if name == "turn":
            raise KeyboardInterrupt
        return result(program=name)

    with pytest.raises(KeyboardInterrupt):
        run_all(["store", "turn"], run, is_quick=True, folder=tmp_path)
    assert [one.program for one in stored_results(tmp_path)] == ["store"]


def test_an_interrupted_program_may_tidy_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_program: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        output_of(["sh", "-c", f"touch {tmp_path}/tidied"])
    assert (tmp_path / "tidied").exists()


def test_a_program_that_does_not_end_when_interrupted_is_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(program: Popen[str]) -> None:
        begun.append(program)
        raise KeyboardInterrupt

    begun: list[Popen[str]] = []
    monkeypatch.setattr(Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        output_of(["sleep", "60"], tidying_s=0.0)
    assert begun[0].wait() == -9

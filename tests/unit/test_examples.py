"""The programs in `examples/` do what they say, and say it in 80 columns."""

import ast
import runpy
from pathlib import Path

import pytest

from mentra_actors.testing.crash_team import crash_team_facts

EXAMPLES = Path(__file__).parents[2] / "examples"
REPORT = "# Review of change.diff\n\n## bugs\n\n- L7: divides by zero if there is nothing"
ANSWERS = {
    "patterns/agent_as_tool": "Danger: with acid it sets free chlorine.",
    "patterns/handoff": "shipping: It is in your town and comes tomorrow.",
    "patterns/supervisor": "White Noise: Come and see what fog shows.",
    "patterns/round_robin": "There stood a lighthouse, and its lamp went out.",
    "patterns/fan_out": "9",
    "patterns/debate": "Verdict(winner='pro'",
    "code_review_team": REPORT,
    "research_team": "- cost: An LED lamp costs as much as two years of visits.",
    "build_and_fix_team": "Green, after 2 fixes.",
    "time_travel": "Bake 55 loaves: 40 for the mill, 15 for the school.",
}
PATTERNS = sorted((EXAMPLES / "patterns").glob("*.py"))


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs an example by its name, as if it were started in its own directory."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.syspath_prepend(str(EXAMPLES / "patterns"))
    store = str(tmp_path / "team.mentra")

    def run_it(name, *arguments):
        main = runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]
        return str(main(["--store", store, *arguments], durability="volatile"))

    return run_it


@pytest.mark.parametrize("name", ANSWERS)
def test_an_example_comes_to_its_end_and_asks_nothing_twice(name, run, tmp_path, capsys):
    """Who starts a program again, for whatever reason, pays for no model call again."""
    first = run(name)
    story = capsys.readouterr().out
    asked = crash_team_facts(str(tmp_path / "team.mentra"))["types"]
    again = run(name)
    facts = crash_team_facts(str(tmp_path / "team.mentra"))

    assert ANSWERS[name] in first
    assert again == first
    assert facts["failures"] == []
    model_call = "agent.model_call_requested.v1"
    assert facts["types"].count(model_call) == asked.count(model_call)
    told = [line for line in story.splitlines() if str(tmp_path) not in line]
    assert max(map(len, told)) <= 80


def test_an_example_goes_on_after_an_error_of_its_model(run, monkeypatch, tmp_path, capsys):
    """A key that was forgotten must not cost a new team."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))  # nobody has signed in there
    with pytest.raises(SystemExit, match=r"OPENAI_API_KEY\nTo go on: --model openai:x --store"):
        run("patterns/supervisor", "--model", "openai:x")

    assert ANSWERS["patterns/supervisor"] in run("patterns/supervisor")


def test_every_example_is_tried_here():
    """One that nobody runs is broken within a month."""
    shared = {"patterns/stage", "ssh_target"}
    found = {str(one.relative_to(EXAMPLES).with_suffix("")) for one in EXAMPLES.rglob("*.py")}

    assert found - shared == set(ANSWERS)


@pytest.mark.parametrize("path", PATTERNS, ids=lambda path: path.stem)
def test_a_pattern_is_a_page_that_needs_nothing_but_the_public_names(path):
    """A pattern is there to be copied."""
    text = path.read_text()
    imported = {
        node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.parse(text).body
        if isinstance(node, ast.Import | ast.ImportFrom)
    }

    if path.stem != "stage":
        assert len(text.splitlines()) <= 90
        assert {one for one in imported if one.startswith("mentra_actors")} == {"mentra_actors"}

"""The programs in `examples/` do what they say, and say it in 80 columns."""

import ast
import importlib
import runpy
from pathlib import Path

import anyio
import pytest

import mentra_actors as mentra
from mentra_actors.providers.scripted import NEVER_ENDS
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
    "quickstart": "A log of what they say and do.",
    "chat": "Two bags come tomorrow.",
    "custom_tool": "Parcels 1 and 2 are on their way to Oslo, 15 kg each.",
    "subagent_tool": "Found on 2 of 3 days: Fog until noon.",
    "team_collaboration": "permit: The street is ours from noon to ten.",
    "cli_runtime": "One `and` is enough. Done.",
    "time_travel": "Bake 55 loaves: 40 for the mill, 15 for the school.",
}
PATTERNS = sorted((EXAMPLES / "patterns").glob("*.py"))


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs an example by its name, as if it were started in its own directory.

    What is named `instead` takes the place of a function of the example.
    """
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.syspath_prepend(str(EXAMPLES / "patterns"))
    store = str(tmp_path / "team.mentra")

    def run_it(name, *arguments, **instead):
        main = runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]
        main.__globals__.update(instead)
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


def test_the_shortest_program_stays_short():
    """It is the first that somebody reads."""
    assert len((EXAMPLES / "quickstart.py").read_text().splitlines()) <= 40


def test_a_question_that_was_answered_is_answered_from_the_store(run, capsys):
    run("quickstart", "Who are you?")
    capsys.readouterr()

    assert run("quickstart", "Who are you?") == ANSWERS["quickstart"]
    assert capsys.readouterr().out == ""  # nothing has come from a model


def pressed_ctrl_c(_question):
    raise KeyboardInterrupt


def test_ctrl_c_at_a_question_of_the_chat_stops_the_turn_and_it_can_be_resumed(run, capsys):
    stopped = run("chat", ask_person=pressed_ctrl_c)
    told = capsys.readouterr().out
    resumed = run("chat")

    assert "! Ctrl-C (resume it to go on)" in told
    assert "Order two bags of flour." in told
    assert stopped == "Three bags of rice, and no flour."
    assert resumed == "Then I leave it."


def test_what_a_person_says_in_the_chat_instead_of_yes_is_told_to_the_model(run, capsys):
    assert run("chat", ask_person=lambda _question: "too dear") == "Then I leave it."
    assert "! Tool execution denied: too dear" in capsys.readouterr().out


def test_a_plan_changes_nothing(run, tmp_path):
    plan = run("cli_runtime", "plan", "Tidy up notes.txt")

    assert plan == "1. Take the second `and` out of line 1 of notes.txt."
    assert "and and" in (tmp_path / "team.files" / "notes.txt").read_text()


def test_an_order_that_was_stopped_is_listed_and_can_be_resumed(run, tmp_path, capsys):
    with pytest.raises(SystemExit, match="To go on: resume ask-1 --store"):
        run("cli_runtime", "ask", "Tidy up", ask_person=pressed_ctrl_c)
    capsys.readouterr()
    run("cli_runtime", "list")

    assert "ask-1: Tidy up (failed)" in capsys.readouterr().out
    assert run("cli_runtime", "resume") == "Then it stays."
    assert "and and" in (tmp_path / "team.files" / "notes.txt").read_text()


def test_a_plan_that_was_killed_never_goes_on_with_the_rights_of_another_mode(run, tmp_path):
    """Whoever opens the store with more rights must not carry it on by the way."""
    store = str(tmp_path / "team.mentra")
    silent = mentra.ScriptedModel([NEVER_ENDS])
    with mentra.open_runtime_sync(store, providers=[silent], team_tools=False) as runtime:
        runtime.spawn("plan-1", model="scripted:play", prompt="Tidy up notes.txt")

    assert run("cli_runtime", "auto", "Tidy up notes.txt") == ANSWERS["cli_runtime"]
    assert list(crash_team_facts(store)["last_words"]) == ["agent-auto-2"]
    assert run("cli_runtime", "resume", "plan-1").startswith("1. Take the second `and` out")


def test_a_session_that_is_not_there_cannot_be_resumed(run):
    with pytest.raises(SystemExit, match="There is no session 'ask-9'"):
        run("cli_runtime", "resume", "ask-9")


def test_a_parcel_of_a_call_that_is_cancelled_is_called_back(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    names = runpy.run_path(str(EXAMPLES / "custom_tool.py"))
    post = names["Post"](tmp_path / "team.post", 0.0)
    said = {"to": {"street": "Havnegata 1", "city": "Oslo"}, "kg": 15}

    async def cancelled_on_its_way():
        seen = []
        with anyio.CancelScope() as scope:

            def progress(_line):
                seen.append(dict(post.parcels))
                scope.cancel()

            context = mentra.ToolContext(
                agent_id="clerk",
                agent_name="clerk",
                team_id="main",
                run_id="run-1",
                call_id="call-1",
                tool_name="ship",
                idempotency_key="key-1",
                attempt=1,
                commands=None,
                progress=progress,
                application={names["Post"]: post},
            )
            await names["ship"].run(said, context)
        return seen

    assert anyio.run(cancelled_on_its_way) == [{"key-1": "15 kg to Oslo by land"}]
    assert post.parcels == {}


def test_readers_and_their_maker_share_one_budget(run, capsys):
    assert run("subagent_tool", "--budget", "300") == ""
    assert "the budget was 300" in capsys.readouterr().out


def test_the_help_of_an_example_is_as_wide_as_the_screen(monkeypatch):
    """Words are not broken at the edge, items stay items, and commands keep their own lines."""
    monkeypatch.setenv("COLUMNS", "42")
    monkeypatch.syspath_prepend(str(EXAMPLES / "patterns"))
    as_wide_as_the_screen = importlib.import_module("stage").as_wide_as_the_screen
    doc = (
        "One story, told in a line.\n\nWhat to look at, in words that are many:\n\n"
        "- the first thing, which is a long\n  one;\n- the second.\n\n    python it.py   # try\n"
    )

    assert as_wide_as_the_screen(doc).rstrip().splitlines() == [
        "One story, told in a line.",
        "",
        "What to look at, in words that are many:",
        "",
        "- the first thing, which is a long one;",
        "- the second.",
        "",
        "    python it.py   # try",
    ]
    assert max(len(line) for line in as_wide_as_the_screen(doc * 2).splitlines()) <= 40


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

"""The help of `mentra`: what it says of a command before the command is imported."""

import inspect
import subprocess
import sys
from importlib import import_module

import pytest
import typer

from mentra_actors.cli.command_list import COMMAND_GROUPS, COMMANDS
from mentra_actors.cli.late_commands import LateCommands
from mentra_actors.cli.output import Output


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_a_command_what_it_says_itself(name: str):
    group = LateCommands(name="mentra")
    context = typer.Context(group)

    found, command, rest = group.resolve_command(context, [name, "--all"])

    assert (found, rest) == (name, ["--all"])
    paragraph = inspect.cleandoc(command.help or "").split("\n\n")[0]
    assert " ".join(paragraph.split()) == COMMANDS[name].summary


def test_all_commands_are_listed_in_their_order():
    group = LateCommands(name="mentra")

    assert list(group.list_commands(typer.Context(group))) == list(COMMANDS)


def test_the_help_says_all_of_each_command_in_a_narrow_terminal(mentra, monkeypatch):
    """A summary that is cut off says nothing of what it cuts."""
    monkeypatch.setenv("COLUMNS", "60")

    assert mentra("--help") == 0

    told = " ".join(mentra.out.split())
    assert all(f" {name} {listed.summary}" in told for name, listed in COMMANDS.items())
    assert max(map(len, mentra.out.splitlines())) < 60


def test_a_group_without_a_command_is_told_as_its_help(mentra):
    assert mentra("job") == 2
    assert mentra.err.startswith("Usage: mentra job ")
    assert "mentra: " not in mentra.err


@pytest.mark.parametrize("name", ["log", "audit", "timeline", "usage"])
def test_ctrl_c_ends_what_follows_the_log_in_order_wherever_it_is(
    mentra, team_store, monkeypatch, name
):
    """Whoever ends it while a line is shown has not broken anything off."""

    def interrupted(*_arguments, **_more):
        raise KeyboardInterrupt

    for way in ("show_line", "show_hanging", "table"):
        monkeypatch.setattr(Output, way, interrupted)

    assert mentra(name, "--follow", "--store", team_store) == 0
    assert mentra(name, "--store", team_store) == 130


def test_ctrl_c_before_the_command_has_begun_is_told_as_later_ones(mentra, monkeypatch):
    """A person who is early sees no less."""

    def interrupted(name, *rest, **more):
        if name == "mentra_actors.cli.commands.run_command":
            raise KeyboardInterrupt
        return import_module(name, *rest, **more)

    monkeypatch.setattr("importlib.import_module", interrupted)

    assert mentra("run", "hello") == 130
    assert mentra.err.startswith("mentra: Interrupted.\n")


def test_each_command_has_one_line_on_a_screen_of_80_columns(mentra, monkeypatch):
    """Sixty sentences that run on are not read by who looks for one of them."""
    monkeypatch.setenv("COLUMNS", "80")

    assert mentra("--help") == 0

    lines = mentra.out.splitlines()
    for name, listed in COMMANDS.items():
        assert f"  {name:16}  {listed.summary}" in lines


def test_the_help_has_groups_of_what_people_want_to_do(mentra):
    assert mentra("--help") == 0

    lines = mentra.out.splitlines()
    places = [lines.index(f"{title}:") for title in COMMAND_GROUPS]
    assert places == sorted(places)
    assert lines[places[0] + 1].split()[0] == next(iter(COMMANDS))


@pytest.mark.parametrize("words", [["log"], ["seat", "take"], ["dead-letters"]])
def test_help_of_a_command_is_what_the_command_says_itself(mentra, words):
    """Who knows other programs writes `help` first."""
    assert mentra(*words, "--help") == 0
    of_itself = mentra.out

    assert mentra("help", *words) == 0
    assert mentra.out == of_itself


def test_help_alone_is_the_help_of_all(mentra):
    assert mentra("--help") == 0
    of_all = mentra.out

    assert mentra("help") == 0
    assert mentra.out == of_all


@pytest.mark.parametrize(
    ("words", "said", "where"),
    [
        (["agnets"], "Did you mean 'agents'?", "mentra"),
        (["tokens"], "Did you mean 'usage'", "mentra"),
        (["tasks"], "Did you mean 'board'", "mentra"),
        (["help", "agnets"], "Did you mean 'agents'?", "mentra"),
        (["help", "log", "more"], "`mentra log` has no commands below it", "mentra help"),
        (["seat", "letter"], "No such command 'letter'.", "mentra seat"),
        (["agents", "--jsn"], "Did you mean '--json'", "mentra agents"),
    ],
)
def test_a_wrong_name_is_told_with_the_one_that_may_be_meant(mentra, words, said, where):
    assert mentra(*words) == 2
    assert said in mentra.err
    assert f"See `{where} --help`." in mentra.err


def test_ctrl_c_while_the_program_is_imported_is_no_traceback():
    """The first tenth of a second belongs to the person, too."""
    program = """
import sys
class Interrupts:
    def find_spec(self, name, *_):
        if name == "typer":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupts())
from mentra_actors.cli.entry import main
main()
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert run.returncode == 130
    assert run.stderr == "mentra: Interrupted.\n  Nothing was begun.\n"

"""The help of `mentra`: what it says of a command before the command is imported."""

import inspect
from importlib import import_module

import pytest
import typer

from mentra_actors.cli.command_list import COMMANDS
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


@pytest.mark.parametrize("name", ["log", "audit", "timeline"])
def test_ctrl_c_ends_what_follows_the_log_in_order_wherever_it_is(
    mentra, team_store, monkeypatch, name
):
    """Whoever ends it while a line is shown has not broken anything off."""

    def interrupted(*_arguments, **_more):
        raise KeyboardInterrupt

    for way in ("show_line", "show_hanging"):
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

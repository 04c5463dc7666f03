"""The help of `mentra`: what it says of a command before the command is imported."""

import inspect

import pytest
import typer

from mentra_actors.cli.command_list import COMMANDS
from mentra_actors.cli.late_commands import LateCommands


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

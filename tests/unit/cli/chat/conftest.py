"""A chat in a pseudo-terminal, with a model that a test plays."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from pseudo_terminal import ROOT, PseudoTerminal


class Place:
    """A directory with a store, in which chats are opened one after the other."""

    def __init__(self, path, played):
        self.path = path
        self.environment = {
            **played.environment,
            "PYTHONPATH": str(ROOT),
            "XDG_STATE_HOME": str(path / "state"),
        }

    def chat(self, *arguments, rows=24, columns=80, **environment):
        """`mentra chat` in a terminal, inside of a `with`."""
        model = ("--model", "custom:played")
        words = ["chat", *arguments, *model, "--store", self.path / "team.mentra"]
        return PseudoTerminal(
            words,
            cwd=self.path,
            environment=self.environment | environment,
            rows=rows,
            columns=columns,
        )


@pytest.fixture
def place_of(tmp_path):
    return lambda played: Place(tmp_path, played)

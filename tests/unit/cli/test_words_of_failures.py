"""How a failure is told: words stay whole on a screen, lines stay whole in a pipe."""

import re

import pytest

from mentra_actors.cli.main import exit_code_of
from mentra_actors.cli.model_choice import require_usable
from mentra_actors.errors import UnknownModel

NOBODY = ["run", "Hi", "--model", "nobody:x"]


def test_on_a_screen_a_failure_is_broken_between_words(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)

    assert exit_code_of(NOBODY) == 2

    told = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().err).splitlines()
    assert max(len(line.rstrip()) for line in told) <= 60
    assert {"anthropic:NAME,", "MENTRA_CUSTOM_BASE_URL),"} <= set(" ".join(told).split())


def test_in_a_pipe_a_failure_is_one_line(monkeypatch, capsys, tmp_path):
    """Who looks for words in it finds them."""
    monkeypatch.chdir(tmp_path)

    assert exit_code_of(NOBODY) == 2

    assert capsys.readouterr().err.splitlines()[0].endswith("(rules, no network)")


def test_a_model_of_a_program_is_not_looked_for_among_providers():
    """A store that a script has filled is the first that a newcomer opens in a shell."""
    with pytest.raises(UnknownModel, match=r"is one of a program.*--model"):
        require_usable("scripted:words")

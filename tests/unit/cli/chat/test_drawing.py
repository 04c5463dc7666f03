"""What is drawn on a terminal is harmless, and keeps its place when lines are wrapped."""

import io

import pytest
from rich.text import Text

from mentra_actors.cli.chat.drawing import draw
from mentra_actors.cli.chat.shown import Line, Prose, Rows, line
from mentra_actors.cli.output import Output

HOSTILE = "\x1b[2J\x1b]0;t\x07\x9b1m\u202e\r"


@pytest.fixture
def drawn(monkeypatch):
    """What is drawn on a terminal of 30 columns, without its colours."""

    def drawn(*shown):
        output = Output(as_json=False)
        output.console._force_terminal = True
        output.console.width = 30
        output.console.no_color = True
        output.console.file = io.StringIO()
        draw(output, shown, after_prose=False)
        return output.console.file.getvalue()

    monkeypatch.setenv("TERM", "xterm")
    return drawn


@pytest.mark.parametrize(
    "shown",
    [
        line(f"a {HOSTILE} b"),
        line(f"a {HOSTILE} b", is_cut=True),
        Prose(
            f"# {HOSTILE}\n\n`{HOSTILE}` [{HOSTILE}](http://x/{HOSTILE})\n\n```\n{HOSTILE}\n```"
        ),
        Rows(HOSTILE, (HOSTILE,), [[Text(HOSTILE)]]),
    ],
)
def test_no_words_command_the_terminal(drawn, shown):
    text = drawn(shown)

    assert not set(text) & set("\x07\x9b\u202e\r")
    assert "\x1b[2J" not in text
    assert "\x1b]" not in text


def test_a_wrapped_line_begins_below_itself(drawn):
    """The rest of a long command must not look like a line of ours."""
    text = drawn(line("  $ " + "x " * 20 + "? shell y once"))

    assert all(one.startswith("  ") for one in text.splitlines())
    assert len(text.splitlines()) > 1


def test_a_cut_line_is_one_line(drawn):
    shown = Line(Text("✓ " + "漢" * 40), is_cut=True)

    assert len(drawn(shown).splitlines()) == 1
    assert len(shown.text.plain) == 42, "what is shown is cut, not what was to be shown"


def test_an_answer_has_room_around_it(drawn):
    assert drawn(line("a"), Prose("b\n\n"), line("c"), line("d")).split() == ["a", "b", "c", "d"]
    assert [one.strip() for one in drawn(line("a"), Prose("b"), line("c")).split("\n")] == [
        *("a", "", "b", "", "c", "")
    ]

"""JSON of the command line: in its own letters, and nothing in it steers a terminal."""

import io
import json
import sys

from mentra_actors.cli.output import Output


def written(value, monkeypatch, encoding="utf-8"):
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", out)
    Output(as_json=True).json_line(value)
    return out.buffer.getvalue()


def test_json_is_in_the_letters_it_is_about(monkeypatch):
    """A person reads it, too, and a model pays for each escape."""
    line = written({"текст": "Grüße 🙂"}, monkeypatch)
    assert line.decode() == '{"текст": "Grüße 🙂"}\n'


def test_a_terminal_is_not_steered_by_it(monkeypatch):
    """Controls of eight bits and marks of direction are escaped, and still say what they are."""
    value = ["\x1b[2J", "\x7f", "\x9b31m", "\u202eabc", "\u2066"]
    line = written(value, monkeypatch)
    assert line.isascii()
    assert json.loads(line) == value


def test_letters_that_cannot_be_written_are_escaped(monkeypatch):
    """A place that takes ASCII alone, and halves of a pair that no encoding has."""
    assert written("ü", monkeypatch, "ascii") == b'"\\u00fc"\n'
    assert json.loads(written("a\ud800ü", monkeypatch)) == "a\ud800ü"

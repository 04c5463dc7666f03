"""What is written into a pipe is what the console would print there, in less time."""

import io
import sys
from contextlib import redirect_stdout

import pytest
from hypothesis import example
from hypothesis import given as forall
from hypothesis import strategies as st
from rich.text import Text

from mentra_actors import ScriptedModel, open_runtime_sync
from mentra_actors.cli.main import main
from mentra_actors.cli.output import Output

PIECES = st.tuples(st.text(), st.sampled_from(["", "dim", "bold red"]))


def printed(show):
    into = io.StringIO()
    with redirect_stdout(into):
        show(Output(as_json=False, is_plain=True))
    return into.getvalue()


@forall(st.lists(PIECES, max_size=4))
@example([("a\n\nb \n", "dim")])
@example([("\x1b[31m\a\u202e", "")])
@example([("a\tb", "bold red")])
def test_text_is_written_as_the_console_prints_it(pieces):
    text = Text.assemble(*pieces)

    shown = printed(lambda output: output.show(text))
    assert shown == printed(lambda output: output.console.print(text, highlight=False))


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", r"\xfc \u2713"), ("latin-1", r"ü \u2713")]
)
def test_letters_that_a_pipe_does_not_have_are_escaped(tmp_path, monkeypatch, encoding, shown):
    """An answer has any letters, wherever it is read."""
    store = tmp_path / "store"
    model = ScriptedModel(turns=["ü ✓"])
    with open_runtime_sync(store, providers=[model], durability="volatile") as runtime:
        runtime.spawn("lead", model="scripted:x").send("Hello.", timeout_s=20)
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "argv", ["mentra", "transcript", "lead", "--store", str(store)])

    with pytest.raises(SystemExit) as end:
        main()
    out.flush()
    assert end.value.code == 0
    assert shown in out.buffer.getvalue().decode(encoding)

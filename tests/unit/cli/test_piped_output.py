"""What is written into a pipe is what the console would print there, in less time."""

import io
from contextlib import redirect_stdout

from hypothesis import example
from hypothesis import given as forall
from hypothesis import strategies as st
from rich.text import Text

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

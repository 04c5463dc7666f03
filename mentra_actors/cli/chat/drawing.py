"""What a chat shows, drawn on a terminal."""

from collections.abc import Sequence

from rich.markdown import Markdown

from mentra_actors.cli.chat.shown import Line, Prose, Rows, Shown
from mentra_actors.cli.output import Output

__all__ = ["draw"]


def draw(output: Output, shown: Sequence[Shown], *, after_prose: bool) -> bool:
    """Draw in order, an answer with room around it; True if an answer came last."""
    for one in shown:
        match one:
            case Prose(text=text):
                output.show("", Markdown(text.strip(), hyperlinks=False, code_theme="ansi_dark"))
            case Rows(title=title, columns=columns, rows=rows):
                output.table(title, columns, rows)
            case Line(text=text, is_cut=is_cut):
                if after_prose and text.plain:
                    output.show("")
                if is_cut:
                    output.show_line(text.copy())
                else:  # a wrapped line stays below its own beginning: it can pass for no other
                    output.show_hanging(text, len(text.plain) - len(text.plain.lstrip(" ")))
        after_prose = isinstance(one, Prose)
    return after_prose

"""A long text in windows of whole lines. Pure.

Windows begin at a line, counted from 1, and hold as many whole lines as fit; they tile the text.
A line that does not fit by itself is cut at a character, and the window says so: the rest of it
is passed over.
"""

from dataclasses import dataclass

__all__ = ["END", "TextPage", "first_page", "next_page", "text_page"]

END = "…[end of result]"
_KIB = 1024


@dataclass(frozen=True, slots=True)
class TextPage:
    """Lines `first` to `last` of a text; `cut` is (bytes shown, bytes in all) of a cut line."""

    text: str
    first: int
    last: int
    lines: int
    size_bytes: int
    cut: tuple[int, int] | None = None

    @property
    def is_last(self) -> bool:
        """True if no line comes after it."""
        return self.last >= self.lines


def text_page(text: str, start_line: int, page_bytes: int) -> TextPage | None:
    """The window that begins at a line; None past the end of the text."""
    lines = _lines(text)
    if start_line > len(lines):
        return None
    size_bytes = len(text.encode())
    shown: list[str] = []
    used = 0
    for line in lines[start_line - 1 :]:
        used += len(line.encode())
        if used > page_bytes:
            break
        shown.append(line)
    if shown:
        last = start_line + len(shown) - 1
        return TextPage("".join(shown), start_line, last, len(lines), size_bytes)
    whole = lines[start_line - 1].removesuffix("\n").encode()
    part = whole[:page_bytes].decode(errors="ignore")
    shown_bytes = len(part.encode())
    cut = (shown_bytes, len(whole)) if shown_bytes < len(whole) else None
    return TextPage(part, start_line, start_line, len(lines), size_bytes, cut)


def first_page(text: str, page_bytes: int, call: str) -> str:
    """The first window as the model sees it, with how to get the next one."""
    page = text_page(text, 1, page_bytes)
    return END if page is None else _shown(page, call)


def next_page(text: str, start_line: int, page_bytes: int, call: str) -> str:
    """A window as the model sees it; past the end only the mark of the end."""
    page = text_page(text, start_line, page_bytes)
    return END if page is None else _shown(page, call)


def _lines(text: str) -> list[str]:
    """Lines with their ends; only LF ends one, as in the counts that a model is told."""
    lines = text.split("\n")
    with_ends = [f"{line}\n" for line in lines[:-1]]
    return with_ends + ([lines[-1]] if lines[-1] else [])


def _shown(page: TextPage, call: str) -> str:
    body = page.text.removesuffix("\n")
    marks = []
    if page.cut is not None:
        shown, size = page.cut
        marks.append(
            f"…[line {page.first} hard-cut at {shown} of {size} bytes; "
            "the remainder of this line is skipped]"
        )
    if page.is_last:
        marks.append(END)
    else:
        size_kib = len(page.text.encode()) / _KIB
        marks.append(
            f"…[paged: lines {page.first}\u2013{page.last} of {page.lines} "
            f"({size_kib:.1f} KB of {page.size_bytes / _KIB:.1f} KB). "
            f'Call read_tool_result(tool_use_id="{call}", start_line={page.last + 1}) '
            "for the next window.]"
        )
    return "\n".join([body, *marks])

"""What is shown of an output where there is room for one line."""

__all__ = ["MOST_CHARS", "output_preview"]

MOST_CHARS = 500
_HEAD_CHARS, _GAP = 150, " ... "
_TAIL_CHARS = MOST_CHARS - _HEAD_CHARS


def output_preview(start: str, end: str, *, is_whole: bool, is_success: bool) -> str:
    """The output with its whitespace collapsed, in 500 characters and a mark where it is cut.

    `start` and `end` are its first and its last part, both all of it if `is_whole`. What went
    well is told by its beginning; what did not, also by its end, where errors stand.
    """
    first = " ".join(start.split())
    if is_whole and len(first) <= MOST_CHARS:
        return first
    if is_success:
        return f"{first[:MOST_CHARS]}..."
    last = " ".join(end.split())
    return f"{first[:_HEAD_CHARS]}{_GAP}{last[-_TAIL_CHARS:]}"

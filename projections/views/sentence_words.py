"""Words that sentences about events are made of."""

__all__ = ["and_why", "by_whom", "clipped", "counted", "quoted"]

_MOST_CHARS = 120


def clipped(text: str, most_chars: int = _MOST_CHARS) -> str:
    """The beginning of a text on one line; the last character says if something is left out."""
    line = " ".join(text[: most_chars * 4].split())
    return line if len(line) <= most_chars else f"{line[: most_chars - 1]}…"


def quoted(text: str) -> str:
    """The text between quotation marks."""
    return f"“{text}”"


def counted(count: int, word: str) -> str:
    """How many there are: `1 letter`, `2 letters`, `1,000 entries`."""
    if count == 1:
        return f"1 {word}"
    if word.endswith("ry"):
        return f"{count:,} {word[:-1]}ies"
    return f"{count:,} {word}{'es' if word.endswith('ch') else 's'}"


def by_whom(who: str) -> str:
    """Who has done it, behind a comma; nothing if that is not known."""
    return f", by {who}" if who else ""


def and_why(reason: str) -> str:
    """The reason, behind a colon; nothing without one."""
    return f": {reason}" if reason else ""

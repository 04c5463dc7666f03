"""Words that sentences about events are made of."""

__all__ = ["and_why", "by_whom", "clipped", "counted", "quoted"]

_MOST_CHARS = 120


def clipped(text: str) -> str:
    """The text in one line of at most 120 characters."""
    line = " ".join(text[: _MOST_CHARS * 4].split())
    return line if len(line) <= _MOST_CHARS else line[: _MOST_CHARS - 1] + "…"


def quoted(text: str) -> str:
    """The text between quotation marks."""
    return f"“{text}”"


def counted(count: int, word: str) -> str:
    """How many there are: `1 letter`, `2 letters`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def by_whom(who: str) -> str:
    """Who has done it, behind a comma; nothing if that is not known."""
    return f", by {who}" if who else ""


def and_why(reason: str) -> str:
    """The reason, behind a colon; nothing without one."""
    return f": {reason}" if reason else ""

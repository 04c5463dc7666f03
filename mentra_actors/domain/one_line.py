"""What may be the name that people give to a thing: a title, a label. One rule for all of them."""

import unicodedata

__all__ = ["line_fault"]

_NOT_SHOWN = frozenset({"Cc", "Zl", "Zp"})
"""Control characters, and what begins a new line or paragraph."""


def line_fault(words: str, what: str, most_chars: int) -> str:
    """Why the words are no `what` for people, such as "a title"; empty if they are, or are empty.

    They are one line that shows something, with no character that commands a terminal.
    """
    if len(words) > most_chars:
        return f"{what} is one line of at most {most_chars} characters, found {len(words)}"
    if any(unicodedata.category(one) in _NOT_SHOWN for one in words):
        return f"{what} is one line without control characters, found {words!r}"
    if words and not words.strip():
        return f"{what} says something, or is empty: found only spaces"
    return ""

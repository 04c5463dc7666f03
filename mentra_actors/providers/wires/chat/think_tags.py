"""`<think>…</think>` at the beginning of a text, as some local servers send reasoning."""

from typing import NamedTuple

__all__ = ["ThinkTags", "split_thoughts"]

_OPEN, _CLOSE = "<think>", "</think>"


class _Split(NamedTuple):
    thoughts: str
    text: str


class ThinkTags:
    """Tells reasoning from text while both arrive in pieces that may cut a tag in two."""

    def __init__(self) -> None:
        self._held = ""
        self._blanks: list[str] = []
        self._is_thinking = False
        self._has_text = False
        self._skips_space = False

    def feed(self, piece: str) -> _Split:
        """What is known by now to be reasoning, and what to be text."""
        self._held += piece
        thoughts = ""
        if not self._has_text and not self._is_thinking:
            self._open()
        if self._is_thinking:
            thoughts = self._thoughts()
        return _Split(thoughts, self._text())

    def close(self) -> _Split:
        """What was held back, because it could have become a tag."""
        held, self._held = "".join(self._blanks) + self._held, ""
        held = self._without_space(held)
        return _Split(held, "") if self._is_thinking else _Split("", held)

    def _open(self) -> None:
        """Take a tag at the beginning, or find out that there is none."""
        start = self._held.lstrip()
        self._blanks.append(self._held[: len(self._held) - len(start)])
        self._held = start
        if start.startswith(_OPEN):
            self._is_thinking = self._skips_space = True
            self._held = start[len(_OPEN) :]
            self._blanks.clear()
        elif not _OPEN.startswith(start):
            self._has_text = True
            self._held = "".join(self._blanks) + start
            self._blanks.clear()

    def _thoughts(self) -> str:
        thoughts, tag, rest = self._held.partition(_CLOSE)
        if tag:
            thoughts = self._without_space(thoughts)
            self._is_thinking, self._has_text, self._skips_space = False, True, True
            self._held = rest
            return thoughts
        kept = _overlap(thoughts, _CLOSE)
        self._held = thoughts[len(thoughts) - kept :]
        return self._without_space(thoughts[: len(thoughts) - kept])

    def _text(self) -> str:
        if not self._has_text:
            return ""
        text, self._held = self._held, ""
        return self._without_space(text)

    def _without_space(self, words: str) -> str:
        """The words without the space after a tag, which may come in a piece of its own."""
        if self._skips_space:
            words = words.lstrip()
            self._skips_space = not words
        return words


def split_thoughts(text: str) -> _Split:
    """Reasoning and text of a whole text; its opening tag may have stood in the prompt."""
    thoughts, tag, rest = text.partition(_CLOSE)
    if not tag or _OPEN in thoughts:  # the tags are what the text is about
        return _Split("", text)
    return _Split(thoughts, rest.lstrip())


def _overlap(text: str, tag: str) -> int:
    """How many characters at the end of a text could be the beginning of a tag."""
    sizes = range(min(len(tag) - 1, len(text)), 0, -1)
    return next((size for size in sizes if text.endswith(tag[:size])), 0)

"""What a person has typed: words for the agent, or a command with a slash. Pure."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import msgspec

__all__ = [
    "COMMANDS",
    "Later",
    "Nothing",
    "Say",
    "Slash",
    "Typed",
    "Unknown",
    "completions",
    "typed",
]


class Nothing(msgspec.Struct, frozen=True):
    """An empty line."""


class Say(msgspec.Struct, frozen=True):
    """Words for the agent: a prompt, or steering while it works."""

    text: str


class Later(msgspec.Struct, frozen=True):
    """Words for the agent once it would be done."""

    text: str


class Slash(msgspec.Struct, frozen=True):
    """A command without its slash, and what follows it."""

    name: str
    rest: str = ""


class Unknown(msgspec.Struct, frozen=True):
    """A command that there is not."""

    name: str
    near: tuple[str, ...] = ()


Typed: TypeAlias = Nothing | Say | Later | Slash | Unknown


class _Command(msgspec.Struct, frozen=True):
    """What follows a command, and what it does."""

    takes: str
    does: str
    needs_words: bool = False


COMMANDS: Mapping[str, _Command] = {
    "help": _Command("", "these commands and keys"),
    "later": _Command("TEXT", "say this when the agent would be done", needs_words=True),
    "resume": _Command("", "go on with the turn that was broken off"),
    "history": _Command("", "the turns of this conversation, with their numbers"),
    "at": _Command(
        "N", "show the conversation as it was at turn N, or at entry #N", needs_words=True
    ),
    "fork": _Command("N", "go on from turn N or entry #N; nothing is deleted", needs_words=True),
    "back": _Command("", "go back to where the last /fork left"),
    "title": _Command("[TEXT]", "show or set the title of the conversation"),
    "model": _Command("[NAME]", "show or choose the model, from the next call on"),
    "reasoning": _Command("[EFFORT]", "how hard it thinks: low, medium, high, off; or show, hide"),
    "tools": _Command("", "the tools of the agent"),
    "board": _Command("", "the tasks of the team"),
    "members": _Command("", "who is in the team"),
    "memory": _Command("[WORDS]", "what the agent remembers, or finds by these words"),
    "remember": _Command("TEXT", "let the agent remember this for long", needs_words=True),
    "forget": _Command(
        "ID", "let what /memory shows with this id be found no more", needs_words=True
    ),
    "compact": _Command("", "have the older part of the conversation summarised"),
    "uncompact": _Command("", "tell the model the words again that a summary stands for"),
    "context": _Command("", "what the next request consists of, and how large it is"),
    "usage": _Command("", "tokens and money so far"),
    "save": _Command("FILE", "write the conversation as Markdown", needs_words=True),
    "quit": _Command("", "leave; whatever is open goes on at the next start"),
}
"""By name, in the order in which `/help` lists them."""

_SAME = {"exit": "quit", "q": "quit", "?": "help", "h": "help"}


def typed(text: str) -> Typed:
    """What a line, or several that were sent together, means.

    A line that begins with two slashes is said, with one of them.
    """
    words = text.strip()
    if not words:
        return Nothing()
    if words.startswith("//"):
        return Say(words[1:])
    if not words.startswith("/"):
        return Say(words)
    name, _, rest = words[1:].partition(" ")
    if "\n" in name:  # a path or code that was pasted
        return Say(words)
    return _command(name.lower(), rest.strip())


def _command(name: str, rest: str) -> Typed:
    name = _SAME.get(name, name)
    if name not in COMMANDS:
        near = tuple(one for one in COMMANDS if name and one.startswith(name))
        return _command(near[0], rest) if len(near) == 1 else Unknown(name, near)
    if name == "later" and rest:
        return Later(rest)
    return Slash(name, rest)


def completions(text: str) -> Iterator[tuple[str, str]]:
    """Commands that may be meant by what is typed so far, with what they do."""
    if not text.startswith("/") or " " in text or "\n" in text or text.startswith("//"):
        return
    for name, command in COMMANDS.items():
        if name.startswith(text[1:].lower()):
            yield f"/{name}", command.does

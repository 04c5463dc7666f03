"""What a person types: words, commands, and what cannot be meant."""

import pytest

from mentra_actors.cli.chat.slash_commands import unknown_words
from mentra_actors.cli.chat.typed import (
    COMMANDS,
    Later,
    Nothing,
    Say,
    Slash,
    Unknown,
    completions,
    typed,
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", Nothing()),
        (" \n ", Nothing()),
        ("hello ", Say("hello")),
        ("one\n/two", Say("one\n/two")),
        ("//etc is a directory", Say("/etc is a directory")),
        ("/etc/passwd\nroot:x", Say("/etc/passwd\nroot:x")),
        ("/history", Slash("history")),
        ("/FORK  3 ", Slash("fork", "3")),
        ("/remember two\nlines", Slash("remember", "two\nlines")),
        ("/exit", Slash("quit")),
        ("/hi", Slash("history")),
        ("/later and then rest", Later("and then rest")),
        ("/later", Slash("later")),
        ("/me", Unknown("me", ("members", "memory"))),
        ("/", Unknown("")),
        ("/home/ann is mine", Unknown("home/ann")),
    ],
)
def test_a_line_means(text, meant):
    assert typed(text) == meant


def test_an_unknown_command_is_told_what_there_is():
    assert "/members, /memory" in unknown_words(Unknown("me", ("members", "memory")))
    assert all(f"/{name}" in unknown_words(Unknown("nope")) for name in COMMANDS)


def test_commands_are_completed_and_words_are_not():
    assert [name for name, _ in completions("/me")] == ["/members", "/memory"]
    assert len(list(completions("/"))) == len(COMMANDS)
    assert not list(completions("//me")) + list(completions("me")) + list(completions("/at 1"))

"""The commands that the documents show are commands: a newcomer types them as they stand."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from mentra_actors.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *(one for one in sorted((ROOT / "docs").rglob("*.md")) if "reference" not in one.parts),
    *sorted(ROOT.glob("examples/*.md")),
]
USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
MENTRA: Any = typer.main.get_command(app)
IN_A_SENTENCE_IT_MAY_LACK = {"MissingParameter", "BadOptionUsage"}
"""Errors of the parser, by their names: typer does not give them out."""


def _commands(line: str) -> Iterator[list[str]]:
    """The words of each command of a line for a shell, without `mentra`."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";|&<>")
    lexer.whitespace_split, lexer.commenters = True, "#"
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word[0] not in ";|&<>":
            words.append(word)
            continue
        if words[:1] == ["mentra"]:
            yield words[1:]
        words = []


def _refusal(words: list[str]) -> Exception | None:
    """What the parser has to say against it; nothing is run.

    Values are not judged: a file need not be here, and POSITION may stand for a number.
    """
    if not words or "--help" in words:
        return None
    command, context, rest = MENTRA, typer.Context(MENTRA), list(words)
    try:
        while hasattr(command, "resolve_command") and rest:
            _, command, rest = command.resolve_command(context, rest)
        if not hasattr(command, "resolve_command"):
            command.make_context(words[0], rest)
    except USAGE_ERROR as error:
        return None if type(error) is typer.BadParameter else error
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_shows_can_be_typed(page):
    """Blocks as they stand; what a sentence names may lack an argument, not have a wrong one."""
    text = page.read_text()
    blocks = [block.replace("\\\n", " ") for block in re.findall(r"```sh\n(.*?)```", text, re.S)]
    shown = [words for block in blocks for line in block.splitlines() for words in _commands(line)]
    named = [words for one in re.findall(r"`(mentra [^`\n]*)`", text) for words in _commands(one)]

    refused = [(words, error) for words in shown if (error := _refusal(words))]
    refused += [
        (words, error)
        for words in named
        if (error := _refusal(words)) and type(error).__name__ not in IN_A_SENTENCE_IT_MAY_LACK
    ]

    assert refused == []


@pytest.mark.parametrize(
    "line", ["mentra seat take ann", 'mentra mail lead "Hi" --as ann', "true; mentra sit"]
)
def test_what_cannot_be_typed_is_found(line):
    assert [_refusal(words) is None for words in _commands(line)] == [False]

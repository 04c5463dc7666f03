"""What can be read off a conversation without a model: files, outcomes of tests, permissions.

It helps whoever writes a summary, and what was read off calls is true in any case. Pure.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from mentra_actors.domain.content import (
    AssistantMessage,
    Message,
    ToolCallBlock,
    ToolResultsMessage,
    UserMessage,
    text_of,
)

__all__ = ["Facts", "extracted_facts", "joined_paths", "rendered_facts", "touched_files"]

MOST_FACTS = 40
"""Of each kind, the newest of them."""

_MOST_CHARS = 20_000
"""Of one text, its end: an outcome stands there."""

_MOST_LINE_CHARS = 200
_PATH_KEYS = ("path", "file_path", "from", "to")
_WORD = re.compile(r"[\w./~+@-]+")
_EXTENSION = re.compile(r"\.[A-Za-z]\w{0,7}$")
_RUNNER = re.compile(
    r"\b(pytest|unittest|tox|cargo (test|check|clippy)|go test|jest|vitest|npm (run )?test|make"
    r"|mypy|ruff|eslint|tsc|tests?)\b",
    re.IGNORECASE,
)
_OUTCOME = re.compile(
    r"\b(passed|pass|failed|fails?|failures?|errors?|ok|green|red|succeeded)\b", re.IGNORECASE
)
_PERMISSION = re.compile(
    r"\b(permission|permitted|denied|forbidden|allowed|not allowed|approved|approval|refused)\b",
    re.IGNORECASE,
)


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Paths, lines with outcomes of tests and lines about permissions, each once, in order."""

    paths: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()


def extracted_facts(messages: Sequence[Message]) -> Facts:
    """What messages say. Paths are taken from calls and their results, not from people."""
    lines = [line for message in messages for line in _lines(message)]
    return Facts(
        paths=_newest(_paths(messages)),
        outcomes=_newest(line for line in lines if _RUNNER.search(line) and _OUTCOME.search(line)),
        permissions=_newest(line for line in lines if _PERMISSION.search(line)),
    )


def rendered_facts(facts: Facts) -> str:
    """The facts as text; empty if there are none."""
    parts = (
        ("Files", facts.paths),
        ("Outcomes of tests", facts.outcomes),
        ("Permissions", facts.permissions),
    )
    return "\n".join(
        "\n".join([f"{title}:", *(f"- {one}" for one in found)]) for title, found in parts if found
    )


def touched_files(messages: Iterable[Message]) -> tuple[str, ...]:
    """Paths in the arguments of calls, the first seen first: of file tools and of any others."""
    return joined_paths(
        path
        for message in messages
        if isinstance(message, AssistantMessage)
        for block in message.blocks
        if isinstance(block, ToolCallBlock)
        for path in _named_paths(block)
    )


def joined_paths(*parts: Iterable[str]) -> tuple[str, ...]:
    """All of them, each once, the first seen first."""
    return tuple(dict.fromkeys(path for part in parts for path in part if path))


def _named_paths(block: ToolCallBlock) -> Iterator[str]:
    try:
        arguments = msgspec.json.decode(block.arguments or "{}")
    except (msgspec.DecodeError, RecursionError):
        return
    if not isinstance(arguments, dict):
        return
    operations = arguments.get("operations")
    for fields in operations if isinstance(operations, list) else [arguments]:
        yield from _paths_in(fields, is_operation=fields is not arguments)


def _paths_in(fields: Any, *, is_operation: bool) -> Iterator[str]:
    if not isinstance(fields, dict):
        return
    for key in _PATH_KEYS if is_operation else _PATH_KEYS[:2]:
        value = fields.get(key)
        if isinstance(value, str) and value.strip("./") and len(value) <= _MOST_LINE_CHARS:
            yield value


def _paths(messages: Iterable[Message]) -> Iterator[str]:
    for message in messages:
        yield from touched_files([message])
        if isinstance(message, ToolResultsMessage):
            for result in message.results:
                yield from _paths_of(result.content[-_MOST_CHARS:])


def _paths_of(text: str) -> Iterator[str]:
    """Words with a slash in them and an extension at their end; addresses are none."""
    for found in _WORD.finditer(text):
        word = found.group().rstrip(".")
        is_path = "/" in word and not word.startswith("//") and len(word) <= _MOST_LINE_CHARS
        if is_path and _EXTENSION.search(word.rpartition("/")[2]):
            yield word


def _lines(message: Message) -> Iterator[str]:
    for text in _texts(message):
        for line in text[-_MOST_CHARS:].splitlines():
            if line.strip():
                yield line.strip()[:_MOST_LINE_CHARS]


def _texts(message: Message) -> Sequence[str]:
    match message:
        case UserMessage(text=text):
            return (text,)
        case AssistantMessage(blocks=blocks):
            return (text_of(blocks),)
        case ToolResultsMessage(results=results):
            return [result.content for result in results]


def _newest(found: Iterable[str]) -> tuple[str, ...]:
    return joined_paths(found)[-MOST_FACTS:]

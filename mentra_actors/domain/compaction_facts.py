"""What can be read off a conversation without a model: files, outcomes of tests, permissions.

It helps whoever writes a summary, and what was read off calls is true in any case. Pure.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

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


_RUNNER_STEMS = ("test", "tox", "cargo", "jest", "make", "mypy", "ruff", "lint", "tsc")
_OUTCOME_STEMS = ("pass", "fail", "error", "ok", "green", "red", "succeeded")
_PERMISSION_STEMS = ("permi", "denied", "forbidden", "allowed", "approv", "refused")
"""Each word of the patterns has one of them in it: a text that has none is not looked at by line,
which is most of what a long conversation says."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Paths, lines with outcomes of tests and lines about permissions, each once, in order."""

    paths: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()


def extracted_facts(messages: Sequence[Message]) -> Facts:
    """What messages say. Paths are taken from calls and their results, not from people."""
    outcomes: list[str] = []
    permissions: list[str] = []
    for text in _all_texts(messages):
        lowered = text.lower()
        if _may_have(lowered, _RUNNER_STEMS) and _may_have(lowered, _OUTCOME_STEMS):
            outcomes += (
                line for line in _lines(text) if _RUNNER.search(line) and _OUTCOME.search(line)
            )
        if _may_have(lowered, _PERMISSION_STEMS):
            permissions += (line for line in _lines(text) if _PERMISSION.search(line))
    return Facts(
        paths=_newest(_paths(messages)),
        outcomes=_newest(outcomes),
        permissions=_newest(permissions),
    )


def _may_have(lowered: str, stems: Sequence[str]) -> bool:
    """Patterns take a few letters beyond ASCII for others: such a text is always looked at."""
    return not lowered.isascii() or any(stem in lowered for stem in stems)


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
    return joined_paths(path for message in messages for path in _called_paths(message))


def joined_paths(*parts: Iterable[str]) -> tuple[str, ...]:
    """All of them, each once, the first seen first."""
    return tuple(dict.fromkeys(path for part in parts for path in part if path))


def _called_paths(message: Message) -> Iterator[str]:
    if isinstance(message, AssistantMessage):
        for block in message.blocks:
            if isinstance(block, ToolCallBlock):
                yield from _named_paths(block)


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


def _paths_in(fields: object, *, is_operation: bool) -> Iterator[str]:
    if not isinstance(fields, dict):
        return
    for key in _PATH_KEYS if is_operation else _PATH_KEYS[:2]:
        value = fields.get(key)
        if isinstance(value, str) and value.strip("./") and len(value) <= _MOST_LINE_CHARS:
            yield value


def _paths(messages: Iterable[Message]) -> Iterator[str]:
    for message in messages:
        yield from _called_paths(message)
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


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.strip():
            yield line.strip()[:_MOST_LINE_CHARS]


def _all_texts(messages: Iterable[Message]) -> Iterator[str]:
    for message in messages:
        match message:
            case UserMessage(text=text):
                yield text[-_MOST_CHARS:]
            case AssistantMessage(blocks=blocks):
                yield text_of(blocks)[-_MOST_CHARS:]
            case ToolResultsMessage(results=results):
                for result in results:
                    yield result.content[-_MOST_CHARS:]


def _newest(found: Iterable[str]) -> tuple[str, ...]:
    return joined_paths(found)[-MOST_FACTS:]

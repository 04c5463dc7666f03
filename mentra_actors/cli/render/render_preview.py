"""What a call would do, for the person who decides about it: the command, or the files."""

import json
from collections.abc import Iterator, Mapping

from mentra_actors.domain.rule_match import shown_call
from projections.views.approvals import Approval

__all__ = ["preview_lines"]

_COMMANDS = frozenset({"shell", "background_run"})
_SAID = frozenset({"kind", "command", "working_directory", "simple_words", "offered_words"})
_PLACES = frozenset({"op", "path", "to", "from", "resolved_path", "resolved_to"})


def preview_lines(one: Approval) -> list[str]:
    """A command and where it runs, each file and what is done to it; else the JSON as it is.

    Lines that belong to the one before them begin with a space, so no text can pass for ours.
    """
    shown = shown_call(one.tool, one.preview, is_by_tool=one.is_by_tool).structured
    if shown is None or not one.is_by_tool:
        return [one.preview]
    if shown.get("kind") in _COMMANDS and isinstance(shown.get("command"), str):
        return [*_command(shown)]
    operations = shown.get("operations")
    if shown.get("kind") == "files" and isinstance(operations, list):
        return [line for operation in operations for line in _operation(operation)]
    return [one.preview]


def _command(shown: Mapping[str, object]) -> Iterator[str]:
    yield f"$ {_below(shown['command'])}"
    yield f"in {_below(shown.get('working_directory'))}"
    yield from _others(shown, _SAID)


def _operation(operation: object) -> Iterator[str]:
    if not isinstance(operation, Mapping):
        yield _below(operation)
        return
    line = f"{operation.get('op')} {_place(operation, 'path', 'resolved_path')}"
    if "to" in operation:
        line += f" to {_place(operation, 'to', 'resolved_to')}"
    yield line
    yield from _others(operation, _PLACES)


def _place(operation: Mapping[str, object], said: str, real: str) -> str:
    """A path as the model has written it, and where it leads."""
    path, leads = operation.get(said, operation.get("from")), operation.get(real)
    return _below(path) if leads in (None, path) else f"{_below(path)} ({_below(leads)})"


def _others(fields: Mapping[str, object], told: frozenset[str]) -> Iterator[str]:
    """Everything else that says something."""
    for name, value in fields.items():
        if name not in told and value not in (None, "", False, [], {}):
            yield f"  {name}: {_below(value)}"


def _below(value: object) -> str:
    """A value whose further lines are indented."""
    if isinstance(value, Mapping):
        value = ", ".join(f"{name} {one}" for name, one in value.items() if one)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "\n    ".join(text.splitlines())

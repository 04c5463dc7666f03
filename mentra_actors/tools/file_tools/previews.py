"""What a call of a file tool would do, for whoever decides about it."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from mentra_actors.json_types import Json, JsonObject
from mentra_actors.tools.file_tools.place import FilePlace
from mentra_actors.tools.tool_errors import ToolError

__all__ = ["allowed_paths", "operation_previews"]

_ACTIONS = {
    "read": "files_read",
    "list": "files_list",
    "ls": "files_list",
    "search": "files_search",
    "grep": "files_search",
    "glob": "files_glob",
}
_PLACES = ("op", "path", "from", "to")
_MOST_CHARS = 1_000


def operation_previews(place: FilePlace, operations: Sequence[object]) -> JsonObject:
    """Operations with the real paths that they would touch, and all else that was asked for.

    Of a text longer than 1,000 characters they have the beginning, its size in bytes and its
    SHA-256: two calls that would write different texts have different previews.

    Raises:
        PolicyDenied: the policy forbids one of them.
        ToolError: one of them cannot be read.
    """
    return {
        "kind": "files",
        "working_directory": place.base_dir,
        "operations": [_operation(place, one) for one in operations],
    }


def allowed_paths(
    previewed: Json | None,
) -> frozenset[tuple[bool, str, str]] | None:
    """The `allowed` paths of a place, from a preview that was allowed."""
    if previewed is None:
        return None
    found = set[tuple[bool, str, str]]()
    for told in previewed["operations"]:
        for_write = told["op"] not in _ACTIONS
        found.add((for_write, told["path"], told["resolved_path"]))
        if "resolved_to" in told:
            found.add((for_write, told["to"], told["resolved_to"]))
    return frozenset(found)


def _operation(place: FilePlace, operation: object) -> dict[str, object]:
    if not isinstance(operation, Mapping):
        raise ToolError("An operation is an object with an op and a path.")
    op = str(operation.get("op", ""))
    told: JsonObject = {"op": op}
    if op == "move":
        told |= _path(place, op, str(operation.get("from", "")), "")
        told |= {"to": str(operation.get("to", ""))}
        told["resolved_to"] = place.for_writing(told["to"]).path
    else:
        told |= _path(place, op, str(operation.get("path", "")), ".")
    return _asked(operation) | told


def _asked(operation: Mapping[Any, object]) -> dict[str, object]:
    """What an operation says beside its places; where a path leads it cannot say itself."""
    return {
        name: _brief(value)
        for name, value in operation.items()
        if isinstance(name, str) and name not in _PLACES and not name.startswith("resolved_")
    }


def _brief(value: Any) -> Any:
    is_text = isinstance(value, str)
    text = value if is_text else msgspec.json.encode(value, order="deterministic").decode()
    if len(text) <= _MOST_CHARS:
        return value
    whole = text.encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(whole).hexdigest()
    return {"begins": text[:_MOST_CHARS], "bytes": len(whole), "sha256": digest}


def _path(place: FilePlace, op: str, path: str, default: str) -> dict[str, object]:
    action = _ACTIONS.get(op)
    named = path or (default if action not in (None, "files_read") else path)
    located = place.for_writing(named) if action is None else place.for_reading(named, action)
    return {"path": named, "resolved_path": located.path}

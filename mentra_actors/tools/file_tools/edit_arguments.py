"""The ways in which models write the arguments of `edit`."""

from collections.abc import Mapping
from typing import Any

import msgspec

from mentra_actors.tools.file_tools.offered import read_as_json, renamed

__all__ = ["FileEdit", "edit_arguments"]

_NAMES = {
    "path": ("file_path", "filePath"),
    "replace_all": ("replaceAll",),
    "old_string": ("oldText", "old", "oldString", "old_text"),
    "new_string": ("newText", "new", "newString", "new_text"),
}


class FileEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a file, and what shall be there."""

    old_string: str
    new_string: str


def edit_arguments(arguments: object) -> Any:
    """Arguments with a list of edits: one may be JSON text, one object, or two top-level texts."""
    plain = renamed(arguments, _NAMES)
    if not isinstance(plain, dict):
        return plain
    edits = read_as_json(plain.get("edits"))
    if isinstance(edits, Mapping):
        edits = [edits]
    if edits is None and "old_string" in plain:
        pair = {name: plain.pop(name) for name in ("old_string", "new_string") if name in plain}
        edits = [pair]
    if isinstance(edits, list):
        plain["edits"] = [renamed(one, _NAMES) for one in edits]
    return plain

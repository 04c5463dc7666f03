"""What a model may ask of files, one struct for each operation."""

from typing import Annotated, Literal, TypeAlias

import msgspec

__all__ = [
    "CreateFile",
    "DeleteFile",
    "FileOperation",
    "InsertText",
    "ListFiles",
    "Looking",
    "MoveFile",
    "Mutation",
    "ReadFile",
    "ReplaceText",
    "SearchFiles",
    "SetFile",
    "is_mutation",
]

_Path: TypeAlias = Annotated[
    str, msgspec.Meta(description="Relative to the working directory, or absolute.")
]
_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
_Matches: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
_Limit: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=100_000)]


class _Operation(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="op", forbid_unknown_fields=True
):
    """What all operations have."""


class ReadFile(_Operation, frozen=True, tag="read"):
    """Numbered lines of a text file, from line `offset`."""

    path: _Path
    offset: _Count = 1
    limit: _Limit = 2_000


class ListFiles(_Operation, frozen=True, tag="list"):
    """Entries of a directory, `depth` levels deep."""

    path: _Path = "."
    depth: _Count = 1
    limit: _Limit = 200


class SearchFiles(_Operation, frozen=True, tag="search"):
    """Lines that match a Python regular expression, in a file or in all files of a directory."""

    pattern: str
    path: _Path = "."
    limit: _Limit = 200


class CreateFile(_Operation, frozen=True, tag="create"):
    """Make a new text file; there must be nothing at its path. Directories are made."""

    path: _Path
    content: str


class SetFile(_Operation, frozen=True, tag="set"):
    """Give a file that is there a new text."""

    path: _Path
    content: str


class ReplaceText(_Operation, frozen=True, tag="replace"):
    """Put `new` where `old` is: in its first place, or with `replace_all` in all of them.

    `expected_replacements` is how often `old` is there; another count is an error.
    """

    path: _Path
    old: str
    new: str
    replace_all: bool = False
    expected_replacements: _Matches = 1


class InsertText(_Operation, frozen=True, tag="insert"):
    """Put `content` directly before or after a text; of several ones the `occurrence`-th."""

    path: _Path
    anchor: str
    position: Literal["before", "after"]
    content: str
    occurrence: _Count | None = None


class MoveFile(_Operation, frozen=True, tag="move", rename={"from_path": "from"}):
    """Give a file another path, at which there is nothing."""

    from_path: _Path
    to: _Path


class DeleteFile(_Operation, frozen=True, tag="delete"):
    """Remove a file."""

    path: _Path


Looking: TypeAlias = ReadFile | ListFiles | SearchFiles
Mutation: TypeAlias = CreateFile | SetFile | ReplaceText | InsertText | MoveFile | DeleteFile
FileOperation: TypeAlias = Looking | Mutation


def is_mutation(operation: FileOperation) -> bool:
    """Whether an operation changes files."""
    return not isinstance(operation, Looking)

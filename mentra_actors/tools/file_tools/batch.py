"""The operations of one call, one after the other: looked at and staged, then done."""

from collections.abc import Callable, Sequence
from typing import assert_never

from mentra_actors.tools.file_tools.commit import commit
from mentra_actors.tools.file_tools.edits import Edit, Splice, applied, insertion, replacement
from mentra_actors.tools.file_tools.looking import list_directory, read_file
from mentra_actors.tools.file_tools.operations import (
    CreateFile,
    DeleteFile,
    FileOperation,
    InsertText,
    ListFiles,
    MoveFile,
    Mutation,
    ReadFile,
    ReplaceText,
    SearchFiles,
    SetFile,
    is_mutation,
)
from mentra_actors.tools.file_tools.overlay import Overlay, StagedFile
from mentra_actors.tools.file_tools.place import FilePlace
from mentra_actors.tools.file_tools.searching import SearchOptions, search_files
from mentra_actors.tools.file_tools.text_format import TextFile, decoded_text
from mentra_actors.tools.file_tools.text_lines import NotText, WorkBudget
from mentra_actors.tools.file_tools.wording import shown
from mentra_actors.tools.tool_errors import PolicyDenied, ToolError

__all__ = ["encoded_text", "existing_file", "run_batch", "text_of_staged"]

MAX_OPERATIONS = 200


def run_batch(
    place: FilePlace,
    operations: Sequence[FileOperation],
    budget: WorkBudget,
    progress: Callable[[str], None],
) -> str:
    """Run all operations and give their sections, in order.

    If one of them changes files, the first that fails ends the call and nothing is changed. Where
    all only look, one that fails spoils no other.

    Raises:
        PolicyDenied: the policy forbids one of them.
        ToolError: an operation failed.
    """
    if not operations:
        raise ToolError("At least one file operation is required")
    if len(operations) > MAX_OPERATIONS:
        raise ToolError(f"At most {MAX_OPERATIONS} file operations are taken at once")
    overlay = Overlay(place)
    if not any(map(is_mutation, operations)):
        return _looked(overlay, operations, budget)
    sections = [
        _staged(overlay, operation, number, budget)
        for number, operation in enumerate(operations, start=1)
    ]
    commit(overlay)
    for operation, section in zip(operations, sections, strict=True):
        if is_mutation(operation):
            progress(f"file_op: {section.partition(chr(10))[0]}")
    return "\n\n".join(sections)


def _looked(overlay: Overlay, operations: Sequence[FileOperation], budget: WorkBudget) -> str:
    sections: list[str] = []
    failed = 0
    for operation in operations:
        try:
            sections.append(_section(overlay, operation, budget))
        except PolicyDenied:
            raise
        except ToolError as error:
            failed += 1
            sections.append(f"{_header(operation)}\nError: {error}")
    if failed == len(sections):
        raise ToolError("\n\n".join(sections))
    return "\n\n".join(sections)


def _staged(overlay: Overlay, operation: FileOperation, number: int, budget: WorkBudget) -> str:
    """The section of an operation in a call that changes files."""
    try:
        return _section(overlay, operation, budget)
    except PolicyDenied:
        raise
    except ToolError as error:
        failed = f"Operation {number} ({_header(operation)}) failed: {error}"
        raise ToolError(f"{failed}\nNothing was changed.") from error


def _header(operation: FileOperation) -> str:
    match operation:
        case SearchFiles(path=path, pattern=pattern):
            return f"search {shown(path)}: {shown(pattern)}"
        case MoveFile(from_path=source, to=target):
            return f"move {shown(source)} -> {shown(target)}"
        case _:
            return f"{type(operation).__struct_config__.tag} {shown(operation.path)}"


def _section(overlay: Overlay, operation: FileOperation, budget: WorkBudget) -> str:
    return "\n".join([_header(operation), *_lines(overlay, operation, budget)])


def _lines(overlay: Overlay, operation: FileOperation, budget: WorkBudget) -> list[str]:
    place = overlay.place
    match operation:
        case ReadFile(path=path, offset=offset, limit=limit):
            located = place.for_reading(path, "files_read")
            return read_file(overlay, located, offset=offset, limit=limit, budget=budget)
        case ListFiles(path=path, depth=depth, limit=limit):
            located = place.for_reading(path, "files_list")
            return list_directory(overlay, located, depth=depth, limit=limit, budget=budget)
        case SearchFiles(path=path, pattern=pattern, limit=limit):
            located = place.for_reading(path, "files_search")
            options = SearchOptions(pattern=pattern, limit=limit)
            return search_files(overlay, located, options, budget)
        case _:
            return [_changed(overlay, operation)]


def _changed(overlay: Overlay, operation: Mutation) -> str:
    """Stages a change; what is told of it."""
    match operation:
        case MoveFile():
            return _moved(overlay, operation)
        case CreateFile(path=path, content=content):
            return _created(overlay, path, content)
        case SetFile(path=path, content=content):
            return _written(overlay, existing_file(overlay, path), content)
        case ReplaceText():
            return _replaced(overlay, operation)
        case InsertText():
            return _inserted(overlay, operation)
        case DeleteFile(path=path):
            overlay.remove(existing_file(overlay, path))
            return "Deleted"
        case _:
            assert_never(operation)


def _written(overlay: Overlay, staged: StagedFile, content: str) -> str:
    encoded = encoded_text(content)
    overlay.write(staged, encoded)
    return f"Wrote {len(encoded)} byte(s)"


def _replaced(overlay: Overlay, operation: ReplaceText) -> str:
    edit, everywhere = Edit(operation.old, operation.new), operation.replace_all
    expected = operation.expected_replacements

    def splices(text: str) -> list[Splice]:
        return replacement(text, edit, replace_all=everywhere, expected=expected)

    return f"Replaced {_spliced(overlay, operation.path, splices)} time(s)"


def _inserted(overlay: Overlay, operation: InsertText) -> str:
    after, which = operation.position == "after", operation.occurrence

    def splices(text: str) -> list[Splice]:
        return insertion(text, operation.anchor, operation.content, after=after, occurrence=which)

    return f"Inserted {_spliced(overlay, operation.path, splices)} time(s)"


def _created(overlay: Overlay, path: str, content: str) -> str:
    staged = overlay.staged_file(overlay.place.for_writing(path))
    if staged.exists:
        raise ToolError(f"'{shown(path)}' is there already; use set to give it a new text.")
    return _written(overlay, staged, content)


def _moved(overlay: Overlay, operation: MoveFile) -> str:
    source = existing_file(overlay, operation.from_path)
    target = overlay.staged_file(overlay.place.for_writing(operation.to))
    if target.exists:
        raise ToolError(f"'{shown(operation.to)}' is there already; nothing is moved over it.")
    overlay.move(source, target)
    return "Moved"


def _spliced(overlay: Overlay, path: str, splices: Callable[[str], list[Splice]]) -> int:
    """Stages splices of a text, and gives their count."""
    staged = existing_file(overlay, path)
    before = text_of_staged(overlay, staged)
    found = splices(before.text)
    overlay.write(staged, encoded_text(applied(before.text, found), before))
    return len(found)


def existing_file(overlay: Overlay, path: str) -> StagedFile:
    """A file that shall be changed.

    Raises:
        ToolError: it may not be, or is not there.
    """
    staged = overlay.staged_file(overlay.place.for_writing(path))
    if not staged.exists:
        raise ToolError(f"'{shown(path)}' does not exist.")
    return staged


def text_of_staged(overlay: Overlay, staged: StagedFile) -> TextFile:
    """The text of a file that shall be changed.

    Raises:
        ToolError: it is too large, or no text.
    """
    try:
        return decoded_text(overlay.content(staged))
    except NotText as error:
        name = shown(staged.located.told)
        raise ToolError(f"'{name}' cannot be read as text: {error}.") from error


def encoded_text(text: str, like: TextFile | None = None) -> bytes:
    """A text as the bytes of a file, those of UTF-8 if it is like no other.

    Raises:
        ToolError: it holds what is no character.
    """
    try:
        return text.encode() if like is None else like.encoded(text)
    except UnicodeEncodeError as error:
        raise ToolError(f"The content has an invalid character: {error.reason}.") from error

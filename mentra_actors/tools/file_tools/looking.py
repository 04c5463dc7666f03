"""Reading a file, and telling what a directory holds."""

from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO

from mentra_actors.tools.file_tools.globs import glob_matcher
from mentra_actors.tools.file_tools.overlay import MAX_TEXT_BYTES, Overlay
from mentra_actors.tools.file_tools.place import Located
from mentra_actors.tools.file_tools.text_format import decoded_text
from mentra_actors.tools.file_tools.text_lines import NotText, WorkBudget, cut, text_lines
from mentra_actors.tools.file_tools.walk import DirectoryWalk
from mentra_actors.tools.file_tools.wording import shown
from mentra_actors.tools.tool_errors import ToolError

__all__ = ["find_paths", "list_directory", "read_file"]


def read_file(
    overlay: Overlay, located: Located, *, offset: int, limit: int, budget: WorkBudget
) -> list[str]:
    """Numbered lines of a text file.

    Raises:
        ToolError: there is no such file, or it is no text.
    """
    last = offset + limit - 1
    told: list[str] = []
    number = 0
    with overlay.open_file(located) as file:
        try:
            for line in text_lines(_as_utf8(file), budget, first=offset, last=last):
                number = line.number
                if number > last:
                    more = f"there are more; continue with offset={last + 1}"
                    return [*told, f"[limit of {limit} lines reached: {more}]"]
                if number >= offset:
                    told.append(f"L{number}: {cut(line.text)}")
        except NotText as error:
            name = shown(located.told)
            raise ToolError(f"'{name}' cannot be read as text: {error}.") from error
    if told or not number:
        return told or ["(no lines)"]
    return ["(no lines)", f"[the file has {number} lines]"]


def _as_utf8(file: BinaryIO) -> BinaryIO:
    """The same text in UTF-8, if the file begins with the mark of UTF-16 and is not too large."""
    mark = file.read(2)
    if mark not in (b"\xff\xfe", b"\xfe\xff"):
        file.seek(0)
        return file
    content = file.read(MAX_TEXT_BYTES + 1)
    if len(content) > MAX_TEXT_BYTES:
        raise NotText(f"it is UTF-16 and larger than {MAX_TEXT_BYTES} bytes")
    return BytesIO(decoded_text(mark + content).text.encode())


def list_directory(
    overlay: Overlay, located: Located, *, depth: int, limit: int, budget: WorkBudget
) -> list[str]:
    """Lines about the entries of a directory, down to `depth`.

    Raises:
        ToolError: there is no such directory, or it cannot be read.
    """
    walk = DirectoryWalk(
        overlay.place,
        budget,
        max_depth=depth,
        show_all_to_depth=1,
        staged=overlay.staged_entries(),
    )
    told: list[str] = []
    for entry in walk.below(located):
        if len(told) == limit:
            return [*told, f"[limit of {limit} reached: there are more entries]"]
        told.append(f"[{entry.kind}] {shown(entry.told)}")
    if not told and not walk.is_out_of_time:
        told.append("(no entries)")
    return [*told, *walk.notices()]


def find_paths(
    overlay: Overlay,
    located: Located,
    *,
    pattern: str,
    limit: int,
    include_ignored: bool,
    budget: WorkBudget,
) -> list[str]:
    """Paths of files below a directory that match a glob pattern, the first ones by name.

    Raises:
        ToolError: there is no such directory, or it is no pattern.
    """
    matches: Callable[[str], bool] = glob_matcher(pattern)
    walk = DirectoryWalk(
        overlay.place, budget, include_ignored=include_ignored, staged=overlay.staged_entries()
    )
    base = 0 if located.told == "." else len(located.told.rstrip("/")) + 1
    told: list[str] = []
    for entry in walk.below(located):
        if entry.kind == "dir" or not matches(entry.told[base:]):
            continue
        if len(told) == limit:
            more = f"[limit of {limit} reached: there are more files; narrow the pattern]"
            return [*told, more]
        told.append(shown(entry.told))
    if not told and not walk.is_out_of_time:
        told.append("(no files)")
    return [*told, *walk.notices()]

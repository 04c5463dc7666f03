"""Tools of the demo team: count files, count lines with a text, post one notice."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from mentra_actors.demo.surveyed_files import Selection, SurveyRoot
from mentra_actors.tools.contract import Tool, ToolContext, ToolError
from mentra_actors.tools.file_tools.text_lines import stop_if_cancelled
from mentra_actors.tools.file_tools.wording import shown
from mentra_actors.tools.functions.decorator import tool

__all__ = [
    "NOTICES_FILE",
    "OTHER_SUFFIXES",
    "TOP_LEVEL_FILES",
    "Count",
    "FileCounts",
    "MatchCounts",
    "MatchLine",
    "survey_tools",
]

NOTICES_FILE = "NOTICES.txt"
TOP_LEVEL_FILES = "(files at the top)"
OTHER_SUFFIXES = "(other)"

_TIMEOUT_S = 60
_CHUNK_BYTES = 1024 * 1024
_SHOWN_GROUPS = 200
_SHOWN_FILES = 5
_SHOWN_LINE_CHARS = 160


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a group of files. Lines are newline characters, as `wc -l` counts them."""

    name: str
    files: int
    lines: int
    bytes: int


class FileCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What `count_files` found. `groups` are ordered by name."""

    root: str
    path: str
    files: int
    lines: int
    bytes: int
    per: str
    groups: tuple[Count, ...]
    unreadable_files: int
    unreadable_directories: int
    large_files: int
    is_bounded: bool
    listing: str


class MatchLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line that holds the text."""

    path: str
    line: int
    text: str


class MatchCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What `count_matches` found. `most` are the files with most such lines."""

    text: str
    lines: int
    files: int
    most: tuple[tuple[str, int], ...]
    first: tuple[MatchLine, ...]
    unreadable_files: int
    is_bounded: bool


def survey_tools(
    root: str | os.PathLike[str], out_dir: str | os.PathLike[str], *, left_out: Sequence[Path] = ()
) -> list[Tool]:
    """`count_files` and `count_matches` for what is below `root`, `post_notice` into `out_dir`.

    `left_out` are directories that belong to the demo; they are not surveyed.

    Raises:
        ConfigurationError: `root` is not a directory.
    """
    place = SurveyRoot(root, left_out=left_out)
    return [_count_files(place), _count_matches(place), _post_notice(Path(out_dir))]


def _count_files(root: SurveyRoot) -> Tool:
    @tool(retry="safe", timeout_s=_TIMEOUT_S, parallel=True)
    def count_files(
        context: ToolContext, path: str = ".", per: Literal["suffix", "part"] = "suffix"
    ) -> FileCounts:
        """Count files, lines (as `wc -l` does) and bytes below a directory.

        Hidden and generated entries are left out, links are not followed.

        Args:
            context: not shown to models.
            path: a directory, relative to the root.
            per: the figures are also given per file suffix, or per entry of the directory.
        """
        selection = root.select(path)
        context.progress(f"counting {len(selection.files)} files")
        return _counted(root, selection, path, per)

    return count_files


def _counted(root: SurveyRoot, selection: Selection, path: str, per: str) -> FileCounts:
    files, lines, sizes = Counter[str](), Counter[str](), Counter[str]()
    unreadable = 0
    prefix = 0 if path in (".", "") else len(os.path.normpath(path)) + 1
    for file in selection.files:
        stop_if_cancelled()
        group = _suffix(file) if per == "suffix" else _part(file[prefix:])
        files[group] += 1
        try:
            newlines, size = _lines_and_bytes(root.absolute(file))
        except OSError:
            unreadable += 1
            continue
        lines[group] += newlines
        sizes[group] += size
    groups = [Count(name=g, files=files[g], lines=lines[g], bytes=sizes[g]) for g in sorted(files)]
    return FileCounts(
        root=shown(root.path),
        path=path,
        files=files.total(),
        lines=lines.total(),
        bytes=sizes.total(),
        per=per,
        groups=tuple(_bounded(groups)),
        unreadable_files=unreadable,
        unreadable_directories=selection.unreadable_directories,
        large_files=selection.large_files,
        is_bounded=selection.is_bounded,
        listing=shown(root.listing(selection)),
    )


def _bounded(groups: list[Count]) -> list[Count]:
    """At most 200 groups: the smaller ones are put together."""
    if len(groups) <= _SHOWN_GROUPS:
        return groups
    by_size = sorted(groups, key=lambda one: (-one.lines, -one.files, one.name))
    kept, rest = by_size[: _SHOWN_GROUPS - 1], by_size[_SHOWN_GROUPS - 1 :]
    other = Count(
        name=f"({len(rest)} more)",
        files=sum(one.files for one in rest),
        lines=sum(one.lines for one in rest),
        bytes=sum(one.bytes for one in rest),
    )
    return sorted([*kept, other], key=lambda one: one.name)


def _suffix(file: str) -> str:
    suffix = os.path.splitext(file)[1]
    is_plain = suffix[1:].replace("_", "").replace("-", "").isalnum() and suffix.isascii()
    return suffix if is_plain else OTHER_SUFFIXES


def _part(file: str) -> str:
    part, slash, _ = file.partition("/")
    return f"{shown(part)}/" if slash else TOP_LEVEL_FILES


def _lines_and_bytes(path: str) -> tuple[int, int]:
    lines = size = 0
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(_CHUNK_BYTES):
            lines += chunk.count(b"\n")
            size += len(chunk)
    return lines, size


def _count_matches(root: SurveyRoot) -> Tool:
    @tool(retry="safe", timeout_s=_TIMEOUT_S, parallel=True)
    def count_matches(context: ToolContext, text: str, path: str = ".") -> MatchCounts:
        """Count the lines that hold a text, as `grep -F` finds them, in all files of a directory.

        Args:
            context: not shown to models.
            text: plain text, not a pattern; upper and lower case differ.
            path: a directory, relative to the root.
        """
        if not text or "\n" in text:
            raise ToolError("The text must not be empty and must be one line.")
        selection = root.select(path)
        context.progress(f"searching {len(selection.files)} files for {text!r}")
        return _matched(root, selection, text)

    return count_matches


def _matched(root: SurveyRoot, selection: Selection, text: str) -> MatchCounts:
    wanted = text.encode()
    per_file: list[tuple[str, int]] = []
    first: list[MatchLine] = []
    unreadable = 0
    for file in selection.files:
        stop_if_cancelled()
        try:
            content = Path(root.absolute(file)).read_bytes()
        except OSError:
            unreadable += 1
            continue
        if wanted not in content:
            continue
        hits = [(i, raw) for i, raw in enumerate(content.split(b"\n"), start=1) if wanted in raw]
        per_file.append((shown(file), len(hits)))
        for number, raw in hits[: _SHOWN_FILES - len(first)]:
            line = shown(raw.decode(errors="replace").strip())[:_SHOWN_LINE_CHARS]
            first.append(MatchLine(path=shown(file), line=number, text=line))
    most = sorted(per_file, key=lambda one: (-one[1], one[0]))[:_SHOWN_FILES]
    return MatchCounts(
        text=text,
        lines=sum(count for _, count in per_file),
        files=len(per_file),
        most=tuple(most),
        first=tuple(first),
        unreadable_files=unreadable,
        is_bounded=selection.is_bounded,
    )


def _post_notice(out_dir: Path) -> Tool:
    @tool(retry="never", timeout_s=_TIMEOUT_S)
    def post_notice(context: ToolContext, text: str) -> str:
        """Tell the world that the work is done. It cannot be taken back: post it once.

        Args:
            context: not shown to models.
            text: the notice, one line.
        """
        line = f"{context.idempotency_key}\t{' '.join(text.split())}\n"
        with open(out_dir / NOTICES_FILE, "ab", buffering=0) as file:
            file.write(line.encode())
            os.fsync(file.fileno())
        return "Posted the notice."

    return post_notice

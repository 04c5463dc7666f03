"""Laws of the file engine: batches are whole, edits are replacements, patterns mean one thing."""

import errno
import fnmatch
import os
import re
import shutil
import subprocess
import tempfile

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mentra_actors.tools.builtin.files import file_tools
from mentra_actors.tools.contract import ToolError
from mentra_actors.tools.file_tools import commit as commit_module
from mentra_actors.tools.file_tools.edits import Edit, applied, splices_of
from mentra_actors.tools.file_tools.globs import glob_matcher
from mentra_actors.tools.file_tools.search_worker import Search
from mentra_actors.tools.file_tools.searching import SearchOptions
from mentra_actors.tools.file_tools.text_format import decoded_text
from tests.unit.tools.file_worlds import by_name, directory, plant, tree_of

pytestmark = pytest.mark.anyio
quiet = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Failing:
    """The system, where the n-th call that could change a file fails."""

    CHANGING = ("open", "link", "rename", "unlink", "fsync", "write", "fchmod", "mkdir", "rmdir")

    def __init__(self, number):
        self.left = number

    def __getattr__(self, name):
        found = getattr(os, name)
        if name not in self.CHANGING:
            return found

        def call(*arguments, **keywords):
            self.left -= 1
            if self.left == 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return found(*arguments, **keywords)

        return call


BATCH = [
    {"op": "create", "path": "new/deep/file", "content": "created"},
    {"op": "set", "path": "set", "content": "set again"},
    {"op": "replace", "path": "replaced", "old": "old", "new": "new"},
    {"op": "insert", "path": "replaced", "anchor": "new", "position": "after", "content": "!"},
    {"op": "move", "from": "moved", "to": "elsewhere/moved"},
    {"op": "move", "from": "swapped-a", "to": "swapped-c"},
    {"op": "move", "from": "swapped-b", "to": "swapped-a"},
    {"op": "move", "from": "swapped-c", "to": "swapped-b"},
    {"op": "delete", "path": "deleted"},
    {"op": "delete", "path": "also-deleted"},
]
BEFORE = {
    "set": "set",
    "replaced": "old",
    "moved": b"\x00\xff moved",
    "swapped-a": "a",
    "swapped-b": "b",
    "deleted": "gone soon",
    "also-deleted": "gone soon",
}
AFTER = {
    "elsewhere": None,
    "elsewhere/moved": b"\x00\xff moved",
    "new": None,
    "new/deep": None,
    "new/deep/file": b"created",
    "replaced": b"new!",
    "set": b"set again",
    "swapped-a": b"b",
    "swapped-b": b"a",
}


async def test_a_batch_is_done_whole_or_not_at_all_wherever_it_fails(monkeypatch, context):
    """A disk may be full, or a directory closed, at any step; half a refactoring is a bug."""
    number, failures = 0, 0
    while True:
        number += 1
        with directory() as place:
            plant(place, BEFORE)
            before = tree_of(place)
            system = Failing(number)
            monkeypatch.setattr(commit_module, "os", system)
            told = []
            try:
                (files,) = file_tools(place)
                told = await files.run({"operations": BATCH}, context)
            except ToolError:
                failures += 1
            monkeypatch.undo()
            kept = {n: c for n, c in tree_of(place).items() if not n.startswith(".mentra-old-")}
            assert kept == (AFTER if told else before), number
            if system.left > 0:
                break

    assert failures > 30


async def test_what_somebody_else_changes_meanwhile_is_not_overwritten(monkeypatch, context):
    """The file on the disk may be a person's last hour of work."""
    with directory() as place:
        plant(place, {"a": "old", "b": "old"})
        (files,) = file_tools(place)
        real = commit_module.commit

        def late(overlay):
            (place / "b").write_text("theirs")
            real(overlay)

        monkeypatch.setattr("mentra_actors.tools.file_tools.batch.commit", late)
        sets = [{"op": "set", "path": name, "content": "ours"} for name in "ab"]

        with pytest.raises(ToolError, match="'b' was changed by somebody else"):
            await files.run({"operations": sets}, context)
        assert tree_of(place) == {"a": b"old", "b": b"theirs"}


texts = st.text(alphabet="ab \n", max_size=40)
parts = st.text(alphabet="ab \n", min_size=1, max_size=6)


@quiet
@given(text=texts, old=parts, new=st.text(alphabet="abX\n", max_size=6), ending=st.booleans())
@example(text="a\nb\n", old="a\n", new="", ending=True)
def test_an_edit_is_a_replacement(text, old, new, ending):
    """What an edit does to a text must be no surprise, whatever the line endings are."""
    raw = text.replace("\n", "\r\n") if ending and "\n" in text else text
    count = sum(text.startswith(old, at) for at in range(len(text)))
    if count != 1 or old == new:
        return
    edited = applied(raw, splices_of(raw, [Edit(old, new)]))

    expected = text.replace(old, new, 1)
    assert edited == (expected.replace("\n", "\r\n") if raw != text else expected)


@quiet
@given(text=texts, old=parts, new=st.text(alphabet="aX\n", max_size=4))
def test_replacing_all_is_replacing_all(text, old, new):
    """`replace_all` is what people call search and replace."""
    if old not in text or old == new:
        return

    assert applied(text, splices_of(text, [Edit(old, new)], replace_all=True)) == text.replace(
        old, new
    )


@quiet
@given(lines=st.lists(st.sampled_from(["one", "two", "x", ""]), max_size=6), data=st.data())
def test_an_edit_of_a_line_leaves_all_other_bytes(lines, data):
    """A file of mixed line endings keeps them: a diff shows what was asked for and no more."""
    endings = [data.draw(st.sampled_from(["\n", "\r\n"])) for _ in lines]
    raw = "".join(line + end for line, end in zip(lines, endings, strict=True)) + "MARK\r\nend"
    edited = applied(raw, splices_of(raw, [Edit("MARK\nend", "NEW\nend")]))

    assert edited == raw.replace("MARK", "NEW")


@quiet
@given(
    text=st.text(alphabet="aé😀\r\n\u2028", max_size=30),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_reading_and_writing_back_changes_no_byte(text, encoding):
    """Encoding, byte order mark and line endings are somebody's choice."""
    content = text.encode(encoding)
    found = decoded_text(content)

    assert found.encoded(found.text) == content


async def test_an_edited_file_keeps_its_encoding_and_mode(tmp_path, context):
    """UTF-16 is what some tools of Windows write, and the x bit is what makes a script run."""
    edit = by_name(file_tools(tmp_path, profile="split"))["edit"]
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / "a").write_bytes("größe\r\nold\r\n".encode(encoding))
        (tmp_path / "a").chmod(0o750)
        await edit.run({"path": "a", "oldText": "old", "newText": "neu\nß"}, context)

        assert (tmp_path / "a").read_bytes() == "größe\r\nneu\r\nß\r\n".encode(encoding)
        assert (tmp_path / "a").stat().st_mode & 0o777 == 0o750


def naive_glob(pattern, path):
    """Tries everything."""
    if "/" not in pattern:
        pattern, path = [pattern], [path.rpartition("/")[2]]
    else:
        pattern, path = pattern.split("/"), path.split("/")

    def match(parts, names):
        if not parts:
            return not names
        if parts[0] == "**":
            return any(match(parts[1:], names[at:]) for at in range(len(names) + 1))
        return (
            bool(names) and fnmatch.fnmatchcase(names[0], parts[0]) and match(parts[1:], names[1:])
        )

    return match(pattern, path)


names = st.text(alphabet="ab.", min_size=1, max_size=4)
globs = st.lists(
    st.one_of(st.just("**"), st.text(alphabet="ab.*?", min_size=1, max_size=5)),
    min_size=1,
    max_size=4,
).map("/".join)


@given(pattern=globs, path=st.lists(names, min_size=1, max_size=5).map("/".join))
def test_a_glob_matches_what_trying_everything_matches(pattern, path):
    """The quick way must not miss a file."""
    if pattern.startswith("./") or any("**" in p and p != "**" for p in pattern.split("/")):
        return

    assert glob_matcher(pattern)(path) == naive_glob(pattern, path)


def test_a_glob_takes_no_time_that_grows_without_bounds():
    """The model writes the pattern and a repository the name; together they must not hang us."""
    assert not glob_matcher("*a" * 100 + "b")("a" * 250)
    assert not glob_matcher("**/a/" * 60 + "b")("a/" * 400 + "c")


pieces = st.sampled_from(
    [
        "a",
        "b",
        "ab",
        ".",
        "[ab]",
        "[^a]",
        r"\w",
        r"\s",
        r"\S",
        r"\b",
        "^",
        "$",
        "a*",
        "b+",
        "(ab)?",
    ]
    + ["(a|b)", "(?:ab|c)", "é", "b{2}", r"\d", "(?=b)", "(?!a)", "(?<=a)", ".*", r"\.", "(?i:B)"]
)
patterns = st.lists(pieces, min_size=1, max_size=4).map("".join)
contents = st.text(alphabet="abc1 é.\n\r", max_size=60)


def found_lines(content, options):
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        *_, found = Search(options.query()).of_file(file.fileno(), 1_000)
    return [(number, text) for number, is_hit, text in found.lines if is_hit]


@given(pattern=patterns, content=contents, ignore_case=st.booleans())
@example(pattern=r"[^a]b", content="a\nb", ignore_case=False)
@example(pattern="\u017f", content="S", ignore_case=True)
@example(pattern="k", content="\u212a", ignore_case=True)
def test_a_search_finds_what_each_line_alone_gives(pattern, content, ignore_case):
    """Every short cut of the search must find the lines that a slow one finds."""
    expression = re.compile(pattern, re.IGNORECASE if ignore_case else 0)
    text = content.replace("\r\n", "\n").removesuffix("\n").removesuffix("\r")
    expected = [
        (number, line.removesuffix("\r"))
        for number, line in enumerate(text.split("\n") if content else [], start=1)
        if expression.search(line)
    ]

    options = SearchOptions(pattern=pattern, ignore_case=ignore_case)
    assert found_lines(content.encode(), options) == expected


rules = st.lists(
    st.builds(
        lambda mark, name, end: f"{mark}{name}{end}",
        st.sampled_from(["", "", "!", "/"]),
        st.sampled_from(["a", "b", "*.o", "a/b", "**/b", "a/**", "a/*", "[ab]", "?", "c/", "*"]),
        st.sampled_from(["", "", "/"]),
    ),
    max_size=4,
)
trees = st.sets(
    st.sampled_from(["a", "b/a", "c/a", "c/x.o", "x.o", "a/b/c", "a/c", "b/c/a", "d/b", "d/e/b"]),
    min_size=1,
)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(top=rules, inner=rules, tree=trees)
@example(top=["*/"], inner=[], tree={"b/a"})
@example(top=["?", "!?/"], inner=[], tree={"c/x.o", "a"})
@example(top=["a/**", "!a/b/"], inner=[], tree={"a/b/c", "a/c"})
@example(top=["*.o", "!/x.o"], inner=["!*.o"], tree={"c/x.o", "x.o", "b/a"})
def test_ignore_files_mean_what_git_says(top, inner, tree, make_context):
    """People write these files for git, and expect a search to skip the same."""
    tree = {path for path in tree if not any(other.startswith(f"{path}/") for other in tree)}
    with directory() as place:
        plant(place, dict.fromkeys(tree, "x"))
        (place / ".gitignore").write_text("\n".join(top))
        if (place / "b").is_dir():
            (place / "b/.gitignore").write_text("\n".join(inner))
        git = ["git", "-c", "core.excludesFile=", "-C", str(place)]
        subprocess.run([*git, "init", "-q"], check=True, capture_output=True)
        listed = subprocess.run(
            [*git, "ls-files", "--others", "--exclude-standard"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        glob = by_name(file_tools(place, profile="split"))["glob"]
        told = glob(make_context(), pattern="**").split("\n")

    found = [line for line in told if not line.startswith(("[", "("))]
    assert found == sorted(name for name in listed if not name.endswith(".gitignore"))

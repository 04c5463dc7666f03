"""Roots of a policy that somebody replaces while a runtime is open, or before it is opened."""

import shutil

import pytest

from mentra_actors.domain.agent.profile import AgentProfile, Workspace
from mentra_actors.effects.calls.workplaces import Workplaces
from mentra_actors.ids import AgentId, TeamId
from mentra_actors.tools.file_tools.place import FilePlace
from mentra_actors.tools.policy import RuntimePolicy
from mentra_actors.tools.tool_errors import PolicyDenied

pytestmark = pytest.mark.anyio


@pytest.fixture
def ws(tmp_path):
    """Where agents work, beside what is nobody's business."""
    for name in ("ws", "outside"):
        (tmp_path / name).mkdir()
    return tmp_path / "ws"


def profile(base_dir=""):
    workspace = Workspace(base_dir=str(base_dir))
    return AgentProfile(
        agent_id=AgentId("a"),
        name="a",
        role="",
        team_id=TeamId("t"),
        model="m",
        workspace=workspace,
    )


def opened(base_dir, **policy):
    """The workplaces of a runtime that is opened now."""
    policy = {"allow_shell": True, "write_roots": ("build",), **policy}
    return Workplaces(policy=RuntimePolicy(base_dir=base_dir, **policy))


async def refused(workplace):
    """Whether neither commands nor file tools get anything."""
    with pytest.raises(PolicyDenied):
        await workplace.permitted("true")
    with pytest.raises(PolicyDenied):
        FilePlace.of_workplace(workplace)
    return True


@pytest.mark.parametrize("roots", [("build",), ["build"]], ids=["tuple", "list"])
async def test_a_root_that_is_missing_is_made_and_no_link_takes_its_place(ws, roots):
    """`ln -s / build` would otherwise open all files at the next call."""
    places = opened(ws, write_roots=roots)
    assert (await places.of(profile()).permitted("true")).request.writable == (
        str(ws),
        str(ws / "build"),
    )
    (ws / "build").rmdir()
    (ws / "build").symlink_to("/")

    assert await refused(places.of(profile()))


async def test_a_root_that_cannot_be_made_yet_is_not_shown_until_it_is_a_real_directory(ws):
    places = opened(ws, write_roots=("deep/build",), base_dir_access="read")
    before = (await places.of(profile()).permitted("true")).request
    (ws / "deep/build").mkdir(parents=True)
    after = (await places.of(profile()).permitted("true")).request

    assert (before.writable, after.writable) == ((), (str(ws / "deep/build"),))


async def test_a_root_that_was_missing_and_is_reached_through_a_link_now_is_refused(ws):
    places = opened(ws, write_roots=(), read_roots=("deep/docs",))
    (ws / "deep").symlink_to(ws.parent / "outside")

    assert await refused(places.of(profile()))


async def test_another_directory_under_the_name_of_a_root_is_refused(ws):
    places = opened(ws)
    (ws / "build").rename(ws / "old")
    (ws / "build").mkdir()

    assert await refused(places.of(profile()))


async def test_a_link_that_tools_could_have_made_is_refused_by_a_runtime_that_is_opened_later(ws):
    """What a root was at first a new process cannot know."""
    (ws / "build").symlink_to(ws.parent / "outside")

    assert await refused(opened(ws).of(profile()))


async def test_a_root_that_is_reached_through_a_link_out_of_reach_is_taken(ws):
    (ws.parent / "alias").symlink_to("outside")
    workplace = opened(ws, write_roots=(ws.parent / "alias",)).of(profile())
    request = (await workplace.permitted("true")).request

    assert str(ws.parent / "outside") in request.writable


@pytest.mark.parametrize("is_known", [True, False], ids=["it has worked", "it begins later"])
async def test_a_base_directory_below_that_of_another_agent_is_not_replaced(ws, is_known):
    """`mv b b2; ln -s / b` by the one would open all files to the other."""
    places = opened(ws, write_roots=())
    (ws / "b").mkdir()
    if is_known:
        await places.of(profile(ws / "b")).permitted("true")
    (ws / "b").rename(ws / "b2")
    (ws / "b").symlink_to("/")

    assert await refused(places.of(profile(ws / "b")))
    assert await refused(places.at(str(ws / "b")))
    assert (await places.of(profile()).permitted("true")).request.cwd == str(ws)


async def test_no_command_can_move_the_base_directory_of_another_agent(ws):
    places = opened(ws, write_roots=())
    (ws / "b").mkdir()
    await places.of(profile(ws / "b")).permitted("true")

    assert str(ws / "b") in (await places.of(profile()).permitted("true")).request.held


async def test_what_was_denied_stays_denied_under_another_name(ws):
    (ws / ".git").mkdir()
    places = opened(ws, write_roots=(), denied_write_roots=(".git",))
    (ws / ".git").rename(ws / "moved")
    place = FilePlace.of_workplace(places.of(profile()))
    located = place.for_writing("moved/config")

    with pytest.raises(PolicyDenied, match="denied write root"), place.parent(located):
        pass


async def test_a_policy_that_opens_everything_takes_links_as_they_are(ws):
    (ws / "build").symlink_to(ws.parent / "outside")
    request = (
        await opened(ws, base_dir_access="read", write_roots=("/", "build"))
        .of(profile())
        .permitted("true")
    )

    assert set(request.request.writable) == {"/", str(ws.parent / "outside")}


async def test_a_root_that_is_gone_is_refused(ws):
    places = opened(ws)
    shutil.rmtree(ws / "build")

    assert await refused(places.of(profile()))

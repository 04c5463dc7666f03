"""What the builtin tools declare of themselves is what they do."""

import pytest

from mentra_actors import ToolResultPaging, call, tool
from mentra_actors.domain.content import AssistantMessage
from mentra_actors.tools.policy import RuntimePolicy
from mentra_actors.tools.traits import ToolTraits

pytestmark = pytest.mark.anyio

LOOKS = {
    "team_list": {},
    "task_list": {},
    "task_get": {"taskId": 1},
    "read_tool_result": {"tool_use_id": "tool-1.1", "start_line": 1},
}
"""Builtin tools that change nothing, with arguments of a call that works."""


@tool(side_effects="none")
def long_text() -> str:
    """Long."""
    return "a line\n" * 1_000


async def test_every_builtin_says_what_it_can_do(played):
    """One that declares nothing would be hidden where it could help, and asked about for ever."""
    async with played(["Done."], policy=RuntimePolicy.permissive()) as team:
        builtin = dict(team.runtime.tools)

    for name, one in builtin.items():
        assert one.traits != ToolTraits(), name
        assert one.traits.capabilities, name
        assert one.traits.side_effects != "external", name
        assert one.spec.strict is None, name
        if one.traits.changes_nothing:
            assert one.traits.approval == "read_only" or name not in LOOKS, name
            assert one.retry == "safe", name


async def test_builtins_that_only_look_are_given_no_more_and_need_no_more(played):
    """Under their declaration they run beside each other, and each of them works."""
    first = [call("task_create", subject="Look"), call("long_text")]
    second = [call(name, **arguments) for name, arguments in LOOKS.items()]

    def play(request):
        played_so_far = sum(isinstance(one, AssistantMessage) for one in request.messages)
        return [first, second, "Done."][played_so_far]

    async with played(play, long_text) as team:
        paging = ToolResultPaging(threshold_bytes=1_000, page_bytes=1_000)
        agent = await team.spawn(paging=paging)
        await agent.send("Look")
        declared = {name: team.runtime.tools[name].traits.side_effects for name in LOOKS}

    assert set(declared.values()) == {"none"}
    assert [is_error for _, is_error in team.results()] == [False] * len(LOOKS)


async def test_under_a_read_only_policy_the_builtins_that_look_are_left(played, tmp_path):
    policy = RuntimePolicy.read_only(tmp_path)
    async with played(["Done."], policy=policy) as team:
        agent = await team.spawn(paging=ToolResultPaging())
        await agent.send("Hello")
        offered = [spec.name for spec in team.requests[0].tools]
        changing = [
            name for name, one in team.runtime.tools.items() if not one.traits.changes_nothing
        ]

    assert set(LOOKS) <= set(offered)
    assert not set(changing) & set(offered)
    assert {"team_spawn", "team_send", "task_create", "task_claim", "task"} <= set(changing)


async def test_the_builtins_for_teams_and_memory_can_be_left_out(played):
    """A team of one has no use for them, and they cost tokens."""
    async with (
        played(["Done."]) as team,
        played(["Done."], team_tools=False, memory_tools=False) as alone,
    ):
        for one in (team, alone):
            await (await one.spawn()).send("Hello")

    names = [{spec.name for spec in one.requests[0].tools} for one in (team, alone)]
    assert {"task", "team_spawn", "task_create"} <= names[0]
    assert names[1] == set()

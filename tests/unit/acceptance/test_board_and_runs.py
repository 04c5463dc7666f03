"""What runs of agents and the task board of their team have to do with each other."""

import json

import pytest

from mentra_actors import call
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.compaction import SUMMARY_SYSTEM
from mentra_actors.domain.content import UserMessage
from mentra_actors.errors import ProviderError, RunFailed
from mentra_actors.providers.scripted import position

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["rollback", "suspend"])
def on_failure(request):
    return request.param


async def test_a_run_that_is_taken_back_leaves_the_board_as_it_was(played, on_failure):
    """TB7; what others did meanwhile stays, and so does all of a run that may go on."""
    failures = [ProviderError("no", kind="bad_request", transient=False)]

    def script(request):
        turns = [
            [call("task_create", subject="Build")],
            "Made.",
            [call("task_create", subject="Ship")],
        ]
        place = position(request)
        return turns[place] if place < 3 else failures.pop() if failures else "Done."

    async with played(script) as team:
        agent = await team.spawn()
        await agent.send("Go")
        with pytest.raises(RunFailed):
            await agent.send("Go on", on_failure=on_failure)
        await team.runtime.until_idle()
        board = await team.runtime.board()
        undone = team.events(e.BoardCompensated)

        left = ["Build", "Ship"] if on_failure == "suspend" else ["Build"]
        assert [task.subject for task in board.tasks.values()] == left
        assert [(one.run_id, one.reverted, one.conflicts, one.problem) for one in undone] == (
            [] if on_failure == "suspend" else [("lead/run-2", 1, 0, "")]
        )


async def test_a_model_that_forgets_the_board_is_reminded_in_its_fourth_round(played):
    """TB7: what it was sent stands on the log, and not in its conversation."""
    turns = [
        [call("task_create", subject="Build")],
        *[[call("team_list")]] * 3,
        [call("task_update", taskId=1, status="in_progress")],
        "Done.",
    ]
    async with played(turns) as team:
        agent = await team.spawn()
        await agent.send("Go")
        reminders = [one.reminder for one in team.events(e.ModelReplied)]
        last = [request.messages[-1] for request in team.requests]
        said = await agent.conversation.history()

        assert [bool(one) for one in reminders] == [False] * 4 + [True, False]
        assert "#1 (pending): Build" in reminders[4]
        assert [isinstance(one, UserMessage) for one in last] == [True] + [False] * 3 + [
            True,
            False,
        ]
        assert last[4].text == reminders[4]
        assert sum(isinstance(one, UserMessage) for one in said) == 1


async def test_a_new_agent_finds_the_board_as_it_is_and_a_compaction_leaves_it(played):
    """TB7: the board is nobody's conversation."""

    def script(request):
        if request.system == SUMMARY_SYSTEM:
            return '{"goal": "build", "progress": "planned"}'
        if request.model == "other":
            return [[call("task_list")], "Seen."][position(request)]
        turns = [[call("task_create", subject="Build")], "Made.", "Yes."]
        return turns[position(request)] if position(request) < 3 else "Ok."

    async with played(script) as team:
        lead = await team.spawn()
        await lead.send("Go")
        await lead.send("Sure?")
        await lead.conversation.compact()
        await team.runtime.until_idle()
        other = await team.runtime.spawn("other", model="scripted:other")
        await other.send("List")
        (listed,) = [
            one.content for one in team.events(e.ToolCallFinished, stream_id="agent-other")
        ]

        assert len(team.events(e.ConversationCompacted)) == 1
        assert [one["subject"] for one in json.loads(listed)["tasks"]] == ["Build"]
        assert [task.subject for task in await lead.board.list()] == ["Build"]

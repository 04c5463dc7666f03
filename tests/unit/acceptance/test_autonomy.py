"""Teammates that claim tasks by themselves, in a runtime."""

import anyio
import pytest

from mentra_actors import call
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.profile import Autonomy
from mentra_actors.domain.board.commands import CreateTask, SetTaskStatus
from mentra_actors.domain.board.events import TaskClaimed
from mentra_actors.domain.compaction import SUMMARY_SYSTEM
from mentra_actors.domain.content import UserMessage
from mentra_actors.ids import board_stream
from mentra_actors.runtime.awaiting import wait_for
from mentra_actors.testing.manual_clock import ManualClock

pytestmark = pytest.mark.anyio

AUTONOMY = Autonomy(enabled=True, idle_timeout_s=60.0)


def script(*names):
    """A lead that makes these teammates; they answer whatever they are told."""

    def turns(request):
        said = sum(not isinstance(one, UserMessage) for one in request.messages)
        if "teammate" in request.system:
            return "Understood."
        return (
            [call("team_spawn", name=name, role="helper") for name in names] if not said else "Ok."
        )

    return turns


class Board:
    def __init__(self, team):
        self._team, self._count = team, 0

    async def ask(self, kind, **fields):
        self._count += 1
        command = kind(command_id=f"test-{self._count}", now=1.0, **fields)
        core = self._team.runtime._operations.core
        return (await wait_for(core.ask(board_stream("main"), command))).state

    async def create(self, subject, **fields):
        await self.ask(CreateTask, subject=subject, created_by="test", **fields)

    async def complete(self, task_id):
        for status in ("in_progress", "completed"):
            await self.ask(
                SetTaskStatus,
                task_id=task_id,
                status=status,
                changed_by="test",
                may_change_any=True,
            )

    def claims(self):
        return [(one.task_id, one.owner) for one in self._team.events(TaskClaimed)]


def told(team, name):
    """What an agent was told last."""
    return [r for r in team.requests if f"teammate '{name}'" in r.system][-1].messages[-1].text


async def test_a_teammate_claims_what_is_ready_one_task_after_the_other(played):
    """TM7: from its birth on; a task that waits for another when that is done."""
    async with played(script("ann")) as team:
        board = Board(team)
        await board.create("Build", description="All of it")
        await board.create("Ship", blocked_by=(1,))
        lead = await team.spawn(autonomy=AUTONOMY)
        await lead.send("Make a team")
        await team.until(e.RunFinished, stream_id="agent-ann")
        first = told(team, "ann")
        await team.runtime.until_idle()
        between = board.claims()
        await board.complete(1)
        await team.until(e.RunFinished, stream_id="agent-ann", count=2)

        assert first == (
            "<auto-claimed>Task #1: Build\nDescription: All of it</auto-claimed>\n"
            "<reminder>Update your task status. Mark it in_progress when you start and completed "
            "when you finish.</reminder>"
        )
        assert between == [(1, "ann")]
        assert board.claims() == [(1, "ann"), (2, "ann")]
        assert [m.kind for one in team.events(e.MailTaken) for m in one.mail] == ["task", "task"]


async def test_of_several_each_gets_a_task_and_until_idle_waits_for_all_that_is_ready(played):
    """TM7: never two for one task; who may claim what is ready is not idle."""
    async with played(script("ann", "bob", "cid")) as team:
        board = Board(team)
        await (await team.spawn(autonomy=AUTONOMY)).send("Make a team")
        await team.runtime.until_idle()
        assert board.claims() == []
        for number in range(5):
            await board.create(f"Part {number}")
        await team.runtime.until_idle()

        assert sorted(board.claims()) == sorted(
            zip((1, 2, 3), (owner for _, owner in board.claims()), strict=True)
        )
        assert {owner for _, owner in board.claims()} == {"ann", "bob", "cid"}
        started = team.events(e.RunStarted)
        assert len(started) == 4


async def test_one_that_finds_nothing_stops_after_its_time(played):
    """TM7; a letter gives it all of its time again."""
    clock = ManualClock()
    async with played(script("ann"), clock=clock) as team:
        await (await team.spawn(autonomy=AUTONOMY)).send("Make a team")
        await team.runtime.until_idle()
        ann = await team.runtime.agent("ann")
        begun = clock.now()
        await anyio.to_thread.run_sync(clock.wait_for_sleeper, begun + 60.0)
        clock.advance(59.0)
        await ann.mail("Wait a little")
        await team.until(e.RunFinished, stream_id="agent-ann")
        await anyio.to_thread.run_sync(clock.wait_for_sleeper, begun + 119.0)
        clock.advance(59.0)
        alive = (await ann.snapshot()).status
        clock.advance(1.0)
        await team.until(e.AgentStopped, stream_id="agent-ann")
        (stopped,) = team.events(e.AgentStopped)

        assert alive == "idle"
        assert stopped.reason == "idle for 60 s"
        await team.runtime.until_idle()
        again = await team.runtime.spawn("ann", model="scripted:model", role="helper")
        assert again.agent_id == "ann:2"
        assert (await again.send("Hello")).text


async def test_a_restart_wakes_those_that_look_for_tasks(played, tmp_path):
    """Nobody else would: what they wait for may be on the board already."""
    path = tmp_path / "store"
    async with played(script("ann"), path=path) as team:
        await (await team.spawn(autonomy=AUTONOMY)).send("Make a team")
        await team.runtime.until_idle()
    async with played(script("ann"), path=path) as team:
        assert team.runtime.resumed == ("agent-ann",)
        board = Board(team)
        await board.create("Build")
        await team.runtime.until_idle()

        assert board.claims() == [(1, "ann")]
        assert told(team, "ann").startswith("<auto-claimed>Task #1: Build")
        assert not team.events(e.AgentRecovered)


async def test_a_teammate_knows_who_it_is_after_its_conversation_was_shortened(played):
    """TM8: it stands in the system prompt, which no summary takes the place of."""

    def turns(request):
        if request.system == SUMMARY_SYSTEM:
            return '{"goal": "wait", "progress": "waited"}'
        return script("ann")(request)

    async with played(turns) as team:
        await (await team.spawn()).send("Make a team")
        ann = await team.runtime.agent("ann")
        for words in ("One", "Two"):
            await ann.mail(words)
            await team.runtime.until_idle()
        await ann.conversation.compact()
        await team.runtime.until_idle()
        await ann.mail("Who are you?")
        await team.runtime.until_idle()
        last = team.requests[-1]

        assert len(team.events(e.ConversationCompacted)) == 1
        assert "You are teammate 'ann' with role 'helper' on a team led by 'lead'" in last.system

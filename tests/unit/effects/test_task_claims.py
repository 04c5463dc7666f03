"""Claims of autonomous teammates when others are faster, or the store takes nothing."""

import anyio
import msgspec
import pytest

from mentra_actors.domain.agent.commands import RecordIdleTimeout
from mentra_actors.domain.agent.effects import ClaimReadyTask
from mentra_actors.domain.agent.events import AgentProfile
from mentra_actors.domain.agent.profile import Autonomy
from mentra_actors.domain.board.commands import ClaimTask
from mentra_actors.domain.board.state import BoardState, Task
from mentra_actors.domain.team.state import Member, RenameOnBoard, TeamState
from mentra_actors.effects.models.live import LiveFeed
from mentra_actors.effects.runner import Order
from mentra_actors.effects.team.task_claims import TaskClaims
from mentra_actors.errors import CommandRejected, StoreFull
from mentra_actors.testing.manual_clock import ManualClock

pytestmark = pytest.mark.anyio

READY = BoardState(tasks={1: Task(task_id=1, subject="Build")})
OWN = BoardState(
    tasks={
        1: Task(task_id=1, subject="Build"),
        2: Task(task_id=2, subject="Plan", owner="ann", status="in_progress"),
    }
)


def team_with(name, **changes):
    member = Member(agent_id="ann-1", role="r", joined_by="1", **changes)
    return TeamState(members={name: member}, names={"ann-1": name})


TEAM = team_with("ann")


class ScriptedBoard:
    """Shows these boards one after the other, and answers claims in turn."""

    def __init__(self, clock, boards, answers=(), team=TEAM):
        self.team = team
        self.clock, self.boards, self.answers = clock, list(boards), list(answers)
        self.claims, self.feed = [], LiveFeed(lambda _notice: ("board-main",))

    async def look(self, stream_id):
        if stream_id == "team-main":
            return self.team
        assert stream_id == "board-main"
        return self.boards.pop(0) if len(self.boards) > 1 else self.boards[0]

    async def ask(self, stream_id, command):
        self.claims.append(command)
        answer = self.answers.pop(0) if self.answers else None
        self.feed.publish(())  # what made it so was recorded while it was being asked
        if answer is not None:
            raise answer
        return READY


async def performed(board, *, until_late=False):
    profile = AgentProfile(
        agent_id="ann-1",
        name="ann",
        team_id="main",
        role="r",
        model="scripted:m",
        lead="boss",
        autonomy=Autonomy(enabled=True, idle_timeout_s=60.0),
    )
    effect = ClaimReadyTask(effect_id="claim-4", profile=profile)
    claims = TaskClaims(board, board.clock, board.feed, lambda call: call())
    outcomes = []

    async def perform():
        outcomes.append(await claims(Order("agent-ann-1", "claim-4", effect, None)))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(perform)
            if until_late:
                begun = board.clock.now()
                await anyio.to_thread.run_sync(board.clock.wait_for_sleeper, begun + 60.0)
                board.clock.advance(60.0)
    return outcomes[0]


async def test_a_claim_has_the_id_of_its_effect_and_names_who_is_to_be_told():
    board = ScriptedBoard(ManualClock(), [READY])

    assert await performed(board) is None
    assert board.claims == [
        ClaimTask(
            command_id="agent-ann-1/claim-4",
            claimant="ann",
            notify="ann-1",
            agent_id="ann-1",
            now=board.clock.now(),
        )
    ]


@pytest.mark.parametrize(
    "refusal", [CommandRejected("No ready unowned tasks"), StoreFull("no space left")]
)
async def test_a_claim_that_fails_is_tried_again_when_something_changes(refusal):
    """Under the same id: should the first one have counted, the second one does not."""
    board = ScriptedBoard(ManualClock(), [READY], [refusal])

    assert await performed(board) is None
    assert [one.command_id for one in board.claims] == ["agent-ann-1/claim-4"] * 2


@pytest.mark.parametrize("state", [BoardState(), OWN], ids=["nothing", "one of its own"])
async def test_when_there_is_nothing_to_claim_its_time_passes(state):
    board = ScriptedBoard(ManualClock(), [state])
    outcome = await performed(board, until_late=True)

    assert outcome == RecordIdleTimeout(effect_id="claim-4", now=board.clock.now())
    assert board.claims == []


async def test_one_that_was_renamed_claims_under_the_name_that_its_team_knows():
    board = ScriptedBoard(ManualClock(), [READY], team=team_with("anna"))

    assert await performed(board) is None
    assert [one.claimant for one in board.claims] == ["anna"]


@pytest.mark.parametrize(
    "team",
    [TeamState(), team_with("ann", stopping="now"), team_with("ann", stopping="when_done")],
    ids=["has left", "is to stop now", "is to stop when nothing waits"],
)
async def test_one_that_has_left_or_is_to_stop_claims_nothing(team):
    board = ScriptedBoard(ManualClock(), [READY], team=team)
    await performed(board, until_late=True)

    assert board.claims == []


@pytest.mark.parametrize("is_told", [False, True])
async def test_a_task_that_it_owns_under_another_name_is_one_of_its_own(is_told):
    """The team renames first; until the board is told its task stands under the older name."""
    owner = "ann" if not is_told else "anna"
    tasks = {1: Task(task_id=1, subject="Build"), 2: Task(task_id=2, subject="Plan", owner=owner)}
    rename = RenameOnBoard(command_id="1", old="ann", new="anna", agent_id="ann-1")
    team = msgspec.structs.replace(team_with("anna"), board_work=(rename,))
    if is_told:  # after this look at the team
        team = TEAM
    seen = BoardState(tasks=tasks, names={"ann-1": "anna"} if is_told else {})
    board = ScriptedBoard(ManualClock(), [seen], team=team)
    await performed(board, until_late=True)

    assert board.claims == []

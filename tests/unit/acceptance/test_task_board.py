"""The board by its tools and by the objects of a program: what each may do and is told."""

import json

import pytest

from mentra_actors import CommandRejected, call, open_runtime_sync
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.board.events import ClaimReleased, TaskCreated
from mentra_actors.providers.scripted import ScriptedModel, position
from mentra_actors.testing.manual_clock import ManualClock

pytestmark = pytest.mark.anyio


def of_two(lead, bob):
    """Turns of a lead that gets bob as a teammate, and of bob."""

    def turn(request):
        turns = bob if "teammate 'bob'" in request.system else lead
        at = position(request)
        return turns[at] if at < len(turns) else "Done."

    return turn


SPAWN = call("team_spawn", name="bob", role="helper", prompt="Work.")


async def told_to(played, calls, *, lead=()):
    """What bob is told of his calls, after the lead has made its own and spawned him."""
    async with played(of_two([[*lead, SPAWN], "Done."], [calls, "Done."])) as team:
        agent = await team.spawn()
        await agent.send("Go")
        await team.runtime.until_idle()
        ends = team.events(e.ToolCallFinished, stream_id="agent-bob")
        board = await team.runtime.board()
    return [one.content for one in ends], board


MAKE = (
    call("task_create", subject="a", owner="bob", priority=3),
    call("task_create", subject="b", blockedBy=[1]),
    call("task_create", subject="c"),
)


async def test_a_teammate_works_on_its_own_tasks(played):
    """TB5: and says how it went; what it frees it is told."""
    done = call("task_update", taskId=1, status="completed", result="All well.", addBlockedBy=[])
    answers, board = await told_to(
        played,
        [call("task_claim"), done, call("task_comment", taskId=2, text="Mine next?")],
        lead=MAKE,
    )

    claimed, updated, commented = map(json.loads, answers)
    assert (claimed["id"], claimed["owner"]) == (3, "bob")
    assert (updated["unblocked"], updated["reblocked"]) == ([2], [])
    assert updated["task"] == {
        "id": 1,
        "subject": "a",
        "description": "",
        "status": "completed",
        "owner": "bob",
        "blockedBy": [],
        "blocks": [2],
        "priority": 3,
        "result": "All well.",
    }
    assert [one["text"] for one in commented["comments"]] == ["Mine next?"]
    assert board.tasks[1].result == "All well."


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        (
            call("task_update", taskId=2, status="in_progress"),
            "Failed to update the task: Teammate 'bob' cannot update task 2 owned by ''",
        ),
        (
            call("task_update", taskId=1, addBlocks=[2]),
            "Failed to update the task: Teammate 'bob' cannot edit dependencies for task 2",
        ),
        (
            call("task_update", taskId=1, owner="eve"),
            "Failed to update the task: Teammate 'bob' cannot reassign task 1 to 'eve'",
        ),
        (
            call("task_release", taskId=2),
            "Failed to release the task: Teammate 'bob' cannot update task 2 owned by ''",
        ),
        (
            call("task_delete", taskId=1),
            "Failed to delete the task: Teammate 'bob' cannot delete task 1",
        ),
        (
            call("task_claim", taskId=1),
            "Failed to claim a task: Task 1 is already owned by 'bob'",
        ),
    ],
    ids=lambda value: value.name if hasattr(value, "name") else "",
)
async def test_a_teammate_is_told_what_it_may_not_do(played, wish, told):
    """TB5: nothing of such a call is done."""
    answers, board = await told_to(played, [wish], lead=MAKE)

    assert answers == [told]
    assert len(board.recent) == 3


async def test_a_subagent_of_a_teammate_has_no_more_rights(played):
    """TB5: else a teammate would only have to ask somebody."""

    def turn(request):
        if "bob::" in request.system or "bob." in request.system:
            return "Done."
        return of_two([[*MAKE, SPAWN], "Done."], [[call("task", prompt="sub")], "Done."])(request)

    def scripted(request):
        if any(getattr(one, "text", "") == "sub" for one in request.messages):
            wishes = [
                call("task_update", taskId=3, status="completed"),
                call("task_update", taskId=3, addBlockedBy=[1]),
                call("task_claim"),
            ]
            return [wishes, "Done."][position(request)]
        return turn(request)

    async with played(scripted) as team:
        agent = await team.spawn()
        await agent.send("Go")
        await team.runtime.until_idle()
        ends = [
            one.event.content
            for one in team.recorded
            if isinstance(one.event, e.ToolCallFinished) and "bob." in one.stream_id
        ]

    assert len(ends) == 3
    assert "cannot update task 3 owned by ''" in ends[0]
    assert "cannot update task 3" in ends[1]
    assert ends[2] == "Only named teammates can claim tasks"


async def test_a_lead_gives_tasks_and_claims_none(played):
    """Who leads says who does what; a claim is for those who look for work."""
    calls = [
        call("task_create", subject="a", workingDirectory="src"),
        call("task_claim"),
        call("task_update", taskId=1, owner="bob", workingDirectory=None, status="in_progress"),
        call("task_release", taskId=1),
        call("task_delete", taskId=1),
        call("task_get", taskId=1),
        call("task_create", subject="x", colour="red"),
    ]
    async with played([calls, "Done."]) as team:
        await (await team.spawn()).send("Go")
        told = team.results()

    assert told[1] == ("Only named teammates can claim tasks", True)
    moved = json.loads(told[2][0])["task"]
    assert (moved["owner"], "workingDirectory" in moved) == ("bob", False)
    assert json.loads(told[3][0])["status"] == "pending"
    assert json.loads(told[4][0]) == {"deleted": 1, "unblocked": []}
    assert told[5] == ("Task 1 does not exist", True)
    assert told[6][1]
    assert "colour" in told[6][0]


async def test_a_list_has_the_urgent_tasks_first(played):
    calls = [call("task_create", subject=str(one), priority=one) for one in (0, 2, 1)]
    async with played([calls, [call("task_list")], "Done."]) as team:
        await (await team.spawn()).send("Go")
        ((text, _),) = team.results()

    assert json.loads(text)["ready"] == [2, 3, 1]


@pytest.mark.parametrize(
    "look",
    [
        call("task_list"),
        call("task_get", taskId=1),
        call("task_claim"),
        call("task_update", taskId=1, priority=2),
        call("team_list"),
    ],
)
async def test_words_of_any_language_are_told_as_they_are(played, look):
    """A letter as six characters of JSON would cost six times its tokens."""
    words = "Хлеб 🍞"
    task = call("task_create", subject=words, owner="" if look.name == "task_claim" else "bob")
    role = call("team_spawn", name="bob", role=words, prompt="Work.")
    async with played(of_two([[task, role], "Done."], [[look], "Done."])) as team:
        agent = await team.spawn()
        await agent.send("Go")
        await team.runtime.until_idle()
        (told,) = team.events(e.ToolCallFinished, stream_id="agent-bob")

    assert words in told.content
    assert "\\u" not in told.content


async def test_a_change_says_which_run_has_made_it(played):
    """Else nobody could take back what a run that fails has done."""
    async with played([[call("task_create", subject="a")], "Done."]) as team:
        await (await team.spawn()).send("Go")
        (created,) = team.events(TaskCreated)
        (started,) = team.events(e.RunStarted)

    assert created.run == started.run_id


# --- the objects of a program -----------------------------------------------------------------


async def test_a_program_does_on_the_board_what_a_lead_may(played):
    """TB6: every operation, typed."""
    async with played(["Done."]) as team:
        board = team.runtime.board
        first = await board.create("Count", description="all", priority=1, working_directory="src")
        second = await board.create("Sum", blocked_by=[first.task_id], owner="ann")
        await board.add_dependency(first.task_id, (third := await board.create("x")).task_id)
        freed = await board.remove_dependency(first.task_id, third.task_id)
        update = await board.update(1, result="3", owner="ann", status="in_progress")
        back = await board.release(1)
        given = await board.assign(1, "bob")
        said = await board.comment(1, "Well done.")
        done = await board.update(1, status="completed")
        claimed = await board.claim(owner="eve", ttl_s=60)
        gone = await board.delete(third.task_id)
        tasks, groups, one = await board.list(), await board.groups(), await board.get(1)

    assert (second.blocked_by, freed.unblocked, update.task.owner) == ((1,), (1,), "ann")
    assert (back.status, given.owner, said.comments[0].author) == ("pending", "bob", "host")
    assert (done.unblocked, claimed.task_id, claimed.owner, gone) == ((2,), 3, "eve", ())
    assert [task.task_id for task in tasks] == [1, 2]
    assert [task.task_id for task in groups.claimed] == [2]
    assert (one, one.status) == (tasks[0], "completed")


async def test_a_program_orders_tasks_from_either_end_and_takes_a_directory_away(played):
    """An empty directory is a wish of its own: what is left out stays."""
    async with played(["Done."]) as team:
        board = team.runtime.board
        first = await board.create("Count", working_directory="src")
        second = await board.create("Sum", blocked_by=[1])
        await board.create("Show")
        kept = await board.update(1, add_blocks=[3])
        cleared = await board.update(1, working_directory="")
        third = await board.get(3)

    assert (first.task_id, second.task_id, third.task_id) == (1, 2, 3)
    assert (second.blocked_by, third.blocked_by) == ((1,), (1,))
    directories = [one.working_directory for one in (first, kept.task, cleared.task)]
    assert directories == ["src", "src", ""]


async def test_the_program_says_for_whom_it_claims(played):
    """TB6: a claim for nobody would be nobody's work."""
    async with played(["Done."]) as team:
        await team.runtime.board.create("Count")
        with pytest.raises(CommandRejected, match=r"Task claimant must not be empty.*owner="):
            await team.runtime.board.claim()
        with pytest.raises(ValueError, match="'done'; a task is pending, in_progress, completed"):
            await team.runtime.board.update(1, status="done")
        with pytest.raises(TypeError, match="no field 'colour'; there are subject, description"):
            await team.runtime.board.update(1, colour="red")
        with pytest.raises(CommandRejected, match="Task 9 does not exist"):
            await team.runtime.board.get(9)
        with pytest.raises(TypeError, match="colour"):
            await team.runtime.board.create("x", colour="red")
        with pytest.raises(TypeError, match="the board"):
            await team.runtime.board.create(3)


async def test_the_board_of_a_teammate_has_the_rights_of_a_teammate(played):
    """TB6: whoever acts for it in a program is bound as its model is."""
    async with played(of_two([SPAWN, "Done."], ["Done."])) as team:
        lead = await team.spawn()
        await lead.send("Go")
        bob = await team.runtime.agent("bob")
        await lead.board.create("Count")
        await lead.board.create("Sum")
        mine = await bob.board.claim(1)
        for refused, words in (
            (bob.board.claim(2, owner="lead"), "Teammate 'bob' cannot claim a task for 'lead'"),
            (bob.board.update(2, status="completed"), "cannot update task 2 owned by ''"),
            (bob.board.add_dependency(1, 2), "cannot edit dependencies for task 1"),
            (bob.board.assign(1, "lead"), "cannot reassign task 1 to 'lead'"),
            (bob.board.delete(1), "cannot delete task 1"),
            (lead.board.claim(2), "Task claimant must not be empty"),
        ):
            with pytest.raises(CommandRejected, match=words):
                await refused
        done = await bob.board.update(1, status="completed", result="3")

    assert (mine.owner, mine.created_by) == ("bob", "lead")
    assert done.task.result == "3"


async def test_a_claim_that_nobody_renews_ends_on_time(played):
    """Whoever holds it may have died; the task is for others then."""
    clock = ManualClock(1_000.0)
    async with played(["Done."], clock=clock) as team:
        board = team.runtime.board
        await board.create("Count")
        await board.claim(owner="ann", ttl_s=60)
        clock.advance(59)
        held = await board.get(1)
        clock.advance(2)
        await team.until(ClaimReleased)
        free = await board.get(1)

    assert (held.owner, held.expires_at, free.owner) == ("ann", 1_060.0, "")


def test_a_claim_ends_also_when_its_time_is_over_before_the_next_start(tmp_path):
    """The process that would have ended it is the one that has died."""
    clock, path = ManualClock(1_000.0), tmp_path / "team.mentra"
    options = {"providers": [ScriptedModel(["x"])], "clock": clock, "durability": "volatile"}
    with open_runtime_sync(path, **options) as runtime:
        runtime.board.create("Count")
        runtime.board.claim(owner="ann", ttl_s=60)
        runtime.until_idle(timeout_s=20)
    clock.advance(100)
    with open_runtime_sync(path, **options) as runtime:
        assert "board-main" in runtime.resumed
        while runtime.board.get(1).owner:
            pass  # the timer fires on another thread
        assert runtime.board.claim(owner="bob").task_id == 1


def test_both_faces_do_the_same(tmp_path):
    with open_runtime_sync(":memory:", providers=[ScriptedModel(["x"])]) as runtime:
        board = runtime.board
        board.create("a", priority=2)
        board.create("b", blocked_by=[1])
        board.add_dependency(1, board.create("c").task_id)
        assert board.remove_dependency(1, 3).unblocked == (1,)
        assert board.claim(owner="ann").task_id == 1
        assert board.release(1).owner == ""
        assert board.assign(1, "bob").owner == "bob"
        assert board.comment(1, "Go on.").comments[0].text == "Go on."
        assert board.update(1, status="completed").unblocked == (2,)
        assert board.delete(3) == ()
        assert [task.task_id for task in board.list()] == [1, 2] == sorted(board().tasks)
        assert [task.task_id for task in board.groups().ready] == [2]
        lead = runtime.spawn("lead", model="scripted:x")
        assert lead.board.get(1).status == "completed"

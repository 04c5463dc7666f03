"""Why something happened in a team, and what came of it."""

import pytest

from mentra_actors import CommandRejected, call
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.board.events import TaskCreated, TaskStatusChanged
from mentra_actors.domain.inbox import MailDelivered

pytestmark = pytest.mark.anyio

TURNS = {
    "lead": [
        [call("task_create", subject="Count"), call("team_send", to="bob", content="Count it.")],
        "Asked.",
        "Thanks.",
    ],
    "bob": [
        [call("task_update", taskId=1, status="in_progress")],
        [call("team_send", to="lead", content="It is 3.")],
        "Done.",
    ],
}


def positions(team, kind, stream_id=None):
    return [
        one.global_position
        for one in team._in_order()
        if isinstance(one.event, kind) and stream_id in (None, one.stream_id)
    ]


@pytest.fixture
async def counted(played):
    """A lead that has asked bob, who has answered."""
    async with played(TURNS) as team:
        lead = await team.spawn("lead")
        await team.spawn("bob")
        await lead.send("How many?")
        await team.runtime.until_idle()
        yield team


async def test_a_task_that_a_teammate_has_ended_goes_back_to_the_prompt_of_its_lead(counted):
    """Across two agents, a letter and the board, to what a person has asked."""
    (ended,) = positions(counted, TaskStatusChanged)
    chain = counted.runtime.history.why(ended)

    streams = [step.stream_id for step in chain.steps]
    assert list(dict.fromkeys(streams)) == ["board-main", "agent-bob", "inbox-bob", "agent-lead"]
    assert chain.steps[-1].global_position == positions(counted, e.PromptAccepted)[0]
    assert (chain.beginning, chain.command) == ("command", "AcceptPrompt")


async def test_of_two_calls_of_an_answer_each_goes_back_to_the_answer(counted):
    """The second one starts when the first has ended, but that is not why it was made."""
    (letter, _) = positions(counted, MailDelivered)
    (task,) = positions(counted, TaskCreated)
    chain = [step.global_position for step in counted.runtime.history.why(letter).steps]

    (first_call, second_call) = positions(counted, e.ToolCallStarted, "agent-lead")
    assert second_call in chain
    assert first_call not in chain
    assert task not in chain


async def test_all_that_came_of_a_letter_is_told_and_nothing_else(counted):
    """What the other agent does of it, its answer, and what the first one does of that."""
    (letter, answer) = positions(counted, MailDelivered)
    history = counted.runtime.history
    effects = history.effects_of(letter)

    found = {one.line.global_position for one in effects.effects}
    assert {*positions(counted, TaskStatusChanged), answer} <= found
    assert positions(counted, e.ModelReplied)[-1] in found
    assert not found & {*positions(counted, TaskCreated), *positions(counted, e.PromptAccepted)}
    assert not effects.is_cut
    assert history.effects_of(letter, limit=2).is_cut


async def test_what_a_schedule_began_goes_back_to_the_timer(played):
    """Nobody has said a word just then, and the walk says so."""
    async with played({"lead": ["Good morning."]}) as team:
        lead = await team.spawn("lead")
        await lead.schedules.add("Look around.", in_s=0.001)
        await team.until(e.ModelReplied)
        await team.runtime.until_idle()
        (reply,) = positions(team, e.ModelReplied)
        chain = team.runtime.history.why(reply)

    assert chain.beginning == "timer"
    assert chain.steps[-1].stream_id.startswith("schedule-")


@pytest.mark.parametrize("position", [-1, 0, 10_000])
async def test_a_position_that_is_not_there_is_refused(counted, position):
    """The message says which there are."""
    history = counted.runtime.history
    for ask in (history.why, history.effects_of):
        with pytest.raises(CommandRejected, match=f"positions 1 to [0-9]+; {position} is not"):
            ask(position)
    with pytest.raises(CommandRejected, match="at least 1"):
        history.effects_of(1, limit=0)

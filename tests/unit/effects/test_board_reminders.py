"""Reminders of the task board: what they say, and what a model is sent."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from model_bench import ScriptedBoard, model_services

from mentra_actors.domain.agent.effects import CallModel
from mentra_actors.domain.agent.events import AgentProfile
from mentra_actors.domain.board.state import BoardState, Task
from mentra_actors.domain.content import UserMessage
from mentra_actors.domain.transcript import Transcript
from mentra_actors.effects.models.model_calls import ModelCalls
from mentra_actors.effects.runner import Order
from mentra_actors.effects.team.board_reminders import MOST_TASKS, BoardReminders, reminder_of
from mentra_actors.errors import ActorQuarantined, ProviderError
from mentra_actors.providers.scripted import ScriptedModel
from mentra_actors.tools.builtin.task_board import board_tools

pytestmark = pytest.mark.anyio

PROFILE = AgentProfile(agent_id="ann", name="ann", team_id="main", role="r", model="scripted:m")


def board(*tasks):
    return BoardState(tasks={task.task_id: task for task in tasks})


LEFT = board(
    Task(task_id=1, subject="Plan", status="completed", owner="ann"),
    Task(task_id=2, subject="Ship\n  it", owner="bob"),
    Task(task_id=3, subject="Build", status="in_progress", owner="ann"),
    Task(task_id=4, subject="x" * 300),
)
TEXT = (
    "<reminder>\nYou have not used the task board for a while. Not completed yet:\n"
    "#3 (in_progress, yours): Build\n#2 (pending, bob): Ship it\n"
    f"#4 (pending): {'x' * 120}...\n"
    "Update the status of your tasks if it has changed.\n</reminder>"
)


def test_a_reminder_names_what_is_not_completed_the_own_tasks_first():
    assert reminder_of(LEFT, "ann") == TEXT


def test_there_is_nothing_to_be_reminded_of_when_all_is_done():
    assert reminder_of(BoardState(), "ann") == ""
    assert reminder_of(board(LEFT.tasks[1]), "ann") == ""


def test_a_reminder_of_a_long_board_is_short():
    long = board(*(Task(task_id=n, subject=f"t{n}") for n in range(1, 10_001)))
    lines = reminder_of(long, "ann").splitlines()

    assert f"and {10_000 - MOST_TASKS} more" in lines
    assert len(lines) == MOST_TASKS + 5


async def asked(state, *, remind=True, tools=True, error=None, answer="done"):
    """What the model was sent last, and the outcome."""
    seen = []

    def script(request):
        seen.append(request)
        return answer

    services = model_services(ScriptedModel(script), board_tools() if tools else ())
    port = ScriptedBoard(state, error)
    services = replace(services, reminders=BoardReminders(port))
    effect = CallModel(
        effect_id="model-1",
        run_id="ann/run-1",
        profile=PROFILE,
        attempt=1,
        not_before=0.0,
        remind=remind,
    )
    transcript = Transcript()
    outcome = await ModelCalls(services)(Order("agent-ann", "model-1", effect, transcript))
    return seen[0].messages, outcome


async def test_a_request_that_is_to_remind_ends_with_the_reminder_and_the_outcome_has_it():
    messages, outcome = await asked(LEFT)
    failure = ProviderError("no", kind="bad_request", transient=False)
    _, failed = await asked(LEFT, answer=failure)

    assert messages[-1] == UserMessage(text=TEXT, source="notice")
    assert outcome.view.reminder == TEXT
    assert failed.view.reminder == TEXT


@pytest.mark.parametrize(
    "options",
    [
        {"state": BoardState()},
        {"state": LEFT, "remind": False},
        {"state": LEFT, "tools": False},
        {"state": LEFT, "error": ActorQuarantined("board-main", cause="a bug")},
    ],
    ids=["nothing left", "not due", "no tools", "no board"],
)
async def test_else_nothing_is_added(options):
    """A board that cannot be read must not cost an answer."""
    messages, outcome = await asked(**options)

    assert not messages
    assert outcome.view.reminder == ""

"""Hundreds of agents at once, each with several rounds and tools; a thousand by `make load`."""

import threading

import pytest

import mentra_actors as mentra
from mentra_actors.domain.agent.events import ModelReplied, RunFinished, ToolCallFinished
from mentra_actors.domain.content import text_of
from mentra_actors.ids import category_of
from mentra_actors.providers.scripted import position
from mentra_actors.testing.log_audit import AgentAudit

ROUNDS = 3


@mentra.tool(retry="safe", parallel=True)
async def look(place: str) -> str:
    """Look at a place."""
    return f"seen {place}"


def script(request):
    """Two rounds with two calls each, then an answer with the name of the model."""
    if position(request) < ROUNDS - 1:
        return [mentra.call("look", place="a"), mentra.call("look", place="b")]
    return f"done by {request.model}"


@pytest.mark.slow
@pytest.mark.parametrize("agents", [300, pytest.param(1000, marks=pytest.mark.load)])
def test_hundreds_of_agents_finish_on_a_handful_of_threads(agents):
    """Threads must follow the work, not the number of agents."""
    models = [mentra.ScriptedModel(script)]
    with mentra.open_runtime_sync(":memory:", providers=models, tools=[look]) as runtime:
        before = threading.active_count()
        for number in range(agents):
            runtime.spawn(f"n{number}", model=f"scripted:{number}", prompt="Look around.")
        runtime.until_idle(timeout_s=50.0)
        grown = threading.active_count() - before
        recorded = list(runtime._operations.core.journal.through())

    audits = {}
    for one in recorded:
        if category_of(one.stream_id) == "agent":
            audits.setdefault(one.stream_id, AgentAudit()).read(one.event)
    said = {
        (one.stream_id, one.event.effect_id): text_of(one.event.blocks)
        for one in recorded
        if _is(one, ModelReplied)
    }
    ends = [one for one in recorded if _is(one, RunFinished)]
    answers = {(one.stream_id, said[one.stream_id, one.event.answer]) for one in ends}
    assert len(ends) == agents
    assert answers == {(f"agent-n{number}", f"done by {number}") for number in range(agents)}
    assert sum(_is(one, ToolCallFinished) for one in recorded) == agents * 2 * (ROUNDS - 1)
    assert [fault for audit in audits.values() for fault in audit.faults] == []
    assert grown == 0


def _is(recorded, kind):
    return isinstance(recorded.event, kind)

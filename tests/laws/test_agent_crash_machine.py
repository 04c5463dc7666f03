"""An agent survives what the machine does to it, and the machine finds faults that are planted."""

import dataclasses
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

sys.path.insert(0, str(Path(__file__).parent))
from agent_crash_machine import AgentInACrashingProcess

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.domain.timer import WaitUntil

ENOUGH = settings(
    stateful_step_count=50,
    max_examples=2000,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
"""In how many histories a fault must show itself; nobody needs the shortest one."""

_replace = msgspec.structs.replace


@pytest.mark.timeout(300)
def test_an_agent_survives_crashes_at_any_moment():
    """Crash, recovery, late and doubled answers in any order: no call of `never` runs twice."""
    run_state_machine_as_test(AgentInACrashingProcess, settings=settings(stateful_step_count=50))


# --- faults -----------------------------------------------------------------------------------


def evolving(change):
    """An agent whose fold is wrong: `change` gets the state after, the event, the state before."""

    def evolve(state, event):
        return change(AGENT.evolve(state, event), event, state)

    return dataclasses.replace(AGENT, evolve=evolve)


def leaving_out(*kinds):
    """An agent that forgets to say something."""

    def decide(command, state):
        return [one for one in AGENT.decide(command, state) if not isinstance(one, kinds)]

    return dataclasses.replace(AGENT, decide=decide)


def without_limits(after, event, _before):
    if not isinstance(event, e.RunStarted):
        return after
    kept = RunOptions(output=event.options.output, on_failure=event.options.on_failure)
    return _replace(after, run=_replace(after.run, options=kept))


def results_twice(command, state):
    events = AGENT.decide(command, state)
    if not events and isinstance(command, c.RecordToolOutcome):
        return [e.ToolCallFinished(key=command.key, content=command.outcome.content)]
    return events


def everything_is_safe(after, event, _before):
    if not isinstance(event, e.ToolCallsPlanned):
        return after
    calls = tuple(_replace(call, retry="safe") for call in after.calls)
    return _replace(after, calls=calls)


def nobody_is_asked(after, event, _before):
    if not isinstance(event, e.PermissionRequested):
        return after
    calls = tuple(
        _replace(call, status="planned") if call.key == event.key else call for call in after.calls
    )
    return _replace(after, calls=calls)


FAULTS = {
    "what is left open simply starts again": dataclasses.replace(AGENT, recover=lambda *_: None),
    "every tool is safe to run again": evolving(everything_is_safe),
    "limits are forgotten": evolving(without_limits),
    "an outcome counts each time it comes": dataclasses.replace(AGENT, decide=results_twice),
    "mail is taken again": evolving(
        lambda after, event, before: _replace(after, mail_taken_through=before.mail_taken_through)
    ),
    "prompts are not remembered": evolving(
        lambda after, _event, _before: _replace(after, known_ids=())
    ),
    "model calls are not counted": evolving(
        lambda after, _event, before: _replace(after, model_calls=min(before.model_calls, 1))
    ),
    "a call that never started has no result": leaving_out(e.ToolCallSkipped),
    "an unknown outcome is not told": leaving_out(e.ToolCallOutcomeUnknown),
    "what was taken back does not wait again": leaving_out(e.InputReturned),
    "the conversation does not go back": leaving_out(e.LeafMoved),
    "a person is asked, and not waited for": evolving(nobody_is_asked),
    "nobody looks at the clock": dataclasses.replace(
        AGENT,
        pending=lambda state: {
            key: one for key, one in AGENT.pending(state).items() if not isinstance(one, WaitUntil)
        },
    ),
    "mail that is sent is not delivered": leaving_out(e.MailSent),
    "a subagent that has ended is forgotten": evolving(
        lambda after, _event, _before: _replace(
            after, subagents=tuple(one for one in after.subagents if not one.has_ended)
        )
    ),
    "a subagent outlives its call": leaving_out(e.SubagentEndOrdered),
    "what is used of a shared budget is not said": leaving_out(e.SharedSpending),
}


HABITS = {
    "what was taken back does not wait again": "rolls_back",
    "a person is asked, and not waited for": "asks",
    "a subagent that has ended is forgotten": "delegates_again",
    "a subagent outlives its call": "delegates",
    "what is used of a shared budget is not said": "delegates",
}
"""Where a fault would show in one history of a thousand; found it must be all the same."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault):
    """A machine that accepts a broken agent says nothing about a good one."""
    planted = {"agent": FAULTS[fault], "habits": frozenset({HABITS.get(fault, "")})}
    broken = type("BrokenAgent", (AgentInACrashingProcess,), planted)

    with pytest.raises(Exception) as found:  # noqa: PT011 - however it shows itself
        run_state_machine_as_test(broken, settings=ENOUGH)

    print(fault, "->", repr(found.value)[:200])

"""A process that is killed around a death: what it has said is kept, and nothing is done twice."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from forked_python import run_forked
from redrives import until_redrives_ended

from mentra_actors import RestartPolicy, ScriptedModel, open_runtime_sync
from mentra_actors.actors.dead_letters import DeadLetters
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.effects.letter_deliveries import LetterDeliveries
from mentra_actors.errors import ActorQuarantined
from mentra_actors.ids import StreamId
from mentra_actors.runtime import kinds
from mentra_actors.runtime.supervised import Redelivery

pytestmark = [pytest.mark.crash, pytest.mark.timeout(180)]

LEAD = StreamId("agent-lead")
TESTS = Path(__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"}


def die(*_arguments, **_named):
    os.kill(os.getpid(), signal.SIGKILL)


def sick(command, state):
    if isinstance(command, c.AcceptPrompt) and command.text == "poison":
        raise RuntimeError("it is bad")
    return AGENT.decide(command, state)


def opened(path):
    policy = RestartPolicy(first_delay_s=0.0, max_restarts=1)
    model = ScriptedModel(["Done."] * 9, name="scripted")
    return open_runtime_sync(path, providers=[model], restart_policy=policy)


# --- what the other process does --------------------------------------------------------------


def poison(path, dies_at):
    """Die for good of a prompt, with another one behind it; then be killed."""
    kinds.AGENT = replace(AGENT, decide=sick)
    if dies_at == "report":
        DeadLetters._record = die
    elif dies_at == "record":
        DeadLetters._recorded = die
    with opened(path) as runtime:
        lead = runtime.spawn("lead", model="scripted:x", reuse=True)
        operations = runtime._operations
        sent = operations.runs.send(lead.agent_id, "poison", "p1", {})
        operations.runs.send(lead.agent_id, "Go.", "p2", {})
        try:
            sent.result(30)
        except ActorQuarantined as error:
            print(error.letter_id, flush=True)
            die()


def redrive(path, dies_at):
    """Be killed over a redrive: before the delivery, or when it is not recorded yet."""
    if dies_at == "delivery":
        Redelivery.letter_of = die
    else:
        LetterDeliveries._ended = die
    with opened(path) as runtime:
        if dies_at == "delivery":
            runtime.supervision.redrive(LEAD)
        until_redrives_ended(runtime, 1)  # the next process goes on with the order by itself


def killed(function, path, dies_at):
    """Run a function of this file until it is killed; what it has said."""
    ended = run_forked(
        [sys.executable, __file__, function, str(path), dies_at],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    return ended.stdout.split()


def prompts(runtime):
    """Ids of the prompts that the lead has taken."""
    return runtime.agent("lead").state().known_ids


# --- the tests --------------------------------------------------------------------------------


def test_what_a_killed_process_has_said_of_a_letter_holds(tmp_path):
    """It is still set aside; lifted and redriven everything goes on, once, in its order."""
    path = tmp_path / "team"
    assert killed("poison", path, "answer") == ["L1"]
    with opened(path) as runtime:
        assert [one.stream_id for one in runtime.supervision.quarantined()] == [LEAD]
        assert [one.letter_id for one in runtime.supervision.dead_letters()] == ["L1", "L2"]
        with pytest.raises(ActorQuarantined):
            runtime.agent("lead").send("Go.", timeout_s=30)
    killed("redrive", path, "delivery")
    killed("redrive", path, "end")
    with opened(path) as runtime:
        until_redrives_ended(runtime, 2)
        runtime.until_idle(timeout_s=30)
        assert prompts(runtime) == ("p1", "p2")
        assert runtime.supervision.dead_letters() == ()
        assert runtime.health().is_healthy


@pytest.mark.parametrize("dies_at", ["report", "record"])
def test_killed_between_a_death_and_its_letter_nothing_was_promised(tmp_path, dies_at):
    """The sender had no answer: it may send again, and has all or nothing."""
    path = tmp_path / "team"
    assert killed("poison", path, dies_at) == []
    with opened(path) as runtime:
        letters = runtime.supervision.dead_letters()
        assert [one.letter_id for one in letters] == ([] if dies_at == "report" else ["L1", "L2"])
        assert len(runtime.supervision.quarantined()) == (0 if dies_at == "report" else 1)
        if dies_at == "report":
            assert runtime.agent("lead").send("poison", prompt_id="p1", timeout_s=30).text


if __name__ == "__main__":
    {"poison": poison, "redrive": redrive}[sys.argv[1]](Path(sys.argv[2]), sys.argv[3])

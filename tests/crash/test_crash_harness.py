"""The harness itself: it finds each kind of broken promise, and says where and what."""

import dataclasses
import sys
from pathlib import Path

import msgspec
import pytest

from mentra_actors import ScriptedModel, call, tool
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.transcript import Transcript, apply
from mentra_actors.effects.runner import EffectRunner
from mentra_actors.runtime import kinds
from mentra_actors.store import memory_store
from mentra_actors.store.append_plan import plan_append
from mentra_actors.testing import guarantees
from mentra_actors.testing.crashes import assert_survives_crashes

sys.path.insert(0, str(Path(__file__).parent))
import crash_scenarios as s

pytestmark = pytest.mark.timeout(120)

SCRIPT = [[call("charge", euros=5), call("look", place="a")], "Done."]


def crashed(scenario=s.answer, script=SCRIPT, **options):
    return assert_survives_crashes(
        scenario, tools=s.TOOLS, providers=[ScriptedModel(script)], timeout_s=10, **options
    )


def broken(pattern, **options):
    with pytest.raises(AssertionError, match=pattern) as failure:
        crashed(**options)
    return str(failure.value)


def with_agent(monkeypatch, **changes):
    """An agent that decides in another way."""
    monkeypatch.setattr(kinds, "AGENT", dataclasses.replace(AGENT, **changes))


def test_what_is_right_passes():
    """And it says how much was tried."""
    told = []
    report = crashed(progress=lambda number, count: told.append((number, count)))

    places = 2 * (report.appends + report.effects)
    assert (report.appends >= 6, report.effects) == (True, 4)
    assert told == [(number, places) for number in range(1, places + 1)]
    assert report.crashes >= places - 2  # one of the lives may need fewer appends
    assert str(report).startswith(f"survived {report.crashes} crashes")


def test_one_place_can_be_tried_alone():
    """As a failure names it: so it can be debugged."""
    assert crashed(only="effect:2:after").crashes == 1
    with pytest.raises(ValueError, match="no place to crash"):
        crashed(only="somewhere")


def test_a_tool_that_runs_twice_is_found(monkeypatch):
    """Nobody settles what an earlier process has left: what is pending simply starts."""
    with_agent(monkeypatch, recover=lambda *_: None)
    told = broken("ran 2 times, and is `never`")

    assert "3. charge (agent-lead/tool-1.0/" in told
    assert "tool-1.0 started: charge" in told


def test_a_prompt_that_is_answered_twice_is_found(monkeypatch):
    """Ids that are not remembered."""

    def evolve(state, event):
        return msgspec.structs.replace(AGENT.evolve(state, event), known_ids=())

    with_agent(monkeypatch, evolve=evolve)
    told = broken("prompt accepted twice: p1", script=lambda _request: "Done.")
    assert told.startswith("after a crash at append:")


def test_mail_that_is_taken_twice_is_found(monkeypatch):
    """A position in the inbox that is not kept."""

    def evolve(state, event):
        after = AGENT.evolve(state, event)
        is_end = isinstance(event, e.AgentRecovered)
        return msgspec.structs.replace(after, mail_taken_through=0) if is_end else after

    with_agent(monkeypatch, evolve=evolve)
    told = broken("twice", scenario=s.team, script=s.team_script)
    assert "mail" in told


def test_a_prompt_without_a_result_is_found(monkeypatch):
    """Results that are lost on the way to the model."""

    def forgetful(transcript, event):
        return transcript if isinstance(event, e.ToolCallFinished) else apply(transcript, event)

    monkeypatch.setattr(guarantees, "apply", forgetful)
    monkeypatch.setattr(guarantees, "prompt_messages", lambda transcript: transcript.messages)
    assert "without a crash:" in broken("8. agent-lead at version")


def test_an_effect_before_its_time_is_found(monkeypatch):
    """The world is touched, and the log does not know of it."""
    start = EffectRunner.ensure_started

    def too_early(self, stream_id, effect_id, effect, view):
        start(self, stream_id, f"{effect_id}-unasked", effect, view)

    monkeypatch.setattr(EffectRunner, "ensure_started", too_early)
    broken("1. model-1-unasked of agent-lead starts, and nobody asks for it")


def test_a_writer_that_was_replaced_is_found(monkeypatch):
    """A store that does not look at the fence."""

    def unfenced(request, heads):
        return plan_append(msgspec.structs.replace(request, fence=None), heads)

    monkeypatch.setattr(memory_store, "plan_append", unfenced)
    broken("6. a process that was replaced has written")


def test_a_scenario_that_ends_otherwise_is_found():
    """What it returns is the promise of whoever wrote it."""
    lives = []

    def scenario(runtime):
        lives.append(s.ask(runtime))
        return len(lives)

    broken("2. it returned 2, and 1 without a crash", scenario=scenario)


def test_a_scenario_that_does_not_go_on_is_found():
    """A prompt without an id is a new one in each life, and this model has no more to say."""
    told = broken(
        "does not come to its end",
        scenario=lambda runtime: s.lead_of(runtime).send("Go.", timeout_s=5).text,
    )
    assert "the script has 2 turns" in told


def test_a_scenario_that_fails_without_a_crash_says_so():
    """It is no matter of crashes, and its own error comes through."""
    with pytest.raises(ZeroDivisionError):
        crashed(scenario=lambda _runtime: 1 / 0)


def test_a_scenario_that_hangs_is_given_up():
    """With a word about the time."""
    with pytest.raises(TimeoutError, match=r"within 0\.2 s"):
        assert_survives_crashes(
            lambda runtime: s.lead_of(runtime).wait_for_run(),
            providers=[ScriptedModel([])],
            timeout_s=0.2,
        )


def test_an_asynchronous_scenario_is_played_too():
    """The same places, by the other face."""

    async def scenario(runtime):
        lead = await runtime.spawn("lead", model=s.MODEL, reuse=True)
        return (await lead.send("Go.", prompt_id="p1")).text

    assert crashed(scenario=scenario).crashes >= 18


def test_the_reader_of_prompts_begins_with_nothing():
    """An empty log breaks nothing."""
    assert guarantees.broken_guarantees([]) == []
    assert Transcript().leaf == 0


# --- the world beside the store ---------------------------------------------------------------


def drawing(retry):
    """A tool whose every run has an effect, and says so; and what it has done."""
    drawn = []

    @tool(retry=retry)
    async def draw() -> str:
        """Draw a number."""
        drawn.append(1)
        return f"number {len(drawn)}"

    return drawn, {"tools": [draw], "providers": [ScriptedModel([[call("draw")], "Drawn."])]}


def test_a_tool_that_says_it_may_be_repeated_and_answers_otherwise_is_found():
    """The model would be told of one number, and somebody else knows of another."""
    drawn, team = drawing("safe")
    with pytest.raises(AssertionError, match="was run again and answered 'number 2'") as failure:
        assert_survives_crashes(s.answer, fresh=drawn.clear, **team)
    lines = str(failure.value).splitlines()

    death = lines.index("  --- here the process died: append:4:before ---")
    assert "started: draw" in lines[death - 1]
    drawn.clear()
    assert_survives_crashes(s.answer, fresh=drawn.clear, answers_may_differ=["draw"], **team)


def test_what_only_its_author_can_see_is_checked():
    """A tool that says nothing of what it does is judged by what must be true of the world."""
    drawn, team = drawing("safe")

    def once():
        assert len(drawn) == 1, f"drawn {len(drawn)} times"

    with pytest.raises(AssertionError, match="`check` fails: drawn 2 times"):
        assert_survives_crashes(
            s.answer, fresh=drawn.clear, check=once, answers_may_differ=["draw"], **team
        )
    drawn, team = drawing("never")
    assert_survives_crashes(s.answer, fresh=drawn.clear, check=lambda: len(drawn) <= 1, **team)
    with pytest.raises(AssertionError, match="`check` is False"):
        assert_survives_crashes(s.answer, fresh=drawn.clear, check=lambda: bool(drawn), **team)


def test_a_call_that_nobody_knows_of_may_change_what_is_said():
    """The model is told that the outcome is unknown: its answer need not be the same."""
    drawn, team = drawing("never")
    team["providers"] = [
        ScriptedModel(
            lambda r: call("draw") if len(r.messages) == 1 else r.messages[-1].results[0].content
        )
    ]
    assert assert_survives_crashes(s.answer, fresh=drawn.clear, **team).crashes > 10


def test_a_scenario_that_nothing_can_crash_is_no_success():
    """A test that tries nothing must not be green."""
    with pytest.raises(AssertionError, match="no crash was tried: the scenario has 0 appends"):
        assert_survives_crashes(lambda _runtime: 1)
    with pytest.raises(AssertionError, match="append:99:before is not reached"):
        crashed(only="append:99:before")

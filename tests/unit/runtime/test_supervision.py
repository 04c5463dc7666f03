"""Supervision from the outside: letters over restarts, both faces, the health of a team."""

from dataclasses import replace

import anyio
import pytest
from redrives import until_redrives_ended

from mentra_actors import RestartPolicy, ScriptedModel, open_runtime, open_runtime_sync
from mentra_actors.actors.state_loading import StateLoader
from mentra_actors.actors.stream_services import StreamKind
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.team import TEAM, RenameMember
from mentra_actors.errors import ActorQuarantined, CommandRejected
from mentra_actors.ids import StreamId
from mentra_actors.runtime import core as runtime_core
from mentra_actors.runtime.kinds import stream_kinds
from projections.views.roster import ROSTER

pytestmark = pytest.mark.anyio

LEAD = StreamId("agent-lead")
POLICY = RestartPolicy(first_delay_s=0.0, max_restarts=99)
STRICT = RestartPolicy(first_delay_s=0.0, max_restarts=1)


@pytest.fixture
def sickness(monkeypatch):
    """Agents die of the prompt `poison` while this list is not empty."""
    sick = [True]

    def decide(command, state):
        if sick and isinstance(command, c.AcceptPrompt) and command.text == "poison":
            raise RuntimeError("it is bad")
        return AGENT.decide(command, state)

    def kinds(store, journal):
        own = StreamKind(replace(AGENT, decide=decide), StateLoader(AGENT, store, journal))
        known = stream_kinds(store, journal)
        return {**known, "agent": replace(known["agent"], decider=own.decider)}

    monkeypatch.setattr(runtime_core, "stream_kinds", kinds)
    return sick


def options(policy=POLICY, answers=("Done.",) * 9, **more):
    model = ScriptedModel(list(answers), name="scripted")
    return {"providers": [model], "restart_policy": policy, "durability": "volatile", **more}


def poisoned(path, **more):
    """A team whose lead was given poison, and is closed."""
    with open_runtime_sync(path, **options(**more)) as runtime:
        lead = runtime.spawn("lead", model="scripted:x", reuse=True)
        with pytest.raises(ActorQuarantined) as raised:
            lead.send("poison", timeout_s=20)
        return raised.value


def test_a_letter_is_there_after_a_restart_and_can_be_delivered(tmp_path, sickness):
    """The process that knew of it is gone; the prompt is not."""
    error = poisoned(tmp_path)
    assert error.letter_id == "L1"
    sickness.clear()
    with open_runtime_sync(tmp_path, **options()) as runtime:
        (letter,) = runtime.supervision.dead_letters()
        assert (letter.command, letter.deliveries, letter.fault) == ("AcceptPrompt", 3, "")
        assert '"text":"poison"' in letter.says
        assert runtime.supervision.redrive("L1", by="ann") == 1
        until_redrives_ended(runtime, 1)
        runtime.until_idle(timeout_s=20)
        assert runtime.agent("lead").snapshot().entries == 2
        assert runtime.supervision.dead_letters() == ()


def test_a_quarantine_holds_until_it_is_lifted(tmp_path, sickness):
    """A restart is no cure."""
    poisoned(tmp_path, policy=STRICT)
    with open_runtime_sync(tmp_path, **options()) as runtime:
        (aside,) = runtime.supervision.quarantined()
        assert aside.stream_id == LEAD
        assert "it is bad" in aside.cause
        lead = runtime.agent("lead")
        with pytest.raises(ActorQuarantined, match="mentra dead-letters"):
            lead.send("Go.", timeout_s=20)
        assert runtime.health().problems[0].startswith("agent-lead is set aside")
        with pytest.raises(CommandRejected, match="lift it first"):
            runtime.supervision.redrive("L1")
        runtime.supervision.lift(LEAD, by="ann")
        assert lead.send("Go.", timeout_s=20).text == "Done."
        runtime.supervision.discard("L1", "not needed", by="ann")
        assert runtime.health().is_healthy


def test_poison_comes_back_and_costs_nobody_else_anything(tmp_path, sickness):
    """A person who redrives in vain has lost nothing, and the team works on."""
    poisoned(tmp_path)
    with open_runtime_sync(tmp_path, **options()) as runtime:
        runtime.supervision.redrive("L1")
        lead = runtime.agent("lead")
        assert lead.send("Go.", timeout_s=20).text == "Done."
        until_redrives_ended(runtime, 1)
        (letter,) = runtime.supervision.dead_letters()
        assert (letter.letter_id, letter.deliveries, letter.redrives) == ("L2", 6, 1)
        assert runtime.health().live.deaths == 3


async def test_the_asynchronous_face_does_the_same(sickness):
    """Both faces are one thing."""
    async with open_runtime(":memory:", **options(policy=STRICT)) as runtime:
        lead = await runtime.spawn("lead", model="scripted:x")
        with pytest.raises(ActorQuarantined):
            await lead.send("poison")
        assert [one.stream_id for one in await runtime.supervision.quarantined()] == [LEAD]
        sickness.clear()
        assert await runtime.supervision.redrive(LEAD) == 1
        await anyio.to_thread.run_sync(until_redrives_ended, runtime, 1)
        await runtime.until_idle()
        assert await runtime.supervision.dead_letters() == ()
        with pytest.raises(CommandRejected, match="not set aside"):
            await runtime.supervision.lift(LEAD)
        with pytest.raises(CommandRejected, match="no dead letter 'L9'"):
            await runtime.supervision.discard("L9")
        assert (await runtime.health()).is_healthy


def test_the_health_of_a_team_at_work(tmp_path):
    """What runs, what waits and since when, how far the views are, who writes."""
    with open_runtime_sync(tmp_path, **options()) as runtime:
        lead = runtime.spawn("lead", model="scripted:x")
        lead.send("Go.", timeout_s=20)
        kept = runtime.project(ROSTER)
        assert kept.wait(timeout_s=20)
        found = runtime.health()

    assert found.is_healthy
    assert found.agents == {"idle": 1}
    assert found.open_effects == ()
    assert [(one.name, one.behind, one.failure) for one in found.views] == [("roster", 0, "")]
    assert found.writer.epoch == 1
    assert found.writer.until > found.looked_at
    assert found.store_bytes > 0
    assert found.live.effects_in_flight >= 1  # the renewal of the lease
    assert found.live.deaths == found.live.unrecorded == 0


@pytest.mark.parametrize("wrong", ["two_for_one", {"main": "all"}, 3])
def test_a_strategy_that_there_is_not_is_refused(wrong):
    """A typing error would leave a team unsupervised until its first death."""
    with (
        pytest.raises(ValueError, match="one_for_one"),
        open_runtime_sync(":memory:", supervision=wrong),
    ):
        pass


def test_a_strategy_may_be_that_of_one_team(tmp_path, sickness):
    """A whole team is set aside with one of its agents; another team would not be."""
    more = options(policy=STRICT, supervision={"main": "all_for_one"})
    with open_runtime_sync(tmp_path, **more) as runtime:
        lead, mate = (runtime.spawn(name, model="scripted:x") for name in ("lead", "mate"))
        with pytest.raises(ActorQuarantined):
            lead.send("poison", timeout_s=20)
        with pytest.raises(ActorQuarantined):
            mate.send("Go.", timeout_s=20)
        aside = {one.stream_id: one.because_of for one in runtime.supervision.quarantined()}

    assert aside == {LEAD: "", "agent-mate": LEAD}


def test_a_snapshot_of_an_agent_does_without_a_team_that_is_set_aside(monkeypatch):
    """Whoever looks at an agent sees it, whatever has become of its team."""

    def decide(command, state):
        if isinstance(command, RenameMember):
            raise RuntimeError("it is bad")
        return TEAM.decide(command, state)

    def kinds(store, journal):
        known = stream_kinds(store, journal)
        return {**known, "team": replace(known["team"], decider=replace(TEAM, decide=decide))}

    monkeypatch.setattr(runtime_core, "stream_kinds", kinds)
    with open_runtime_sync(":memory:", **options(STRICT)) as runtime:
        lead = runtime.spawn("lead", model="scripted:x")
        runtime.members.take_seat("sue", role="reviewer")
        with pytest.raises(ActorQuarantined):
            runtime.members.rename("sue", "susan")
        found = lead.snapshot()

    assert (found.name, found.status, found.teammates) == ("lead", "idle", ())

"""Death, snapshots and passivation of a stream actor: nobody is left without an answer."""

import msgspec
import pytest

from mentra_actors.actors.messages import Accepted, Failed, Look, PassivateIfIdle
from mentra_actors.actors.state_loading import EVENTS_PER_SNAPSHOT, StateLoader
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.tool_call import ToolOutcome
from mentra_actors.domain.transcript import Transcript, apply
from mentra_actors.errors import StoreFull, VersionConflict
from mentra_actors.store.ports import StateSnapshot

FULL = StoreFull("no space left")
CONFLICT = VersionConflict("agent-lead", expected=1, actual=2)


# --- durability before everything ------------------------------------------------------------


def test_a_death_leaves_nobody_without_an_answer(bench):
    """The events of the dead are durable or they are not; their senders must hear which."""
    bench.store.hold()
    durable, poison, waiting = bench.prompt("p1"), bench.prompt("p2", None), bench.prompt("p3")
    bench.system.settle()
    assert (durable, poison, waiting) == ([], [], [])
    bench.store.let_go()
    bench.system.settle(timers=True)

    assert [type(answer[0]) for answer in (durable, poison, waiting)] == [
        Accepted, Failed, Accepted,
    ]  # fmt: skip
    assert [len(answer) for answer in (durable, poison, waiting)] == [1, 1, 1]
    assert bench.started() == ["model-1"]


def test_a_successor_waits_for_the_appends_of_the_dead(bench):
    """It would load a log that is still being written, and decide on half of it."""
    bench.store.hold()
    bench.prompt("p1")
    bench.prompt("p2", None)
    bench.system.settle(timers=True)

    assert bench.system.directory.live() == (bench.lead,)
    assert not bench.system.timers
    bench.store.let_go()
    assert len(bench.system.timers) == 1
    bench.system.settle(timers=True)
    assert bench.started() == ["model-1"]


def test_the_appends_of_the_dead_may_fail(bench):
    """Their senders hear of it, once, from the actor that is no more."""
    bench.store.hold()
    lost = bench.prompt("p1")
    bench.prompt("p2", None)
    bench.system.settle()
    bench.store.fail_next(1, FULL)
    bench.store.let_go()
    bench.system.settle(timers=True)

    assert lost == [Failed(FULL)]
    assert bench.state().known_ids == ()


def test_a_successor_decides_again_what_met_a_conflict_after_the_death(bench):
    """The command is still valid, and nobody has refused it."""
    bench.store.hold()
    first = bench.prompt("p1")
    bench.system.settle()
    bench.store.fail_next(1, CONFLICT)
    poison, last = bench.prompt("p2", None), bench.prompt("p3")
    bench.store.let_go()
    bench.system.settle(timers=True)

    assert [type(answer[0]) for answer in (first, poison, last)] == [Accepted, Failed, Accepted]
    assert bench.state().known_ids == ("p1", "p3")


def test_a_death_in_a_reload_loses_no_stashed_command(bench):
    """Commands that wait for the reload are told to nobody else."""
    bench.store.hold()
    first, second = bench.prompt("p1"), bench.prompt("p2")
    bench.system.settle()
    bench.store.fail_next(1, CONFLICT)
    bench.store.release()
    bench.system.settle()
    poison, last = bench.prompt("p3", None), bench.prompt("p4")
    bench.system.settle()
    bench.store.let_go()
    bench.system.settle(timers=True)

    assert isinstance(poison[0], Failed)
    assert [type(answer[0]) for answer in (first, second, last)] == [Accepted] * 3
    assert bench.state().known_ids == ("p1", "p2", "p4")


def test_a_successor_cancels_what_the_dead_had_no_time_to_cancel(bench):
    """Nobody waits for that answer any more, and nobody else knows that it is being made."""
    bench.prompt("p1")
    bench.system.settle()
    bench.store.hold()
    cancelled, poison = bench.send(c.CancelRun(now=1.0)), bench.prompt("p2", None)
    bench.system.settle()
    bench.store.let_go()
    bench.system.settle(timers=True)

    assert [type(answer[0]) for answer in (cancelled, poison)] == [Accepted, Failed]
    assert bench.system.effects.in_flight(bench.lead) == frozenset()


def test_a_successor_goes_on_with_what_is_in_flight(bench):
    """It is paid for already, and its outcome comes to whoever owns the stream then."""
    bench.prompt("p1")
    bench.prompt("p2", None)
    bench.system.settle(timers=True)

    assert bench.started() == ["model-1"]
    assert bench.system.effects.cancelled == []


def test_what_others_wrote_may_end_an_effect(bench):
    """The actor loads its stream again, and the effect belongs to a state that is no more."""
    bench.prompt("p1")
    bench.system.settle()
    end = e.RunCancelled(run_id=bench.state().run.run_id, reason="cancelled", cancelled_at=1.0)
    bench.write(bench.lead, [end], bench.memory.stream_version(bench.lead))
    bench.system.directory.stream_was_written(bench.lead)
    bench.system.settle()

    assert bench.system.effects.cancelled == [(bench.lead, "model-1")]


# --- restarts ---------------------------------------------------------------------------------


def test_a_snapshot_and_its_tail_are_the_whole_fold(bench):
    """A snapshot saves time; it must never say anything else than the log."""
    prompts = EVENTS_PER_SNAPSHOT + 30
    for number in range(prompts):
        bench.prompt(f"p{number}")
    bench.system.settle()
    snapshot = bench.memory.load_snapshot(bench.lead)
    bench.boot()
    looked = bench.send(Look())
    bench.system.settle()

    assert snapshot is not None
    assert snapshot.stream_version < bench.memory.stream_version(bench.lead)
    assert looked[0].state == bench.state()


def test_a_snapshot_of_an_older_fold_is_not_used(bench):
    """`evolve` has changed its meaning; the events have not."""
    bench.prompt("p1")
    bench.system.settle()
    loader = StateLoader(AGENT, bench.memory)
    for fold_version, payload in ((0, msgspec.msgpack.encode(AGENT.initial)), (1, b"nonsense")):
        bench.memory.save_snapshot(
            StateSnapshot(
                stream_id=bench.lead, stream_version=4, fold_version=fold_version, payload=payload
            )
        )
        loaded = loader.load(bench.lead)

        assert loaded.state == bench.state()
        assert loaded.snapshot_version == 0


def test_the_view_of_an_effect_is_the_fold_of_the_log(bench):
    """The prompt that goes to a model must be the same before and after a restart."""
    bench.prompt("p1")
    bench.system.settle()
    bench.send(bench.reply("model-1", "look", retry="safe"), is_outcome=True)
    bench.system.settle()
    outcome = c.RecordToolOutcome(key="tool-1.0", outcome=ToolOutcome(content="found"), now=0.0)
    bench.send(outcome, is_outcome=True)
    bench.system.settle()
    before = bench.system.effects.started[-1]
    bench.boot()
    bench.system.directory.wake(bench.lead)
    bench.system.settle()
    after = bench.system.effects.started[-1]
    folded = Transcript()
    for one in bench.journal.read_stream(bench.lead):
        folded = apply(folded, one.event)

    assert (before.effect_id, after.effect_id) == ("model-2", "model-3")
    assert after.view == folded
    assert before.view.messages == after.view.messages


def test_the_view_of_an_effect_has_what_others_wrote_too(bench):
    """The events of the dead may reach the log after the view was folded."""
    bench.prompt("p1")
    bench.system.settle()
    version = bench.memory.stream_version(bench.lead)
    late = e.PromptAccepted(prompt_id="p2", text="Late.", accepted_at=0.0)
    bench.write(bench.lead, [late], version)
    bench.system.directory.stream_was_written(bench.lead)
    bench.system.settle()
    bench.send(bench.reply("model-1"), is_outcome=True)
    bench.system.settle()
    order = bench.system.effects.started[-1]

    assert order.effect_id == "model-2"
    assert [message.text for message in order.view.messages if hasattr(message, "text")] == [
        "Go on.", "Late.",
    ]  # fmt: skip


# --- rest -------------------------------------------------------------------------------------


def test_an_idle_actor_stops_and_its_stream_stays(bench):
    """Ten thousand idle agents must cost next to nothing."""
    bench.send(Look())
    bench.system.settle()
    bench.system.directory.passivate_idle(-1.0)
    bench.system.settle()

    assert bench.system.directory.live() == ()
    answers = bench.prompt("p1")
    bench.system.settle()
    assert isinstance(answers[0], Accepted)


@pytest.mark.parametrize("state", ["in doubt", "with an effect"])
def test_a_busy_actor_does_not_passivate(bench, state):
    """Nobody would be there to take the outcome."""
    if state == "in doubt":
        bench.store.hold()
        bench.send(c.StopAgent(now=0.0))
    else:
        bench.prompt("p1")
    bench.system.settle()
    bench.system.directory.passivate_idle(-1.0)
    bench.system.settle()

    assert bench.system.directory._actors[bench.lead].is_alive()


def test_a_command_that_came_first_keeps_the_actor_awake(bench):
    """Stopping with mail in the box would lose it."""
    bench.send(Look())
    bench.system.settle()
    bench.system.directory.tell(bench.lead, PassivateIfIdle(float("inf")))
    answers = bench.prompt("p1")
    bench.system.settle()

    assert isinstance(answers[0], Accepted)


def test_what_is_told_between_the_last_message_and_the_end_wakes_the_actor_again(bench):
    """The sender has no way to know that he was a moment too late."""
    bench.send(Look())
    bench.system.settle()
    actor = bench.system.directory._actors[bench.lead]._actor_weakref()
    late = []
    actor.on_stop = lambda: late.append(bench.prompt("p1"))
    bench.system.directory.passivate_idle(-1.0)
    bench.system.settle()

    assert isinstance(late[0][0], Accepted)
    assert bench.started() == ["model-1"]

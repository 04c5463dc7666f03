"""One stream's actor: what it shows and when, and what it does when the store refuses."""

import msgspec
import pytest

from mentra_actors.actors.messages import Accepted, Failed, Look, PassivateIfIdle, Rejected
from mentra_actors.actors.recovery import EVENTS_PER_SNAPSHOT, StateLoader
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.inbox import Mail, MailDelivered
from mentra_actors.domain.tool_call import ToolOutcome
from mentra_actors.domain.transcript import Transcript, apply
from mentra_actors.errors import Fenced, StoreFull, VersionConflict
from mentra_actors.ids import agent_stream, inbox_stream
from mentra_actors.store.ports import AppendRequest, Fence, StateSnapshot

FULL = StoreFull("no space left")
CONFLICT = VersionConflict("agent-lead", expected=1, actual=2)


# --- durability before everything ------------------------------------------------------------


def test_nothing_is_released_before_it_is_durable(bench):
    """An answer, an effect or an event on the feed that a crash could still take back is a lie."""
    bench.store.hold()
    answers = bench.prompt("p1")
    bench.system.settle()

    assert (answers, bench.started(), bench.system.published) == ([], [], [])
    bench.store.release()
    bench.system.settle()
    assert [type(answer) for answer in answers] == [Accepted]
    assert bench.started() == ["model-1"]
    assert [one.stream_version for one in bench.system.published] == [2, 3, 4, 5]


def test_commands_are_decided_without_waiting_for_the_store(bench):
    """An agent that waited for each commit would be as slow as the disk."""
    bench.store.hold()
    first, second = bench.prompt("p1"), bench.prompt("p2")
    bench.system.settle()

    assert bench.store.held() == 2
    bench.store.release()
    bench.system.settle()
    assert (len(first), len(second)) == (1, 0)
    bench.store.release()
    bench.system.settle()
    assert second[0].stream_version == 6


def test_a_repeated_command_is_answered_when_the_first_is_durable(bench):
    """Its answer says that the prompt is recorded; before that it would be a guess."""
    bench.store.hold()
    first, again = bench.prompt("p1"), bench.prompt("p1")
    looked = bench.send(Look())
    bench.system.settle()

    assert (first, again, looked) == ([], [], [])
    bench.store.let_go()
    bench.system.settle()
    assert first[0].has_recorded
    assert not again[0].has_recorded
    assert looked[0].state == bench.state()


def test_a_refusal_waits_for_what_it_rests_on(bench):
    """'The agent is stopped' is not true as long as a crash can undo the stop."""
    bench.store.hold()
    bench.send(c.StopAgent(now=0.0))
    refused = bench.prompt("p1")
    bench.system.settle()

    assert refused == []
    bench.store.fail_next(1, CONFLICT)
    bench.store.release()
    bench.store.let_go()
    bench.system.settle()
    assert refused == [Rejected("the agent is stopped")]


def test_a_refusal_that_rested_on_a_lost_append_is_decided_again(bench):
    """Else a failed stop would refuse a prompt that the agent can take."""
    bench.store.hold()
    stop = bench.send(c.StopAgent(now=0.0))
    bench.system.settle()
    bench.prompt("p1")
    bench.system.settle()
    bench.store.fail_next(1, FULL)
    bench.store.let_go()
    bench.system.settle(timers=True)
    prompted = bench.prompt("p2")
    bench.system.settle()

    assert stop == [Failed(FULL)]
    assert isinstance(prompted[0], Accepted)


def test_an_effect_that_is_cancelled_while_in_doubt_is_not_started(bench):
    """The user has cancelled; the model must not be paid for an answer that nobody reads."""
    bench.store.hold()
    bench.prompt("p1")
    bench.send(c.CancelRun(now=0.0))
    bench.system.settle()
    bench.store.let_go()
    bench.system.settle()

    assert bench.started() == []
    assert bench.events()[-1] == "RunCancelled"


# --- the store refuses ------------------------------------------------------------------------


def test_after_a_conflict_everything_is_decided_again_in_order(bench):
    """One foreign append must neither fail a burst of commands nor shuffle it."""
    bench.store.hold()
    answers = [bench.prompt(f"p{number}") for number in range(8)]
    bench.system.settle()
    bench.store.fail_next(1, CONFLICT)
    bench.store.release()
    bench.system.settle()
    answers.append(bench.prompt("p8"))
    bench.system.settle()
    bench.store.let_go()
    bench.system.settle()

    assert all(isinstance(answer[0], Accepted) for answer in answers)
    assert list(bench.state().known_prompts) == [f"p{number}" for number in range(9)]


def test_a_recovery_that_met_a_conflict_is_made_anew(bench):
    """What was running then is not what is running now: a repeat would start calls once more."""
    bench.prompt("p1")
    bench.system.settle()
    bench.send(bench.reply("model-1", "look", retry="safe"), is_outcome=True)
    bench.system.settle()
    bench.boot()
    bench.store.fail_next(1, CONFLICT)
    bench.system.directory.wake(bench.lead)
    bench.system.settle()

    assert bench.events().count("ToolCallRestarted") == 1
    assert bench.started() == ["tool-1.0@2"]


def test_conflicts_without_end_are_given_up(bench):
    """A bug in the expected version must not spin for ever."""
    bench.store.fail_while(lambda _request: CONFLICT)
    answers = bench.prompt("p1")
    bench.system.settle()

    assert answers == [Failed(CONFLICT)]
    assert len(bench.store.submitted) < 10


def test_a_full_disk_fails_the_command_and_forgets_its_state(bench):
    """Memory must not remember what the log does not hold."""
    bench.store.fail_next(1, FULL)
    answers = bench.prompt("p1")
    bench.system.settle()
    looked = bench.send(Look())
    bench.system.settle()

    assert answers == [Failed(FULL)]
    assert looked[0].state == bench.state()
    assert bench.started() == []


def test_a_burst_on_a_full_disk_hears_of_the_disk(bench):
    """'Another writer was first' would send the caller after a writer that does not exist."""
    bench.store.hold()
    answers = [bench.prompt(f"p{number}") for number in range(4)]
    bench.system.settle()
    bench.store.fail_while(lambda _request: FULL)
    bench.store.release()
    bench.store.recover()
    bench.store.let_go()
    bench.system.settle()

    assert answers == [[Failed(FULL)]] * 4


def test_a_full_disk_is_asked_again_by_a_timer_and_not_in_a_circle(bench):
    """A hot loop on a full disk takes the machine down with it."""
    bench.prompt("p1")
    bench.system.settle()
    bench.boot()
    bench.store.fail_while(lambda _request: FULL)
    bench.system.directory.wake(bench.lead)
    bench.prompt("p2")
    bench.system.settle()
    asked = len(bench.store.submitted)
    assert len(bench.system.timers) == 1
    for _ in range(10):
        assert bench.system.fire_timer()
        bench.system.settle()

    assert len(bench.system.timers) == 1
    assert len(bench.store.submitted) <= asked + 10
    assert bench.started() == []


def test_a_full_disk_has_one_timer_a_stream_however_many_commands_fail(bench):
    """A timer for each refused command would be a storm when the hour is over."""
    bench.store.fail_while(lambda _request: FULL)
    for number in range(5):
        bench.prompt(f"p{number}")
        bench.system.settle()

    assert len(bench.system.timers) == 1


def test_work_goes_on_when_there_is_space_again(bench):
    """Nobody should have to restart a runtime because a disk was full for an hour."""
    bench.prompt("p1")
    bench.system.settle()
    bench.boot()
    bench.store.fail_while(lambda _request: FULL)
    bench.system.directory.wake(bench.lead)
    bench.system.settle()
    bench.store.recover()
    bench.system.fire_timer()
    bench.system.settle()

    assert "AgentRecovered" in bench.events()
    assert bench.started() == ["model-1"]


def test_mail_that_came_while_the_disk_was_full_is_taken_later(bench):
    """Its sender has been told that it is delivered."""
    bench.system.directory.wake(bench.lead)
    bench.system.settle()
    letter = Mail(mail_id="m1", sender="host", to="lead", body="Hello.", sent_at=0.0)
    bench.write(inbox_stream("lead"), [MailDelivered(mail=letter)], 0)
    bench.store.fail_next(1, FULL)
    bench.system.directory.stream_was_written(inbox_stream("lead"))
    bench.system.settle()
    assert "MailTaken" not in bench.events()
    bench.system.settle(timers=True)

    assert bench.events().count("MailTaken") == 1
    assert bench.started() == ["model-1"]


def test_a_tool_of_an_earlier_process_is_not_run_again_by_a_lucky_command(bench):
    """The recovery could not be recorded; a prompt that could must not start the tool anew."""
    bench.prompt("p1")
    bench.system.settle()
    bench.send(bench.reply("model-1", "pay"), is_outcome=True)
    bench.system.settle()
    assert bench.started() == ["model-1", "tool-1.0@1"]
    bench.boot()
    bench.store.fail_next(1, FULL)
    bench.system.directory.wake(bench.lead)
    bench.system.settle()
    answers = bench.prompt("p2")
    bench.system.settle()

    assert isinstance(answers[0], Accepted)
    assert bench.started() == ["model-2"]
    assert "ToolCallOutcomeUnknown" in bench.events()


def test_a_fenced_actor_tells_everybody_and_tries_nothing_by_itself(bench):
    """Another process owns the store: every further append of this one is noise."""
    fenced = Fenced("writer", epoch=1, current=2)
    bench.boot(fence=Fence("writer", 1))
    bench.store.hold()
    answers = [bench.prompt("p1"), bench.prompt("p2")]
    bench.system.settle()
    bench.store.fail_while(lambda _request: fenced)
    bench.store.let_go()
    bench.system.settle()

    assert answers == [[Failed(fenced)], [Failed(fenced)]]
    assert bench.system.fenced
    assert not bench.system.timers
    assert bench.started() == []
    late = bench.prompt("p3")
    bench.system.settle()
    assert late == [Failed(fenced)]


def test_a_real_fence_stops_the_older_epoch(bench):
    """The check belongs to the append: a writer that slept must not need to know the time."""
    bench.boot(fence=Fence("writer", 1))
    bench.memory.append(AppendRequest(fence=Fence("writer", 2), raise_fence=True))
    answers = bench.prompt("p1")
    bench.system.settle()

    assert isinstance(answers[0].error, Fenced)
    assert bench.events() == ["AgentSpawned"]


# --- death with appends in doubt --------------------------------------------------------------


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
    assert bench.state().known_prompts == ()


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
    assert bench.state().known_prompts == ("p1", "p3")


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
    assert bench.state().known_prompts == ("p1", "p2", "p4")


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

    assert (before.effect_id, after.effect_id) == ("model-2", "model-2")
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


def test_an_agent_that_was_asked_before_it_existed_notices_its_birth(bench):
    """Its stream was written by the team; without a word the actor would deny its existence."""
    early = bench.system.send(agent_stream("new"), c.CancelRun(now=0.0))
    bench.system.settle()
    profile = e.AgentProfile(agent_id="new", name="new", team_id="main", role="r", model="m")
    bench.write(agent_stream("new"), [e.AgentSpawned(profile=profile, spawned_at=0.0)], 0)
    bench.system.directory.stream_was_written(agent_stream("new"))
    later = bench.system.send(agent_stream("new"), c.CancelRun(now=0.0))
    bench.system.settle()

    assert isinstance(early[0], Rejected)
    assert isinstance(later[0], Accepted)


def test_an_unknown_message_is_a_bug_and_ends_the_actor(bench):
    """Silence would hide that somebody sends to the wrong place."""
    bench.system.directory.tell(bench.lead, "hello")
    bench.system.dispatcher.run()

    assert len(bench.system.timers) == 1

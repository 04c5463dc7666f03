"""One stream's actor: what it shows and when, and what it does when the store refuses."""

from mentra_actors.actors.messages import Accepted, Failed, Look, Rejected
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.errors import StoreFull, VersionConflict
from mentra_actors.ids import agent_stream

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
    [answer] = refused
    assert isinstance(answer, Rejected)
    assert answer.reason.startswith("the agent is stopped")


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
    assert list(bench.state().known_ids) == [f"p{number}" for number in range(9)]


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

"""What a stream actor does when the store refuses: a full disk, a fence."""

from mentra_actors.actors.messages import Accepted, Failed, Look
from mentra_actors.domain.inbox import Mail, MailDelivered
from mentra_actors.errors import Fenced, StoreFull, VersionConflict
from mentra_actors.ids import inbox_stream
from mentra_actors.store.ports import AppendRequest, Fence

FULL = StoreFull("no space left")
CONFLICT = VersionConflict("agent-lead", expected=1, actual=2)


# --- durability before everything ------------------------------------------------------------


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
    assert bench.started() == ["model-2"]


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

"""Restarts, quarantine, dead letters: what becomes of actors that die, and of their mail."""

import pytest

from mentra_actors.actors.messages import Accepted, Envelope, Failed, Look
from mentra_actors.actors.restart_policy import RestartPolicy
from mentra_actors.actors.stream_services import StreamKind
from mentra_actors.actors.supervisor import Supervisor
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.errors import ActorQuarantined, MailboxFull, RuntimeClosed, StoreCorrupted


class Loader:
    """Loads as often as it may, and fails before."""

    def __init__(self, bench, failures):
        self.real = bench.system.directory._kinds["agent"].loader
        self.failures = failures
        self.loads = 0

    def load(self, stream_id):
        self.loads += 1
        if self.loads <= self.failures:
            raise StoreCorrupted("bytes on disk are not what was written")
        return self.real.load(stream_id)

    def save(self, stream_id, loaded):
        return loaded


def boot_with_failing_loader(bench, failures, **options):
    loader = Loader(bench, failures)
    bench.boot(kinds={"agent": StreamKind(AGENT, loader)}, **options)
    return loader


# --- the policy -------------------------------------------------------------------------------


def test_delays_double_up_to_a_limit():
    """A crash loop without back-off is a denial of service against oneself."""
    policy = RestartPolicy(max_restarts=99)
    delays = [policy.delay_s(tuple([0.0] * deaths), 0.0) for deaths in (1, 2, 3, 4, 5, 50)]

    assert delays == [0.05, 0.1, 0.2, 0.4, 0.8, 10.0]


def test_only_deaths_in_the_window_count():
    """An agent that dies once a day is not broken."""
    supervisor = Supervisor(RestartPolicy(max_restarts=2, window_s=60.0))
    verdicts = [supervisor.after_death("agent-a", [], None, now) for now in (0, 1, 100, 101, 102)]

    assert [verdict.delay_s for verdict in verdicts] == [0.05, 0.1, 0.05, 0.1, None]


def test_only_the_command_that_was_decided_is_blamed():
    """Whoever merely waits behind a poisonous command must not be buried with it."""
    supervisor = Supervisor(RestartPolicy(max_restarts=99, max_deliveries=2))
    poison, waiting = Envelope("poison"), Envelope("poison")
    first = supervisor.after_death("agent-a", [poison, waiting], poison, 0.0)
    second = supervisor.after_death("agent-a", [poison, waiting], poison, 1.0)

    assert first.redeliver == (poison, waiting)
    assert [id(one) for one in second.dead] == [id(poison)]
    assert [id(one) for one in second.redeliver] == [id(waiting)]
    assert waiting.deliveries == 0


def test_a_poisonous_outcome_takes_its_stream_with_it():
    """Its effect would be pending for ever, and whoever waits would never hear why."""
    supervisor = Supervisor(RestartPolicy(max_restarts=99, max_deliveries=1))
    outcome = Envelope("outcome", is_outcome=True)

    assert supervisor.after_death("agent-a", [outcome], outcome, 0.0).delay_s is None


# --- restarts ---------------------------------------------------------------------------------


def test_a_poisonous_command_is_given_up_and_its_agent_lives(bench):
    """One bad command must cost one command."""
    poison = bench.prompt("p1", None)
    after = bench.prompt("p2")
    bench.system.settle(timers=True)

    assert isinstance(poison[0].error, ActorQuarantined)
    assert isinstance(after[0], Accepted)
    (letter,) = bench.letters()
    assert letter.deliveries == 3
    assert "AttributeError" in letter.cause
    assert bench.system.directory.quarantined() == {}


def test_while_an_actor_waits_for_its_restart_commands_wait_too_in_order(bench):
    """They are neither lost nor do they start an actor before its time."""
    bench.prompt("p1", None)
    first = bench.prompt("p2")
    bench.system.dispatcher.run()
    second = bench.prompt("p3")
    bench.system.dispatcher.run()
    assert (first, second, bench.system.directory.live()) == ([], [], ())
    bench.system.settle(timers=True)

    assert bench.state().known_ids == ("p2", "p3")


def test_between_its_end_and_its_report_no_second_actor_is_started(bench):
    """Two actors of one stream would decide on two states."""
    bench.prompt("p0")
    bench.system.settle()
    ref = bench.system.directory._actors[bench.lead]
    late = []
    on_failure = ref._actor_weakref().on_failure

    def tell_in_between(*error):
        on_failure(*error)
        late.append(bench.prompt("p2"))

    ref._actor_weakref().on_failure = tell_in_between
    bench.prompt("p1", None)
    bench.system.dispatcher.run()

    assert late == [[]]
    assert bench.system.directory.live() == ()
    bench.system.settle(timers=True)
    assert isinstance(late[0][0], Accepted)


def test_what_waits_for_a_restart_is_bounded(bench):
    """A sender that never hears 'full' fills the memory while an actor is down."""
    bench.boot(mailbox_bound=3)
    bench.prompt("p0", None)
    bench.system.dispatcher.run()
    answers = [bench.prompt(f"p{number}") for number in range(1, 5)]

    assert [bool(answer) for answer in answers] == [False, False, True, True]
    assert isinstance(answers[3][0].error, MailboxFull)
    outcome = bench.send(c.CancelRun(now=0.0), is_outcome=True)
    bench.system.settle(timers=True)
    assert isinstance(outcome[0], Accepted)


def test_a_full_mailbox_is_an_answer(bench):
    """The caller of an API waits for an answer, not for an exception on another thread."""
    bench.boot(mailbox_bound=2)
    answers = [bench.prompt(f"p{number}") for number in range(3)]

    assert isinstance(answers[2][0].error, MailboxFull)
    bench.system.settle()
    assert [type(answer[0]) for answer in answers] == [Accepted, Accepted, Failed]


def test_a_start_that_fails_is_tried_again(bench):
    """A store that cannot be read for a moment must not cost a command."""
    loader = boot_with_failing_loader(bench, 4)
    answers = bench.prompt("p1")
    bench.system.settle(timers=True)

    assert loader.loads == 5
    assert isinstance(answers[0], Accepted)


def test_a_stream_that_cannot_be_loaded_is_quarantined(bench):
    """Visible, with its cause, and without taking the other streams along."""
    loader = boot_with_failing_loader(bench, 99, policy=RestartPolicy(max_restarts=3))
    before = bench.prompt("p1")
    bench.system.settle(timers=True)
    after = bench.prompt("p2")

    assert loader.loads == 4
    assert isinstance(before[0].error, ActorQuarantined)
    assert isinstance(after[0].error, ActorQuarantined)
    assert "StoreCorrupted" in bench.system.directory.quarantined()[bench.lead]
    assert [error.stream_id for error in bench.system.quarantined] == [bench.lead]


def test_a_bad_outcome_quarantines_instead_of_waiting_for_ever(bench):
    """`until_idle` must fail, not hang, when a run can never end."""
    bench.prompt("p1")
    bench.system.settle()
    wrong = c.RecordModelReply(effect_id="model-1", reply=None, plans=(), now=0.0)
    answers = bench.send(wrong, is_outcome=True)
    bench.system.settle(timers=True)

    assert isinstance(answers[0].error, ActorQuarantined)
    assert bench.lead in bench.system.directory.quarantined()


def test_a_stream_without_owners_is_a_bug(bench):
    """A typing error in a stream id must not look like a slow answer."""
    with pytest.raises(KeyError, match="nonsense"):
        bench.system.directory.tell("nonsense-1", Envelope(Look()))


# --- the end ----------------------------------------------------------------------------------


def test_a_closed_directory_answers_everybody(bench):
    """Those in mailboxes, those that wait for a restart, and those that come too late."""
    handled = bench.prompt("p1")
    bench.system.directory.close(0.0)
    late = bench.prompt("p2")
    bench.system.settle(timers=True)

    assert isinstance(handled[0], Accepted)
    assert isinstance(late[0].error, RuntimeClosed)


def test_a_closed_directory_answers_those_that_wait_for_a_restart(bench):
    """Their actor will not come back."""
    bench.prompt("p1", None)
    waiting = bench.prompt("p2")
    bench.system.dispatcher.run()
    bench.system.directory.close(0.0)
    bench.system.settle(timers=True)

    assert isinstance(waiting[0].error, RuntimeClosed)
    assert bench.system.directory.live() == ()


def test_a_death_while_closing_is_no_quarantine(bench):
    """The next process would otherwise be told of a sickness that nobody has."""
    bench.prompt("p1", None)
    waiting = bench.prompt("p2")
    bench.system.directory.close(0.0)
    bench.system.settle(timers=True)

    assert isinstance(waiting[0].error, RuntimeClosed)
    assert bench.system.quarantined == []


def test_an_append_in_doubt_at_the_close_is_still_answered(bench):
    """The store is closed last, and what it wrote is known."""
    bench.store.hold()
    answers = bench.prompt("p1")
    bench.system.settle()
    bench.system.close()
    bench.store.let_go()

    assert isinstance(answers[0], Accepted)
    assert bench.started() == []

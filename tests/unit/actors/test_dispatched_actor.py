"""The actor type: each trap of pykka's own loop, and what a dispatcher promises."""

import threading

import pykka
import pytest

from mentra_actors.actors.dispatcher import DispatchedActor, DispatcherPool
from mentra_actors.actors.messages import Envelope
from mentra_actors.errors import MailboxFull
from mentra_actors.testing.hand_driven import HandDispatcher

STOP_S = 10.0


class Recorder(DispatchedActor):
    """Does what its messages say, and remembers what became of it."""

    def __init__(self, dispatcher, *, fails_at_start=None, mailbox_bound=0):
        super().__init__(dispatcher, mailbox_bound=mailbox_bound)
        self.fails_at_start = fails_at_start
        self.handled = []
        self.failures = []
        self.left = None

    def on_start(self):
        if self.fails_at_start is not None:
            raise self.fails_at_start

    def on_receive(self, message):
        if isinstance(message, BaseException):
            raise message
        if callable(message):
            return message()
        self.handled.append(message)
        return message

    def on_failure(self, exception_type, exception_value, traceback):
        self.failures.append(exception_value)

    def on_messages_left(self, messages):
        self.left = messages


@pytest.fixture
def hand():
    return HandDispatcher()


@pytest.fixture
def pool():
    pool = DispatcherPool(2)
    yield pool
    assert pool.stop(STOP_S)


def start(dispatcher, **options):
    """A started actor and its ref."""
    ref = Recorder.start(dispatcher, **options)
    return ref._actor_weakref(), ref


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), KeyboardInterrupt()])
def test_what_a_handler_raises_under_tell_ends_this_actor_only(hand, error):
    """pykka stops every actor of the process when one handler raises SystemExit."""
    actor, ref = start(hand)
    other, other_ref = start(hand)
    ref.tell(error)
    ref.tell("after")
    hand.run()
    other_ref.tell("hello")
    hand.run()

    assert not ref.is_alive()
    assert actor.failures == [error]
    assert actor.left == ["after"]
    assert other.handled == ["hello"]
    other_ref.stop(block=False)
    hand.run()


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1)])
def test_what_a_handler_raises_under_ask_ends_the_actor_too(hand, error):
    """pykka keeps the actor alive with a half-changed state, and no supervisor hears of it."""
    actor, ref = start(hand)
    answer = ref.ask(error, block=False)
    hand.run()

    with pytest.raises(type(error)):
        answer.get(timeout=0)
    assert not ref.is_alive()
    assert actor.failures == [error]


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1)])
def test_a_failing_start_is_a_failure(hand, error):
    """pykka only logs it: a supervisor would wait for an actor that never lived."""
    actor, ref = start(hand, fails_at_start=error)
    ref.tell("first")
    hand.run()

    assert actor.failures == [error]
    assert actor.left == ["first"]
    assert pykka.ActorRegistry.get_all() == []


def test_hooks_that_raise_do_not_end_the_thread(hand):
    """The dispatcher carries thousands of other actors."""

    class Broken(Recorder):
        def on_failure(self, *error):
            raise SystemExit(1)

        def on_messages_left(self, messages):
            raise KeyboardInterrupt

    ref = Broken.start(hand)
    ref.tell(ValueError("no"))
    hand.run()

    assert not ref.is_alive()


def test_what_was_told_before_stop_is_handled_and_nothing_after(hand):
    """A stop is a message like any other; whoever comes later must hear that he is too late."""
    actor, ref = start(hand)
    ref.tell("before")
    stopped = ref.stop(block=False)
    ref.tell("behind")
    late = ref.ask("late", block=False)
    hand.run()

    assert actor.handled == ["before"]
    assert actor.left == ["behind"]
    assert stopped.get(timeout=0) is True
    with pytest.raises(pykka.ActorDeadError):
        late.get(timeout=0)
    with pytest.raises(pykka.ActorDeadError):
        ref.tell("much too late")
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("much too late", block=False).get(timeout=0)


def test_a_second_stop_is_answered(hand):
    """Two closers must not wait for each other."""
    _, ref = start(hand)
    first, second = ref.stop(block=False), ref.stop(block=False)
    hand.run()

    assert first.get(timeout=0) is True
    assert second.get(timeout=0) is True
    assert ref.stop(block=False).get(timeout=0) is False


def test_ask_racing_stop_never_hangs(pool):
    """pykka's own loop forgets an ask that comes between the last message and the end."""
    outcomes = []
    rounds = 300

    def asker(ref, ready):
        ready.wait()
        try:
            outcomes.append(ref.ask("question", timeout=STOP_S))
        except pykka.ActorDeadError:
            outcomes.append(None)

    for index in range(rounds):
        ref = Recorder.start(pool.for_stream(f"s-{index}"))
        ready = threading.Barrier(3)
        askers = [threading.Thread(target=asker, args=(ref, ready)) for _ in range(2)]
        for thread in askers:
            thread.start()
        ready.wait()
        assert ref.stop(timeout=STOP_S)
        for thread in askers:
            thread.join(STOP_S)

    assert len(outcomes) == 2 * rounds


def test_a_full_mailbox_refuses_commands_and_takes_outcomes(hand):
    """Backpressure must reach the sender; an effect's outcome has nowhere else to go."""
    actor, ref = start(hand, mailbox_bound=2)
    ref.tell(Envelope("one"))
    ref.tell(Envelope("two"))

    with pytest.raises(MailboxFull, match="2 commands"):
        ref.tell(Envelope("three"))
    with pytest.raises(MailboxFull):
        ref.ask(Envelope("three"), block=False).get(timeout=0)
    ref.tell(Envelope("outcome", is_outcome=True))
    ref.tell("a notice")
    hand.run()
    ref.tell(Envelope("four"))
    ref.stop(block=False)
    hand.run()

    assert [getattr(m, "command", m) for m in actor.handled] == [
        "one", "two", "outcome", "a notice", "four",
    ]  # fmt: skip


def test_a_busy_actor_does_not_starve_the_others_of_its_thread(hand):
    """A thread that drained one mailbox to its end would stop a thousand agents for one."""
    busy, busy_ref = start(hand)
    quiet, quiet_ref = start(hand)
    for number in range(3 * DispatchedActor.messages_per_turn):
        busy_ref.tell(number)
    quiet_ref.tell("hello")
    hand.turn()
    hand.turn()

    assert quiet.handled == ["hello"]
    assert 0 < len(busy.handled) <= DispatchedActor.messages_per_turn
    hand.run()
    assert busy.handled == list(range(3 * DispatchedActor.messages_per_turn))
    for ref in (busy_ref, quiet_ref):
        ref.stop(block=False)
    hand.run()


def test_a_message_told_in_the_last_moment_of_a_turn_is_not_forgotten(hand):
    """The actor says that it sleeps, the sender that it is scheduled: nobody would wake it."""
    actor, ref = start(hand)
    hand.run()
    rest = actor.actor_inbox.rest

    def rest_and_tell():
        sleeps = rest()
        ref.tell("in between")
        return sleeps

    actor.actor_inbox = _Proxy(actor.actor_inbox, rest=rest_and_tell)
    ref.tell("first")
    hand.turn()
    actor.actor_inbox = actor.actor_inbox.inbox
    hand.run()

    assert actor.handled == ["first", "in between"]
    ref.stop(block=False)
    hand.run()


class _Proxy:
    def __init__(self, inbox, **replaced):
        self.inbox = inbox
        self.__dict__.update(replaced)

    def __getattr__(self, name):
        return getattr(self.inbox, name)


def test_threads_are_daemons_and_end_with_their_pool():
    """One forgotten actor of pykka's keeps the process from exiting."""
    before = set(threading.enumerate())
    pool = DispatcherPool(2)
    threads = set(threading.enumerate()) - before
    ref = Recorder.start(pool.for_stream("s"))

    assert len(threads) == 2
    assert all(thread.daemon for thread in threads)
    assert ref.stop(timeout=STOP_S)
    assert pool.stop(STOP_S)
    assert not any(thread.is_alive() for thread in threads)


def test_a_pool_needs_a_thread():
    """Without one every call would wait for ever."""
    with pytest.raises(ValueError, match="at least one thread"):
        DispatcherPool(0)


def test_a_stream_always_has_the_same_thread(pool):
    """Two threads for one stream would decide on two states."""
    for name in ("agent-a", "board-main"):
        seen = {Recorder.start(pool.for_stream(name)).ask(threading.get_ident) for _ in range(3)}
        assert len(seen) == 1
    pykka.ActorRegistry.stop_all()


def test_five_thousand_actors_need_two_threads(pool):
    """A team of idle agents must cost neither threads nor places in the registry."""
    threads = threading.active_count()
    refs = [Recorder.start(pool.for_stream(f"s-{index}")) for index in range(5000)]
    answers = [ref.ask(index, block=False) for index, ref in enumerate(refs)]

    assert [answer.get(timeout=STOP_S) for answer in answers] == list(range(5000))
    assert threading.active_count() == threads
    stops = [ref.stop(block=False) for ref in refs]
    assert all(stop.get(timeout=STOP_S) for stop in stops)
    assert pykka.ActorRegistry.get_all() == []

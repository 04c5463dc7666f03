"""Effects in flight: once at a time, until the outcome is recorded."""

import queue
import threading

import anyio
import pytest

from mentra_actors.effects import runner as runner_module
from mentra_actors.effects.runner import EffectRunner
from mentra_actors.errors import (
    ActorQuarantined,
    CommandRejected,
    Fenced,
    RuntimeClosed,
    StoreFull,
    VersionConflict,
)

WAIT_S = 10.0
A, B = "agent-a", "agent-b"


class Work:
    """An effect: it starts, waits to be let go, and answers."""

    def __init__(self, answer="done"):
        self.answer = answer
        self.began = threading.Event()
        self.ended = threading.Event()
        self.times = 0
        self.let_go = anyio.Event()


class OtherWork(Work):
    """Another kind of effect."""


async def perform(order):
    work = order.effect
    work.times += 1
    work.began.set()
    try:
        if isinstance(work.answer, BaseException):
            raise work.answer
        await work.let_go.wait()
        return work.answer
    finally:
        work.ended.set()


class Sent:
    """The way to the actors: outcomes arrive here, and are answered by the test."""

    def __init__(self):
        self.outcomes = queue.Queue()

    def __call__(self, stream_id, command, causation, on_delivered):
        self.outcomes.put((stream_id, command, causation, on_delivered))

    def next(self):
        return self.outcomes.get(timeout=WAIT_S)


class Flights:
    """A runner on a loop, with what was sent of it."""

    def __init__(self, loop, **options):
        self.loop = loop
        self.sent = Sent()
        performers = {Work: perform, OtherWork: perform}
        self.runner = EffectRunner(loop, performers, self.sent, **options)

    def start(self, work, effect_id="e1", stream_id=A):
        self.runner.ensure_started(stream_id, effect_id, work, None)

    def go(self, work):
        self.loop.post(work.let_go.set)

    def sync(self):
        """Return when the loop has done what was posted before, and a round more."""
        for _ in range(3):
            self.loop.run(anyio.lowlevel.checkpoint)


@pytest.fixture
def flights(loop, monkeypatch):
    monkeypatch.setattr(runner_module, "FIRST_RESEND_S", 0.0)
    return Flights(loop)


def test_an_effect_in_flight_is_not_started_again(flights):
    """Every append asks for all that is pending; a tool must run once all the same."""
    work = Work()
    for _ in range(3):
        flights.start(work)
    assert work.began.wait(WAIT_S)
    flights.start(work)
    flights.go(work)
    stream_id, command, causation, delivered = flights.sent.next()
    flights.start(work)
    flights.sync()

    assert (stream_id, command, causation) == (A, "done", "agent-a/e1")
    assert work.times == 1
    assert flights.runner.in_flight(A) == {"e1"}
    delivered(None)
    flights.sync()
    assert flights.runner.in_flight(A) == frozenset()
    assert flights.runner.count() == 0


def test_the_same_id_in_two_streams_is_two_effects(flights):
    """Every agent counts its model calls from one."""
    works = [Work(), Work()]
    flights.start(works[0], stream_id=A)
    flights.start(works[1], stream_id=B)

    assert all(work.began.wait(WAIT_S) for work in works)
    assert flights.runner.count() == 2
    flights.runner.close()


def test_a_cancel_before_the_start_keeps_it_from_starting(flights):
    """The run was cancelled; the tool must not touch the world any more."""
    work, blocked, go_on = Work(), threading.Event(), threading.Event()
    flights.loop.post(lambda: (blocked.set(), go_on.wait(WAIT_S)))
    assert blocked.wait(WAIT_S)
    flights.start(work)
    flights.runner.cancel(A, "e1")
    go_on.set()
    flights.sync()

    assert flights.runner.count() == 0
    assert work.times == 0 or work.ended.is_set()
    assert flights.sent.outcomes.empty()


def test_a_cancel_ends_what_runs_at_once(flights):
    """No polling: a silent model stream must not outlive its run."""
    work = Work()
    flights.start(work)
    assert work.began.wait(WAIT_S)
    flights.runner.cancel(A, "e1")

    assert work.ended.wait(WAIT_S)
    flights.sync()
    assert flights.runner.count() == 0
    assert flights.sent.outcomes.empty()


def test_a_cancel_while_the_outcome_is_recorded_ends_the_waiting(flights):
    """The log has the last word; whatever it says, nobody waits here any more."""
    work = Work()
    flights.start(work)
    flights.go(work)
    *_, delivered = flights.sent.next()
    flights.runner.cancel(A, "e1")
    flights.sync()
    assert flights.runner.count() == 0
    delivered(StoreFull("too late"))
    flights.sync()

    assert flights.sent.outcomes.empty()


def test_a_cancel_of_nothing_is_harmless(flights):
    """The effect may have ended in the same moment."""
    flights.runner.cancel(A, "e1")
    flights.sync()

    assert flights.runner.count() == 0


@pytest.mark.parametrize(
    "error",
    [
        StoreFull("no space left"),
        VersionConflict("agent-a", expected=1, actual=2),
        ActorQuarantined(A, cause="set aside, until a person lifts it"),
    ],
)
def test_an_outcome_is_sent_until_it_is_recorded(flights, error):
    """The tool has run; a full disk must not make it run again."""
    work = Work()
    flights.start(work)
    flights.go(work)
    for _ in range(4):
        _, command, _, delivered = flights.sent.next()
        delivered(error)
    *_, delivered = flights.sent.next()
    assert flights.runner.in_flight(A) == {"e1"}
    delivered(None)
    flights.sync()

    assert (command, work.times) == ("done", 1)
    assert flights.runner.count() == 0
    assert flights.sent.outcomes.empty()


@pytest.mark.parametrize(
    "error",
    [
        CommandRejected("no such agent"),
        RuntimeClosed("closed"),
        ActorQuarantined(A, cause="x", letter_id="L1"),
        Fenced("writer", epoch=1, current=2),
    ],
)
def test_an_outcome_that_is_refused_for_good_is_dropped(flights, error):
    """To send it again would only be refused again, for ever."""
    work = Work()
    flights.start(work)
    flights.go(work)
    *_, delivered = flights.sent.next()
    delivered(error)
    flights.sync()

    assert flights.runner.count() == 0
    assert flights.sent.outcomes.empty()


@pytest.mark.parametrize("error", [ValueError("bug"), SystemExit(1), KeyboardInterrupt()])
def test_a_bug_in_a_performer_ends_its_own_effect_only(flights, error, caplog):
    """One bad performer must not cancel the work of a thousand agents."""
    bad, good = Work(error), Work()
    flights.start(good, "good")
    flights.start(bad, "bad")
    assert bad.ended.wait(WAIT_S)
    bad.ended.clear()
    flights.start(bad, "bad")  # nobody knows how far it got: it is not begun again
    flights.go(good)
    _, command, _, delivered = flights.sent.next()
    delivered(None)
    flights.sync()

    assert command == "done"
    assert not bad.ended.is_set()
    assert flights.runner.in_flight(A) == {"bad"}
    assert caplog.text.count("bad of agent-a was not performed") == 1
    flights.runner.cancel(A, "bad")
    flights.sync()
    assert flights.runner.count() == 0


def test_a_kind_of_effect_has_a_capacity(loop):
    """A provider that allows two calls at once must not get a thousand."""
    flights = Flights(loop, capacity={Work: 2})
    works = [Work() for _ in range(4)]
    other = OtherWork()
    for index, work in enumerate(works):
        flights.start(work, f"e{index}")
    flights.start(other, "other")
    assert other.began.wait(WAIT_S)
    flights.sync()
    assert [work.times for work in works] == [1, 1, 0, 0]
    flights.runner.cancel(A, "e2")
    flights.go(works[0])
    *_, delivered = flights.sent.next()
    delivered(None)

    assert works[3].began.wait(WAIT_S)
    assert [work.times for work in works] == [1, 1, 0, 1]
    flights.runner.close()


def test_the_close_records_nothing_and_starts_nothing(flights):
    """What is open stays open on the log, and the next process takes it up."""
    running, late = Work(), Work()
    flights.start(running)
    assert running.began.wait(WAIT_S)
    flights.runner.close()
    flights.start(late, "e2")

    assert running.ended.wait(WAIT_S)
    flights.sync()
    assert late.times == 0
    assert flights.runner.count() == 0
    assert flights.sent.outcomes.empty()


def test_some_kinds_may_end_before_the_close(flights):
    """A payment that was begun is better finished and recorded than left in doubt."""
    kept, dropped, late = Work(), OtherWork(), Work()
    flights.start(kept, "kept")
    flights.start(dropped, "dropped")
    assert kept.began.wait(WAIT_S)
    assert dropped.began.wait(WAIT_S)
    flights.runner.allow_only(frozenset({Work}))
    flights.start(late, "late")
    flights.start(OtherWork(), "too late")
    assert dropped.ended.wait(WAIT_S)
    assert not flights.runner.wait_landed(0.0)
    for work in (kept, late):
        flights.go(work)
        *_, delivered = flights.sent.next()
        delivered(None)

    assert flights.runner.wait_landed(WAIT_S)
    assert flights.sent.outcomes.empty()


def test_an_answer_from_another_thread_arrives(flights):
    """Actors answer on dispatchers and on the writer thread, never on the loop."""
    work = Work()
    flights.start(work)
    flights.go(work)
    *_, delivered = flights.sent.next()
    thread = threading.Thread(target=delivered, args=(None,))
    thread.start()
    thread.join(WAIT_S)
    flights.sync()

    assert flights.runner.count() == 0

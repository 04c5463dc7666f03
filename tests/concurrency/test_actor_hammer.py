"""Real dispatcher threads under fire: nothing is lost, nothing doubled, nothing left behind."""

import threading

import pykka
import pytest

from mentra_actors.actors.directory import Directory
from mentra_actors.actors.dispatcher import DispatcherPool
from mentra_actors.actors.messages import Accepted, Envelope, Failed, Look
from mentra_actors.actors.restart_policy import RestartPolicy
from mentra_actors.actors.stream_services import StreamServices
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.board.commands import CreateTask
from mentra_actors.domain.board.decider import BOARD
from mentra_actors.effects.loop import EffectLoop
from mentra_actors.effects.models.live import LiveFeed
from mentra_actors.ids import board_stream
from mentra_actors.runtime.kinds import stream_kinds
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.testing.hand_driven import HandEffects
from mentra_actors.testing.manual_clock import ManualClock

WAIT_S = 10.0
THREADS = 4


class Live:
    """The actors of one process on real threads; effects are only noted."""

    def __init__(self, store, **options):
        self.store = store
        self.is_closed = False
        self.loop = EffectLoop()
        self.loop.start()
        self.pool = DispatcherPool(2)
        self.directory = Directory(stream_kinds(store), self.pool, self.loop.call_later, **options)
        self.directory.connect(
            StreamServices(
                store=store,
                journal=Journal(store),
                effects=HandEffects(),
                feed=LiveFeed(),
                clock=ManualClock(),
                neighbours=self.directory,
            )
        )

    def close(self):
        if self.is_closed:
            return
        self.is_closed = True
        assert self.directory.close(WAIT_S)
        assert self.pool.stop(WAIT_S)
        self.loop.stop()
        self.store.close()


@pytest.fixture(params=["memory", "lmdb"])
def make_live(request, tmp_path):
    """Starts actors on a store of either kind, and closes them whatever happens."""
    stores = {
        "memory": MemoryEventStore,
        "lmdb": lambda: LmdbEventStore.open(tmp_path / "store", durability="volatile"),
    }
    started = []

    def make(**options):
        started.append(Live(stores[request.param](), **options))
        return started[-1]

    yield make
    for live in started:
        live.close()


class Answers:
    """Counts answers, from any thread, and tells when all are there."""

    def __init__(self, expected):
        self.expected = expected
        self.answers = {}
        self.twice = []
        self.lock = threading.Lock()
        self.all = threading.Event()

    def taker(self, key):
        def take(answer):
            with self.lock:
                if key in self.answers:
                    self.twice.append(key)
                self.answers[key] = answer
                if len(self.answers) == self.expected:
                    self.all.set()

        return take

    def wait(self):
        assert self.all.wait(WAIT_S), f"{len(self.answers)} of {self.expected} answered"
        assert self.twice == []


def in_threads(work):
    """Run `work(index)` on several threads and wait for all."""
    threads = [
        threading.Thread(target=work, args=(index,), daemon=True) for index in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)


def task(sender, number):
    name = f"{sender}-{number}"
    return CreateTask(command_id=name, subject=name, now=0.0, created_by="t")


def subjects(store, stream_id):
    state = BOARD.fold(one.event for one in Journal(store).read_stream(stream_id))
    return [one.subject for _, one in sorted(state.tasks.items())]


def test_passivation_under_fire_loses_no_command(make_live):
    """An actor that stops in the wrong moment takes its mailbox with it."""
    live = make_live()
    boards = [board_stream(f"b{number}") for number in range(3)]
    each = 90
    answers = Answers(THREADS * each)
    done = threading.Event()

    def passivate():
        while not done.is_set():
            live.directory.passivate_idle(-1.0)

    def send(sender):
        for number in range(each):
            envelope = Envelope(task(sender, number), answers.taker((sender, number)))
            live.directory.send(boards[number % 3], envelope)

    sweeper = threading.Thread(target=passivate, daemon=True)
    sweeper.start()
    try:
        in_threads(send)
        answers.wait()
    finally:
        done.set()
        sweeper.join(WAIT_S)
    recorded = {board: subjects(live.store, board) for board in boards}
    live.close()

    assert all(isinstance(answer, Accepted) for answer in answers.answers.values())
    for index, board in enumerate(boards):
        for sender in range(THREADS):
            mine = [s for s in recorded[board] if s.startswith(f"{sender}-")]
            assert mine == [f"{sender}-{n}" for n in range(each) if n % 3 == index]


def test_deaths_under_fire_leave_nobody_without_an_answer(make_live):
    """Every command is either on the log or was told why not."""
    live = make_live(policy=RestartPolicy(max_restarts=10_000, first_delay_s=0.0))
    board = board_stream("b")
    each = 60
    answers = Answers(THREADS * each)

    def send(sender):
        for number in range(each):
            command = "poison" if number % 10 == 9 else task(sender, number)
            envelope = Envelope(command, answers.taker((sender, number)))
            live.directory.send(board, envelope)

    in_threads(send)
    answers.wait()
    recorded = subjects(live.store, board)
    live.close()

    refused = {key for key, answer in answers.answers.items() if isinstance(answer, Failed)}
    assert refused == {(sender, n) for sender in range(THREADS) for n in range(9, each, 10)}
    for sender in range(THREADS):
        mine = [subject for subject in recorded if subject.startswith(f"{sender}-")]
        assert mine == [f"{sender}-{n}" for n in range(each) if n % 10 != 9]


def test_settling_waits_for_what_is_in_mailboxes_and_in_doubt(make_live):
    """Before tools are let go at a close, every call whose start is decided must be known."""
    live = make_live()
    count = 300
    answers = Answers(count)
    for number in range(count):
        envelope = Envelope(task("s", number), answers.taker(number))
        live.directory.send(board_stream(f"b{number % 7}"), envelope)

    assert live.directory.settle(WAIT_S)
    assert len(answers.answers) == count


def test_a_close_under_fire_answers_everybody(make_live):
    """Whoever comes in the last moment hears that it was the last one."""
    live = make_live()
    board = board_stream("b")
    each = 200
    answers = Answers(THREADS * each)
    begun = threading.Barrier(THREADS + 1)

    def send(sender):
        begun.wait(WAIT_S)
        for number in range(each):
            envelope = Envelope(task(sender, number), answers.taker((sender, number)))
            live.directory.send(board, envelope)

    def close():
        begun.wait(WAIT_S)
        live.close()

    closer = threading.Thread(target=close, daemon=True)
    closer.start()
    in_threads(send)
    closer.join(WAIT_S)

    answers.wait()
    assert pykka.ActorRegistry.get_all() == []


def test_two_thousand_asked_agents_need_two_threads(make_live):
    """Agents come into memory when they are asked, and leave it when they are idle."""
    live = make_live()
    count = 2000
    answers = Answers(count)
    threads = threading.active_count()
    for number in range(count):
        live.directory.send(f"agent-{number}", Envelope(Look(), answers.taker(number)))
    answers.wait()
    at_work = len(live.directory.live())
    grown = threading.active_count() - threads
    live.directory.passivate_idle(-1.0)
    live.close()

    assert (at_work, grown) == (count, 0)
    assert answers.answers[0].state == AGENT.initial
    assert pykka.ActorRegistry.get_all() == []

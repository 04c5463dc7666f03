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
from mentra_actors.domain.task_board import BOARD, CreateTask
from mentra_actors.effects.live import LiveFeed
from mentra_actors.effects.loop import EffectLoop
from mentra_actors.ids import board_stream
from mentra_actors.runtime.kinds import stream_kinds
from mentra_actors.store.journal import Journal
from mentra_actors.store.lmdb_store import LmdbEventStore
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.testing.hand_driven import HandEffects
from mentra_actors.testing.manual_clock import ManualClock

WAIT_S = 20.0
THREADS = 4


class Live:
    """The actors of one process on real threads; effects are only noted."""

    def __init__(self, store, **options):
        self.store = store
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
        assert self.directory.close(WAIT_S)
        assert self.pool.stop(WAIT_S)
        self.loop.stop()
        self.store.close()


@pytest.fixture(params=["memory", "lmdb"])
def store(request, tmp_path):
    if request.param == "memory":
        return MemoryEventStore()
    return LmdbEventStore.open(tmp_path / "store", durability="volatile")


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
    threads = [threading.Thread(target=work, args=(index,)) for index in range(THREADS)]
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


def test_passivation_under_fire_loses_no_command(store):
    """An actor that stops in the wrong moment takes its mailbox with it."""
    live = Live(store)
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

    sweeper = threading.Thread(target=passivate)
    sweeper.start()
    in_threads(send)
    answers.wait()
    done.set()
    sweeper.join(WAIT_S)
    recorded = {board: subjects(store, board) for board in boards}
    live.close()

    assert all(isinstance(answer, Accepted) for answer in answers.answers.values())
    for index, board in enumerate(boards):
        for sender in range(THREADS):
            mine = [s for s in recorded[board] if s.startswith(f"{sender}-")]
            assert mine == [f"{sender}-{n}" for n in range(each) if n % 3 == index]


def test_deaths_under_fire_leave_nobody_without_an_answer(store):
    """Every command is either on the log or was told why not."""
    live = Live(store, policy=RestartPolicy(max_restarts=10_000, first_delay_s=0.0))
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
    recorded = subjects(store, board)
    live.close()

    refused = {key for key, answer in answers.answers.items() if isinstance(answer, Failed)}
    assert refused == {(sender, n) for sender in range(THREADS) for n in range(9, each, 10)}
    for sender in range(THREADS):
        mine = [subject for subject in recorded if subject.startswith(f"{sender}-")]
        assert mine == [f"{sender}-{n}" for n in range(each) if n % 10 != 9]


def test_a_close_under_fire_answers_everybody(store):
    """Whoever comes in the last moment hears that it was the last one."""
    live = Live(store)
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

    closer = threading.Thread(target=close)
    closer.start()
    in_threads(send)
    closer.join(WAIT_S)

    answers.wait()
    assert pykka.ActorRegistry.get_all() == []


def test_two_thousand_asked_agents_need_two_threads(store):
    """Agents come into memory when they are asked, and leave it when they are idle."""
    live = Live(store)
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

"""The group writer: what waits is bounded, and nothing that was accepted is forgotten."""

import threading

import pytest

from mentra_actors.errors import StoreBusy, StoreClosed
from mentra_actors.store.ports import Appended
from mentra_actors.store.writer import AppendJob, GroupWriter
from mentra_actors.testing.append_contract import A, AnswerLog, request_for, stream_append

PATIENCE_S = 20


class HeldDisk:
    """Commits a group when it is let go."""

    def __init__(self):
        self.is_reached = threading.Event()
        self.is_free = threading.Event()
        self.written = []

    def write(self, jobs):
        self.is_reached.set()
        assert self.is_free.wait(PATIENCE_S)
        self.written.extend(job for job in jobs if isinstance(job, AppendJob))
        return [Appended(1, 1, (1,)) if isinstance(job, AppendJob) else None for job in jobs]


@pytest.fixture
def disk():
    return HeldDisk()


def full_writer(disk, **limits):
    """A writer whose disk holds the first append while two more wait, which is all it takes."""
    writer = GroupWriter(disk.write, name="test", **limits)
    log = AnswerLog()
    writer.submit(request_for(stream_append(A, b"0" * 500)), log.add)
    assert disk.is_reached.wait(PATIENCE_S)
    for _ in range(2):
        writer.submit(request_for(stream_append(A, b"1" * 500)), log.add)
    return writer, log


@pytest.mark.parametrize("limits", [{"queue_jobs": 2}, {"queue_bytes": 1000}])
def test_an_append_too_many_is_refused_at_once(disk, limits):
    """A sender that is faster than the disk must hear of it before the memory is gone."""
    writer, log = full_writer(disk, **limits)
    late = AnswerLog()
    writer.submit(request_for(stream_append(A, b"2")), late.add)
    refusal = late.first(1)[0]
    disk.is_free.set()

    assert isinstance(refusal, StoreBusy)
    assert "2 appends" in str(refusal)
    assert log.first(3) == [Appended(1, 1, (1,))] * 3
    writer.submit(request_for(stream_append(A, b"3")), log.add)
    assert log.first(4)[3] == Appended(1, 1, (1,))
    writer.close()
    assert len(disk.written) == 4


def test_a_blob_is_never_refused(disk):
    """The output of a tool that has run cannot be produced again by asking later."""
    writer, _ = full_writer(disk, queue_jobs=2)
    digest = writer.put_blob(b"precious")
    disk.is_free.set()
    writer.close()

    assert digest


def test_a_blocking_append_waits_for_room(disk):
    """A script without a scheduler of its own must be slowed down, not refused."""
    writer, _ = full_writer(disk, queue_jobs=2)
    answers = AnswerLog()
    thread = threading.Thread(
        target=lambda: answers.add(writer.append(request_for(stream_append(A, b"2"))))
    )
    thread.start()
    disk.is_free.set()

    assert answers.first(1) == [Appended(1, 1, (1,))]
    thread.join()
    writer.close()


def test_closing_ends_the_wait_for_room(disk):
    """A program that shuts down must not hang on an append that never got into the queue."""
    writer, log = full_writer(disk, queue_jobs=2)
    outcome = []

    def append():
        try:
            outcome.append(writer.append(request_for(stream_append(A, b"2"))))
        except StoreClosed as error:
            outcome.append(error)

    waiting = threading.Thread(target=append)
    waiting.start()
    closing = threading.Thread(target=writer.close)
    closing.start()
    disk.is_free.set()
    closing.join()
    waiting.join()

    assert len(log.first(3)) == 3
    assert isinstance(outcome[0], StoreClosed | Appended)

"""The right to write passes from a process that hangs to one that does not, and to one only."""

import os
import signal

import pytest

from mentra_actors.errors import Fenced, StoreLocked
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore, LmdbJournalReader
from mentra_actors.store.ownership import bell, change_signal
from mentra_actors.testing.append_contract import A, request_for, stream_append

ROUNDS = 50 if os.environ.get("MENTRA_CRASH_CAMPAIGN") == "full" else 20
NEVER_S = 3600.0


@pytest.fixture
def path(tmp_path):
    """A closed store with one event."""
    path = tmp_path / "store"
    store = LmdbEventStore.open(path)
    store.append(request_for(stream_append(A, b"first")))
    store.close()
    return path


def files(path):
    return sorted(file.name for file in path.iterdir())


def test_a_process_that_hangs_is_replaced_and_writes_no_more(path, worker):
    """A team must not wait for ever for one that sleeps, nor have two authors when it wakes."""
    hung = worker(path)
    epoch = int(hung.do("open"))
    assert hung.do("append") == "2"
    before = files(path)
    hung.stop()

    store = LmdbEventStore.open(path, take_over_from=epoch)
    assert store.append(request_for(stream_append(A, b"mine"))).last_position == 3
    hung.go_on()
    assert hung.do("append").startswith("Fenced")
    hung.do("snapshot")
    assert hung.do("append").startswith("Fenced")
    assert hung.do("close") == "None"
    assert hung.do("open").startswith(f"StoreLocked: {path} is written by process {os.getpid()};")

    assert store.append(request_for(stream_append(A, b"mine"))).last_position == 4
    assert store.load_snapshot(A) is None
    assert files(path) == before
    store.close()
    assert int(hung.do("open")) == epoch + 2
    assert hung.do("scan") == "4"


@pytest.mark.skipif(not bell._FUTEX, reason="this system has no bell")
def test_a_reader_of_the_old_writer_follows_the_new_one(path, worker, monkeypatch):
    """What a woken process shows must be what happened, also what another one did meanwhile."""
    monkeypatch.setattr(change_signal, "LOOK_S", NEVER_S)
    store = LmdbEventStore.open(path)
    taker = worker(path)
    assert int(taker.do("take", store.writer_epoch())) == store.writer_epoch()
    assert taker.do("append") == "2"
    with pytest.raises(Fenced):
        store.append(request_for(stream_append(A, b"late")))

    taker.tell("append")
    assert store.wait_for_position(3, timeout_s=NEVER_S) == 3
    store.close()


def test_who_is_replaced_is_the_one_that_was_judged(path, worker):
    """A successor that works must not be thrown out because its predecessor had hung."""
    hung, quick, late = worker(path), worker(path), worker(path)
    epoch = int(hung.do("open"))
    hung.stop()
    quick.do("take", epoch)

    answer = late.do("take", epoch)
    assert answer.startswith("StoreLocked")
    assert f"opened for writing by process {quick.pid} meanwhile" in answer
    assert quick.do("append") == "2"


def test_nobody_is_replaced_unasked(path, worker):
    """Whether a process hangs is not for the store to say."""
    hung, other = worker(path), worker(path)
    epoch = int(hung.do("open"))
    hung.stop()
    assert other.do("open").startswith(f"StoreLocked: {path} is written by process {hung.pid};")
    assert other.do("take", epoch - 1).startswith("StoreLocked")
    hung.go_on()

    assert hung.do("append") == "2"


def test_a_process_does_not_replace_itself(path):
    """Two writers in one program would share what must not be shared."""
    store = LmdbEventStore.open(path)
    with pytest.raises(StoreLocked, match="this process"):
        LmdbEventStore.open(path, take_over_from=store.writer_epoch())
    store.append(request_for(stream_append(A, b"on")))
    store.close()


def test_a_writer_that_stopped_in_a_commit_must_be_ended(path, worker):
    """It holds the write lock of the data file: who went on would wait for it without end."""
    hung, other = worker(path), worker(path)
    epoch = int(hung.do("open"))
    hung.tell("append_and_stop")
    hung.wait_until_stopped()

    answer = other.do("take", epoch)
    assert answer.startswith("StoreLocked")
    assert f"process {hung.pid} stopped in the middle of a commit" in answer
    hung.end()
    assert int(other.do("open")) == epoch + 1
    assert other.do("append") == "2"


def test_the_dead_are_not_hung(path, worker):
    """A successor that judged its predecessor too slow finds it dead: that is no conflict."""
    dead = worker(path)
    epoch = int(dead.do("open"))
    dead.end()

    store = LmdbEventStore.open(path, take_over_from=epoch)
    assert store.writer_epoch() == epoch + 1
    store.close()


def test_a_woken_writer_leaves_the_mark_of_its_successor(path, worker):
    """Without its mark a store that was not flushed would not be checked after a power loss."""
    hung = worker(path)
    epoch = int(hung.do("open", "volatile"))
    hung.stop()
    store = LmdbEventStore.open(path, durability="volatile", take_over_from=epoch)
    hung.go_on()
    assert hung.do("close") == "None"

    assert (path / "UNSYNCED").exists()
    store.close()
    assert not (path / "UNSYNCED").exists()


def test_a_deleted_lock_file_makes_no_second_writer(path, worker):
    """Somebody who tidies up while a team works must not give its log two authors."""
    writer, other = worker(path), worker(path)
    writer.do("open")
    (path / "writer.lock").unlink()
    other.do("open")
    assert other.do("append") == "2"
    assert writer.do("append").startswith("Fenced")
    assert writer.do("close") == "None"

    assert other.do("append") == "3"
    assert worker(path).do("open").startswith("StoreLocked")


def test_a_reader_in_the_process_does_not_hide_that_another_one_wrote(path, worker):
    """A program that keeps a reader open, and opens its store again, must be able to write."""
    reader, other = LmdbJournalReader.open(path), worker(path)
    LmdbEventStore.open(path).close()
    other.do("open")
    assert other.do("append") == "2"
    other.do("close")

    store = LmdbEventStore.open(path)
    assert store.append(request_for(stream_append(A, b"x"))).last_position == 3
    store.close()
    reader.close()


def race(racers, *words):
    """Answers of workers that are told the same at the same time."""
    for racer, told in zip(racers, words, strict=True):
        racer.tell(*told)
    return [racer.answer() for racer in racers]


def winner_of(racers, answers):
    """The one that opened; all others were refused for the lock."""
    won = [racer for racer, one in zip(racers, answers, strict=True) if one.isdecimal()]
    lost = [one for one in answers if not one.isdecimal()]
    assert len(won) == 1, answers
    assert all(one.startswith("StoreLocked") for one in lost), answers
    return won[0]


def test_two_that_open_at_once_are_one_writer(path, worker):
    """Two terminals, two `mentra run`: one works, one is told why not."""
    racers = [worker(path), worker(path)]
    for number in range(ROUNDS):
        answers = race(racers, ("open",), ("open",))
        winner = winner_of(racers, answers)
        assert winner.do("append") == str(number + 2)
        assert winner.do("close") == "None"

    assert racers[0].do("scan") == str(ROUNDS + 1)


def test_two_that_make_a_store_at_once_make_one(tmp_path, worker):
    """Two programs that start on an empty place must not each make a store over the other."""
    racers = [worker(tmp_path), worker(tmp_path)]
    for number in range(10):
        for racer in racers:
            racer.do("move", tmp_path / f"{number}")
        winner = winner_of(racers, race(racers, ("open",), ("open",)))
        assert winner.do("append") == "1"
        assert winner.do("close") == "None"


def test_two_that_take_over_at_once_are_one_writer(path, worker):
    """Two standbys that find the same writer hung must not both become the writer."""
    racers = [worker(path), worker(path), worker(path)]
    hung = racers.pop()
    for number in range(ROUNDS // 5):
        epoch = hung.do("open")
        hung.stop()
        winner = winner_of(racers, race(racers, ("take", epoch), ("take", epoch)))
        assert winner.do("append") == str(number + 2)
        hung.go_on()
        assert hung.do("append").startswith("Fenced")
        assert hung.do("close") == winner.do("close") == "None"


def test_a_take_over_beside_an_ordinary_opening(path, worker):
    """The hung process may die just when it is replaced; then two ways lead into the store."""
    racers = [worker(path), worker(path)]
    for number in range(ROUNDS // 5):
        hung = worker(path)
        epoch = hung.do("open")
        hung.stop()
        racers[0].tell("take", epoch)
        os.kill(hung.pid, signal.SIGKILL)
        racers[1].tell("open")
        winner = winner_of(racers, [racer.answer() for racer in racers])
        assert winner.do("append") == str(number + 2)
        assert winner.do("close") == "None"
        hung.end()

"""How long searches of a memory wait: for the log, for a file that is in use, for each other."""

import sqlite3
import threading
import time

import pytest

from mentra_actors.domain.memory_views import MemoryQuestion, agent_view
from mentra_actors.errors import IndexBusy, StoreClosed, StoreFull
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest
from projections.memory import index as memory_index
from projections.memory import ranking as memory_ranking
from projections.memory import words as memory_words
from projections.memory.catch_ups import CatchUps
from projections.memory.index import MemoryIndex
from tests.unit.projections.test_memory_index import append, found, kept

ANN = agent_view("ann", "main")


class Log:
    """A catch-up that ends when it is told to."""

    def __init__(self):
        self.may_end, self.begun = threading.Event(), 0

    def catch_up(self, _view, until):
        if until is None:
            self.begun += 1
            self.may_end.wait(20)
        return self.may_end.is_set()


@pytest.fixture
def log():
    log = Log()
    yield log
    log.may_end.set()


def test_a_long_catch_up_goes_on_and_is_waited_for_by_one_search_only(log):
    """Else each round of a long run would wait its time for the same index."""
    catch_ups = CatchUps(log.catch_up)
    with pytest.raises(TimeoutError, match="not up to date yet"):
        catch_ups.wait_for(ANN, time.monotonic() + 0.01)
    running, begun = catch_ups._running["ann@main"]
    catch_ups._running["ann@main"] = (running, begun - 1000)
    with pytest.raises(TimeoutError, match=r"for 1000\.\d s by now"):
        catch_ups.wait_for(ANN, time.monotonic() + 900)
    log.may_end.set()
    assert running.result(20)
    catch_ups.wait_for(ANN, time.monotonic() + 20)
    catch_ups.close()

    assert log.begun == 1


def test_after_the_end_of_an_index_nothing_is_begun(log):
    catch_ups = CatchUps(log.catch_up)
    catch_ups.close()

    with pytest.raises(StoreClosed):
        catch_ups.wait_for(ANN, time.monotonic())


def test_a_file_that_another_process_holds_is_not_waited_for_long(tmp_path, monkeypatch):
    store, path = MemoryEventStore(), tmp_path / "index.sqlite"
    monkeypatch.setattr(memory_index, "LOCKED_S", 0.01)
    index = MemoryIndex(store, path)
    append(store, kept("r1", "red"))
    assert found(index, "red") == ["r1"]
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    append(store, kept("r2", "red"))

    with pytest.raises(IndexBusy, match="another process writes it; the log is as it was"):
        found(index, "red")
    question = MemoryQuestion(words="red", limit=1, now=1.0)
    with pytest.raises(IndexBusy):
        index.search(ANN, question, until=time.monotonic())
    other.execute("COMMIT")
    assert found(index, "red") == ["r2", "r1"]
    other.close()
    index.close()


def test_of_usual_words_the_records_that_have_rarer_ones_too_are_ranked_by_all(monkeypatch):
    """To rank each record that has a usual word takes longer than a request waits."""
    for place in (memory_ranking, memory_words):
        monkeypatch.setattr(place, "MOST_RANKED", 30)
    monkeypatch.setattr(memory_words, "_SAMPLE", 50)
    store = MemoryEventStore()
    records = [kept(f"r{n}", "an old house" if n % 3 else "red boats") for n in range(240)]
    both = [kept("best", "red boats of zebras"), kept("worse", "zebras in old houses")]
    part = [*both, *records]
    store.append(AppendRequest(streams=(Journal(store).stream_append("memory-ann", part, None),)))
    index = MemoryIndex(store)

    assert found(index, "boats zebras", limit=2) == ["best", "worse"]
    assert len(found(index, "boats", limit=99)) == 30
    index.close()


def test_a_full_disk_is_called_one(tmp_path):
    """Whoever catches `StoreFull` frees space and searches again."""
    index = MemoryIndex(MemoryEventStore(), tmp_path / "index")
    full = sqlite3.connect(":memory:")
    full.execute("PRAGMA max_page_count = 1")

    with pytest.raises(StoreFull, match="full; the log is as it was"):
        index._with_file(lambda _file: full.execute("CREATE TABLE some (words)"))
    full.close()
    index.close()

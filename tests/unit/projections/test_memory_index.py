"""The file of an index: where it is, what damages it, whose past it has."""

import sqlite3
import threading

import msgspec
import pytest

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import TextBlock
from mentra_actors.domain.memory import MemoryForgotten, MemoryRecord, MemoryRecorded
from mentra_actors.domain.memory_views import MemoryQuestion, agent_view
from mentra_actors.domain.model_call import StopReason
from mentra_actors.errors import StoreClosed, StoreError
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest
from projections.memory import file as memory_file
from projections.memory.index import MemoryIndex, open_memory_index

STREAM = "memory-ann"
ANN = agent_view("ann", "main")
BOB = agent_view("bob", "main")


@pytest.fixture
def store():
    return MemoryEventStore()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "index.sqlite"


def append(store, *events, stream_id=STREAM):
    part = Journal(store).stream_append(stream_id, events, None)
    store.append(AppendRequest(streams=(part,), recorded_at_ns=store.last_position()))


def kept(record_id, content, **fields):
    fields = {"kind": "episode", "source": "auto_ingest", "recorded_at": 1.0, "by": "a", **fields}
    return MemoryRecorded(record=MemoryRecord(record_id=record_id, content=content, **fields))


def gone(record_id):
    return MemoryForgotten(record_id=record_id, by="a", forgotten_at=2.0)


def hits(index, words, *, view=ANN, limit=9):
    return index.search(view, MemoryQuestion(words=words, limit=limit, now=1.0))


def found(index, words, *, view=ANN, limit=9):
    return [one.record.record_id for one in hits(index, words, view=view, limit=limit)]


def test_words_are_found_in_other_forms_and_scripts(store):
    append(
        store,
        kept("en", "She deployed the new shops."),
        kept("de", "Er wohnt in der Größenstraße, café"),
        kept("ja", "東京都に住んでいます"),
    )
    index = MemoryIndex(store)

    assert found(index, "deploys shop") == ["en"]
    assert found(index, "GRÖSSENSTRASSE") == ["de"]
    assert found(index, "cafe") == ["de"]
    assert found(index, "京都") == ["ja"]
    assert found(index, "大阪") == []
    assert found(index, "deploy", limit=0) == found(index, "?!") == []
    index.close()


def test_what_one_agent_remembers_weighs_nothing_when_another_searches(store):
    """Scores would tell how often somebody else has spoken of a thing."""
    append(store, kept("a1", "red boats"), kept("a2", "red house"), kept("a3", "green"))
    alone = MemoryIndex(store)
    before = hits(alone, "red house")
    append(store, *[kept(f"b{n}", "house house") for n in range(50)], stream_id="memory-bob")
    together = MemoryIndex(store)
    assert len(found(together, "house", view=BOB, limit=99)) == 50

    assert hits(together, "red house") == before
    assert found(together, "house", view=agent_view("nobody", "main")) == []
    alone.close()
    together.close()


@pytest.mark.parametrize("harm", ["missing", "no_database", "a_table_less", "another_version"])
def test_a_file_that_cannot_be_used_is_made_anew(store, path, harm, monkeypatch):
    append(store, kept("r1", "red"), kept("r2", "red boats"), gone("r1"))
    first = MemoryIndex(store, path)
    assert found(first, "red") == ["r2"]
    first.close()
    match harm:
        case "missing":
            path.unlink()
        case "no_database":
            path.write_bytes(b"\xff" * 9000)
        case "a_table_less":
            with sqlite3.connect(path) as database:
                database.execute("DROP TABLE records")
            database.close()
        case "another_version":
            monkeypatch.setattr(memory_file, "INDEX_VERSION", 99)
    again = MemoryIndex(store, path)

    assert found(again, "red") == ["r2"]
    assert path.exists()
    again.close()


def test_a_file_that_is_deleted_while_it_is_open_is_made_anew(store, path):
    append(store, kept("r1", "red"))
    index = MemoryIndex(store, path)
    assert found(index, "red") == ["r1"]
    path.unlink()
    append(store, kept("r2", "red boats"))

    assert found(index, "red") == ["r1", "r2"]
    assert path.exists()
    index.close()


@pytest.mark.parametrize("place", [0.3, 0.5, 0.7, 1.0])
def test_pages_that_are_damaged_are_seen(store, path, place):
    """A search that silently finds half of it would be believed."""
    append(store, *[kept(f"r{n}", f"red boats number {n} " * 20) for n in range(200)])
    first = MemoryIndex(store, path)
    assert len(found(first, "red", limit=500)) == 200
    first.close()
    written = bytearray(path.read_bytes())
    page = min(int(len(written) * place) // 4096 * 4096, len(written) - 4096)
    written[page : page + 4096] = b"\xaa" * 4096
    path.write_bytes(written)
    again = MemoryIndex(store, path)

    assert found(again, "199") == ["r199"]
    assert b"\xaa" * 4096 not in path.read_bytes()
    again.close()


@pytest.mark.parametrize("place", [0, 60, 120])
def test_the_best_match_is_found_wherever_it_stands_among_many(store, place):
    """Who looks only at the first matches of a table finds the oldest ones."""
    weak = [kept(f"r{n}", f"red and {n} other things") for n in range(120)]
    append(store, *weak[:place], kept("best", "red boats"), *weak[place:])
    index = MemoryIndex(store)

    assert found(index, "red boats", limit=1) == ["best"]
    index.close()


def test_an_index_of_another_past_is_made_anew(path):
    """A store that was restored from a backup goes on differently."""
    one, other, empty = MemoryEventStore(), MemoryEventStore(), MemoryEventStore()
    append(one, kept("r1", "red"), kept("r2", "red"))
    append(other, kept("r1", "red"), kept("x2", "red"), kept("x3", "red"))
    for store, expected in ((one, {"r1", "r2"}), (other, {"r1", "x2", "x3"}), (empty, set())):
        index = MemoryIndex(store, path)
        assert set(found(index, "red")) == expected
        index.close()


def run_of(words):
    return [
        e.PromptAccepted(prompt_id="p", text=words, accepted_at=1.0),
        e.RunStarted(run_id="ann/run-1", started_at=1.0),
        e.InputPlaced(run_id="ann/run-1", prompt_ids=("p",)),
        e.ModelReplied(
            effect_id="model-1", blocks=(TextBlock(text="Yes."),), stop_reason=StopReason.END_TURN
        ),
        e.RunFinished(run_id="ann/run-1", finished_at=float(len(words))),
    ]


def test_of_a_conversation_with_another_past_all_of_the_view_is_read_again(path):
    """Also the facts, which were read before that was seen, and are as they were."""
    for words in ("red boats", "red houses"):
        store = MemoryEventStore()
        append(store, kept("r1", "red"))
        append(store, *run_of(words), stream_id="agent-ann")
        index = MemoryIndex(store, path)
        assert set(found(index, "red")) == {"r1", "episode-ann/run-1"}
        assert [one.record.content for one in hits(index, words.split()[1])] == [
            f"user: {words}\nassistant: Yes."
        ]
        index.close()


def test_of_a_run_that_was_taken_back_only_its_prompt_is_told_by_the_one_that_goes_on(store):
    """What was answered then is as if it had not been said."""
    first, again = run_of("red boats")[:4], run_of("")
    broken = e.RunFailed(
        run_id="ann/run-1", kind="x", message="x", failed_at=1.0, is_rolled_back=True
    )
    resumed = e.RunStarted(run_id="ann/run-2", started_at=2.0, resumes="ann/run-1")
    wrong = msgspec.structs.replace(first[3], blocks=(TextBlock(text="No, green ones."),))
    end = e.RunFinished(run_id="ann/run-2", finished_at=2.0)
    append(store, *first[:3], wrong, broken, resumed, again[3], end, stream_id="agent-ann")
    index = MemoryIndex(store)

    assert [one.record.content for one in hits(index, "red")] == [
        "user: red boats\nassistant: Yes."
    ]
    index.close()


def test_what_a_dead_process_has_not_taken_out_is_taken_out_at_the_next_opening(store, path):
    """It was forgotten on the log, and then the process died."""
    append(store, kept("r1", "a confidential matter"))
    first = MemoryIndex(store, path)
    assert found(first, "confidential") == ["r1"]
    first.close()
    append(store, gone("r1"))
    with open_memory_index(store, path):
        pass

    assert b"confidential" not in path.read_bytes()


@pytest.mark.parametrize("looks", [True, False])
def test_a_forgotten_id_is_not_found_whatever_the_log_says_of_it_later(store, path, looks):
    """No decider writes such a log; an index that is asked for privacy does not rely on it."""
    index = MemoryIndex(store, path)
    for event in (kept("r1", "red"), gone("r1"), kept("r1", "red again"), kept("r2", "red")):
        append(store, event)
        if looks:
            index.catch_up(ANN)

    assert found(index, "red") == ["r2"]
    index.close()


def test_opening_makes_no_file_before_it_is_needed(store, path):
    with open_memory_index(store, path):
        assert not path.exists()


def test_two_processes_may_carry_one_file_on(store, path):
    """The old process does not know yet that another one has taken over."""
    first, second = MemoryIndex(store, path), MemoryIndex(store, path)
    for number in range(6):
        append(store, kept(f"r{number}", "red"), *([gone(f"r{number - 1}")] if number else []))
        assert found(first if number % 2 else second, "red") == [f"r{number}"]

    assert found(first, "red") == found(second, "red") == ["r5"]
    first.close()
    second.close()


def test_a_search_sees_all_that_came_before_it_from_many_threads(store, path):
    index, wrong = MemoryIndex(store, path), []

    def look(name):
        stream_id = f"memory-{name}"
        for number in range(15):
            append(store, kept(f"{name}{number}", "red"), stream_id=stream_id)
            names = found(index, "red", view=agent_view(name, "main"), limit=99)
            if set(names) != {f"{name}{one}" for one in range(number + 1)}:
                wrong.append(names)

    threads = [threading.Thread(target=look, args=(name,)) for name in "abcd"]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    index.close()

    assert wrong == []


def test_a_disk_that_refuses_is_said_and_nothing_is_deleted(store, tmp_path):
    append(store, kept("r1", "red"))
    index = MemoryIndex(store, tmp_path / "no" / "such" / "directory")

    with pytest.raises(StoreError, match=r"cannot be used.*the log is as it was"):
        found(index, "red")
    index.close()


def test_a_closed_index_says_so(store, path):
    index = MemoryIndex(store, path)
    index.close()
    index.close()

    with pytest.raises(StoreClosed):
        found(index, "red")

"""`mentra memory`: it looks into the index beside the log, if that can be used."""

import sqlite3
from contextlib import closing

import pytest

from mentra_actors import open_runtime_sync


class OneMeaning:
    """All texts have one vector; it counts those that it was asked for."""

    name = "test:one"

    def __init__(self):
        self.made = 0

    async def vectors(self, texts, task):
        self.made += len(texts)
        return [[1.0, 0.0] for _ in texts]


@pytest.fixture
def indexed(tmp_path):
    """A store with a fact in its index."""
    path = tmp_path / "team.mentra"
    with open_runtime_sync(path, durability="volatile") as runtime:
        memory = runtime.spawn("ann", model="ollama:x").memory
        memory.pin("Quokkas smile.")
        memory.search("quokkas")
    return path


def found(mentra, path):
    return [one["content"] for one in mentra.json("memory", "ann", "quokkas", "--store", path)]


def test_what_is_indexed_is_not_read_again(mentra, indexed):
    """The log of a year takes a minute to read; its index is there."""
    with closing(sqlite3.connect(indexed / "views-memory.sqlite")) as index, index:
        index.execute("UPDATE records SET content = 'This is the index.'")

    assert found(mentra, indexed) == ["This is the index."]


def test_an_index_that_somebody_holds_is_not_waited_for_in_vain(mentra, indexed):
    with closing(sqlite3.connect(indexed / "views-memory.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")

        assert found(mentra, indexed) == ["Quokkas smile."]


def test_a_store_without_an_index_gets_none_by_a_look(mentra, indexed):
    (indexed / "views-memory.sqlite").unlink()

    assert found(mentra, indexed) == ["Quokkas smile."]
    assert not (indexed / "views-memory.sqlite").exists()


def test_vectors_in_the_index_stay_there(mentra, tmp_path):
    """They were paid for."""
    pytest.importorskip("numpy")
    path, model = tmp_path / "team.mentra", OneMeaning()
    for look in (lambda: found(mentra, path), lambda: None):
        with open_runtime_sync(path, durability="volatile", embeddings=model) as runtime:
            memory = runtime.spawn("ann", model="ollama:x", reuse=True).memory
            memory.pin("Quokkas smile.")
            memory.search("animals")
        assert look() in (["Quokkas smile."], None)

    assert model.made == 3, "the fact once, the question in each process"

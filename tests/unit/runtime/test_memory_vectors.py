"""Memories that are found by what words mean: filled in the background, never needed."""

import logging
import sys
import threading

import anyio
import pytest

from mentra_actors import (
    ConfigurationError,
    Embeddings,
    LocalEmbeddings,
    ProviderEmbeddings,
    open_runtime_sync,
)
from mentra_actors.runtime.memory import memories, memory_vectors

pytest.importorskip("numpy")


class Meanings:
    """Texts of the same subject have nearly the same vector; it counts what it was paid for."""

    name = "test:meanings"
    SUBJECTS = (("car", "automobile"), ("pay", "salary", "wage"), ("cat",))

    def __init__(self, *, fails=False):
        self.paid = []
        self.fails = fails

    async def vectors(self, texts, task):
        if self.fails:
            raise OSError("the machine is off")
        self.paid += [(task, text) for text in texts]
        return [
            [float(any(w in text for w in words)) for words in self.SUBJECTS] for text in texts
        ]


def filled(runtime):
    """Wait until each record has its vector."""
    runtime._operations.core.memories.vectors.fill().result(20)


def found(memory, words):
    return [(one.record.content, one.why) for one in memory.search(words)]


def test_a_record_is_found_by_what_it_means(tmp_path):
    model = Meanings()
    with open_runtime_sync(tmp_path / "t", embeddings=model, durability="volatile") as runtime:
        memory = runtime.spawn("ann", model="ollama:x").memory
        memory.pin("The car is in the garage.")
        memory.pin("A cat sleeps here.")
        memory.search("warm up")
        filled(runtime)

        assert found(memory, "our automobile") == [
            ("The car is in the garage.", "similar; fact; manual")
        ]
        documents = [text for task, text in model.paid if task == "document"]
    with open_runtime_sync(tmp_path / "t", embeddings=model, durability="volatile") as runtime:
        memory = runtime.spawn("ann", model="ollama:x", reuse=True).memory
        assert len(found(memory, "our automobile")) == 1
        filled(runtime)
    assert [text for task, text in model.paid if task == "document"] == documents


def test_what_was_just_pinned_is_found_by_what_it_means(monkeypatch):
    """Who tries it in three lines would find nothing, and think that it does not work."""
    monkeypatch.setattr(memories, "_PATIENCE_S", 20.0)
    with open_runtime_sync(":memory:", embeddings=Meanings()) as runtime:
        memory = runtime.spawn("ann", model="ollama:x").memory
        memory.pin("The car is in the garage.")
        assert len(found(memory, "our automobile")) == 1
        memory.pin("The wage comes on Mondays.")

        assert found(memory, "our salary") == [
            ("The wage comes on Mondays.", "similar; fact; manual")
        ]


class HeldLook:
    """An index that gives its answer late where it has found nothing without a vector."""

    def __init__(self, index):
        self._index = index
        self.has_looked, self.may_answer = threading.Event(), threading.Event()

    def without_vector(self, most):
        found = self._index.without_vector(most)
        if not found:
            self.has_looked.set()
            self.may_answer.wait(20)
        return found

    def __getattr__(self, name):
        return getattr(self._index, name)


def test_who_looked_before_a_record_was_there_looks_again():
    """Else a search that comes between would wait for vectors that nobody makes."""
    with open_runtime_sync(":memory:", embeddings=Meanings()) as runtime:
        memory = runtime.spawn("ann", model="ollama:x").memory
        vectors = runtime._operations.core.memories.vectors
        held = vectors._index = HeldLook(vectors._index)
        vectors.fill()
        assert held.has_looked.wait(20)
        memory.pin("The wage comes on Mondays.")
        assert memory.records()
        filling = vectors.fill()
        held.may_answer.set()

        assert filling.result(20) == 1


class SlowForRecords(Meanings):
    """Its vectors of records come when a test lets them."""

    def __init__(self):
        super().__init__()
        self.may_go_on = anyio.Event()
        self.waits = 0

    async def vectors(self, texts, task):
        if task == "document":
            self.waits += 1
            await self.may_go_on.wait()
        return await super().vectors(texts, task)


def test_vectors_that_take_long_are_waited_for_once(monkeypatch):
    """The first minutes of a long memory: its searches go by words, and none of them waits."""
    waited = []
    result = memory_vectors.Future.result

    def noted(future, timeout=None):
        waited.append((future, timeout))
        return result(future, timeout)

    monkeypatch.setattr(memories, "_PATIENCE_S", 0.07)
    monkeypatch.setattr(memory_vectors.Future, "result", noted)
    model = SlowForRecords()
    with open_runtime_sync(":memory:", embeddings=model) as runtime:
        memory = runtime.spawn("ann", model="ollama:x").memory
        memory.pin("The car is in the garage.")
        first, second = found(memory, "our car"), found(memory, "our car")
        filling = runtime._operations.core.memories.vectors.fill()
        runtime._operations.core.perform(_let_go, model).result(20)
        filling.result(20)

        assert [len(one) for one in (first, second)] == [1, 1]
        assert [one for one in waited if one[1] == 0.07].count((filling, 0.07)) == 1
        assert len(found(memory, "our automobile")) == 1
    assert model.waits == 1


async def _let_go(model):
    model.may_go_on.set()


def test_a_memory_without_its_model_is_searched_by_words(caplog):
    with (
        caplog.at_level(logging.WARNING),
        open_runtime_sync(":memory:", embeddings=Meanings(fails=True)) as runtime,
    ):
        memory = runtime.spawn("ann", model="ollama:x").memory
        memory.pin("The car is in the garage.")
        assert [len(found(memory, words)) for words in ("car", "car", "automobile")] == [1, 1, 0]
    told = [one for one in caplog.records if "by words alone" in one.message]

    assert len(told) == 1
    assert "the machine is off" in told[0].message


class Odd(Meanings):
    """Makes what are no vectors, or another number of them."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    async def vectors(self, texts, task):
        return [self.change(n, one) for n, one in enumerate(await super().vectors(texts, task))]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _n, _one: [], "vectors of 0 numbers"),
        (lambda n, one: one + [1.0] * n, "gave 2 vectors of 3, 4 numbers"),
        (lambda _n, one: [float("nan"), *one], "what is no number"),
        (lambda n, one: [float("inf") if n else 1.0, *one], "what is no number"),
    ],
    ids=["empty", "of two lengths", "no number", "no end"],
)
def test_what_is_no_vector_is_said_and_words_are_found_by_words(change, said, caplog):
    with (
        caplog.at_level(logging.WARNING),
        open_runtime_sync(":memory:", embeddings=Odd(change)) as runtime,
    ):
        memory = runtime.spawn("ann", model="ollama:x").memory
        memory.pin("The car is in the garage.")
        memory.pin("The car is red.")
        memory.search("warm up")
        with pytest.raises(ValueError, match=said):
            filled(runtime)
        assert len(found(memory, "car")) == 2

    assert said in caplog.text


def test_vectors_of_another_length_are_compared_with_none():
    """A server may give another model under the same name."""
    longer = Odd(lambda _n, one: [*one, 0.0])
    with open_runtime_sync(":memory:", embeddings=longer) as runtime:
        memory = runtime.spawn("ann", model="ollama:x").memory
        memory.pin("The car is in the garage.")
        memory.search("warm up")
        filled(runtime)
        longer.change = lambda _n, one: one
        memory.pin("The other car is red.")
        memory.search("warm up")
        filled(runtime)

        assert len(found(memory, "our automobile")) == 1


def test_words_that_are_forgotten_have_no_vector_any_more():
    """A vector tells much of its words."""
    with open_runtime_sync(":memory:", embeddings=Meanings()) as runtime:
        memory = runtime.spawn("ann", model="ollama:x").memory
        known = memory.pin("The car is in the garage.")
        memory.search("x")
        filled(runtime)
        database = runtime._operations.core.memories.index._file.connection
        assert database.execute("SELECT count(*) FROM vectors").fetchone() == (1,)
        memory.forget(known)

        assert database.execute("SELECT count(*) FROM vectors").fetchone() == (0,)
        assert found(memory, "automobile") == []


def test_a_view_that_is_read_again_pays_for_nothing_again():
    model = Meanings()
    with open_runtime_sync(":memory:", embeddings=model) as runtime:
        memory = runtime.spawn("ann", model="ollama:x").memory
        memory.pin("The car is in the garage.")
        memory.search("x")
        filled(runtime)
        index = runtime._operations.core.memories.index
        index._file.drop("ann@main")

        assert len(found(memory, "automobile")) == 1
        filled(runtime)
    assert len([task for task, _text in model.paid if task == "document"]) == 1


class Server:
    """A provider that answers as it is asked."""

    name = "server"

    async def embed(self, texts, *, model, dimensions=None, task=""):
        return Embeddings(vectors=tuple((1.0, float(len(task))) for _ in texts), model=model)


def test_the_vectors_of_a_provider_are_those_of_one_model_and_one_length():
    few = ProviderEmbeddings(Server(), "small", dimensions=64)

    assert few.name == "server:small:64"
    assert ProviderEmbeddings(Server(), "small").name != few.name


@pytest.mark.parametrize("missing", ["wordllama", "numpy"])
def test_without_the_extra_it_is_said_what_to_install(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)

    with pytest.raises(ConfigurationError, match=r"pip install 'mentra-actors\[embeddings\]'"):
        LocalEmbeddings()


@pytest.mark.parametrize("wrong", [Server(), LocalEmbeddings, "openai"])
def test_a_provider_alone_makes_no_vectors(wrong):
    with pytest.raises(TypeError, match="embeddings is LocalEmbeddings"):
        open_runtime_sync(":memory:", embeddings=wrong).__enter__()


class Silent(Meanings):
    """Never answers for a question."""

    async def vectors(self, texts, task):
        if task == "query":
            self.paid += [(task, text) for text in texts]
            await anyio.sleep_forever()
        return await super().vectors(texts, task)


def test_a_model_that_does_not_answer_is_not_waited_for_and_the_result_says_so(monkeypatch):
    monkeypatch.setattr(memories, "_PATIENCE_S", 0.05)
    model = Silent()
    with open_runtime_sync(":memory:", embeddings=model) as runtime:
        memory = runtime.spawn("ann", model="ollama:x").memory
        memory.pin("The car is in the garage.")

        for words in ("car", "garage"):
            why = f"matched {words}; fact; manual; by words alone"
            assert found(memory, words) == [("The car is in the garage.", why)]
    assert [text for task, text in model.paid if task == "query"] == ["car"]


def test_numbers_too_large_to_be_added_up_are_numbers_all_the_same():
    assert memory_vectors._checked([[1e308, 1e308]], 1) == [(1e308, 1e308)]

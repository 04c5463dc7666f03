"""Has the words of memories made into vectors: in the background, in batches, each text once."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from math import isfinite
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from mentra_actors.errors import RuntimeClosed
from mentra_actors.providers.embedding_models import EmbeddingModel
from mentra_actors.tools.results.rendering import error_words

if TYPE_CHECKING:
    from projections.memory.index import MemoryIndex

__all__ = ["MemoryVectors"]

_log = logging.getLogger(__name__)

BATCH = 64
TEXT_CHARS = 2_000
"""Of a longer text the beginning stands for it."""
_KEPT_QUESTIONS = 256


class MemoryVectors:
    """The vectors of a runtime's memories. Safe from any thread; memories work without them."""

    def __init__(
        self,
        model: EmbeddingModel,
        index: "MemoryIndex",
        perform: "Callable[..., Future[Any]]",
    ) -> None:
        """`perform` begins a coroutine function on the effects loop."""
        self._model = model
        self._index = index
        self._perform = perform
        self._lock = threading.Lock()
        self._filling: Future[object] | None = None
        self._is_filling = False
        self._is_asked_again = False
        """While it fills: something may have come that it has not seen."""
        self._late: Future[object] | None = None
        self._slow_filling: Future[object] | None = None
        self._is_warned = False
        self._questions: OrderedDict[str, tuple[float, ...]] = OrderedDict()

    def of_question(self, question: str, within_s: float) -> tuple[float, ...]:
        """The vector of a question; empty if there is none in time. Blocks so long.

        As long as the model owes the vector of an earlier one, it is not waited for. Never on the
        effects loop, which makes it.
        """
        known = self._questions.get(question)
        if known is not None:
            return known
        if self._late is not None and not self._late.done():
            return ()
        try:
            future = self._perform(self._asked, question)
        except Exception as error:  # noqa: BLE001 - words find without vectors
            self._warn(error)
            return ()
        try:
            return tuple(future.result(within_s))
        except TimeoutError as error:  # it is kept for the next time
            if future.done():
                self._warn(error)
            else:
                self._late = future
            return ()
        except Exception as error:  # noqa: BLE001 - words find without vectors
            self._warn(error)
            return ()

    def fill(self) -> "Future[object]":
        """Make the vectors that are missing, unless that is being done. Does not block.

        The future ends when that is done, with their number, or has failed.
        """
        with self._lock:
            self._is_asked_again = True
            if self._filling is not None and self._is_filling:
                return self._filling
            self._filling = filling = self._perform(self._fill)
            self._is_filling = True
        filling.add_done_callback(self._filled)
        return filling

    def made_within(self, within_s: float) -> bool:
        """Wait for vectors that are being made; True if there are more of them now.

        Those of a long memory take longer: they are waited for once, by one search. Blocks so
        long; never on the effects loop, which makes them.
        """
        filling = self._filling
        if filling is None or filling is self._slow_filling:
            return False
        try:
            return bool(filling.result(within_s))
        except TimeoutError:
            self._slow_filling = filling
        except Exception:  # noqa: BLE001 - `_filled` tells it
            return False
        return False

    async def _asked(self, question: str) -> tuple[float, ...]:
        given = await self._model.vectors([question[:TEXT_CHARS]], "query")
        (found,) = _checked(given, 1)
        self._questions[question] = found
        while len(self._questions) > _KEPT_QUESTIONS:
            self._questions.popitem(last=False)
        return found

    async def _fill(self) -> int:
        """How many were made. Who asks meanwhile may know of a record that it did not see."""
        made = 0
        while self._goes_on():
            made += await self._fill_once()
        return made

    def _goes_on(self) -> bool:
        with self._lock:
            self._is_filling, self._is_asked_again = self._is_asked_again, False
            return self._is_filling

    async def _fill_once(self) -> int:
        run, made = anyio.to_thread.run_sync, 0
        while batch := await run(self._index.without_vector, BATCH):
            texts = [words[:TEXT_CHARS] for _digest, words in batch]
            vectors = _checked(await self._model.vectors(texts, "document"), len(texts))
            digests = [digest for digest, _words in batch]
            await run(self._index.keep_vectors, digests, vectors)
            made += len(vectors)
        return made

    def _filled(self, done: "Future[object]") -> None:
        with self._lock:
            if done is self._filling:
                self._is_filling = False
        error = None if done.cancelled() else done.exception()
        if error is not None and not isinstance(error, RuntimeClosed):
            self._warn(error)

    def _warn(self, error: BaseException) -> None:
        if not self._is_warned:
            self._is_warned = True
            _log.warning("memories are searched by words alone: %s", error_words(error))


def _is_of_numbers(vector: Sequence[float]) -> bool:
    """Their sum shows it at once, unless that is too large to be one."""
    return isfinite(sum(vector)) or all(map(isfinite, vector))


def _checked(given: Sequence[Sequence[float]], count: int) -> list[tuple[float, ...]]:
    """The vectors as plain numbers.

    Raises:
        ValueError: they are not as many as there were texts, or no vectors of one length.
    """
    vectors = [tuple(map(float, one)) for one in given]
    lengths = {len(one) for one in vectors}
    if len(vectors) != count or len(lengths) > 1 or lengths == {0}:
        raise ValueError(
            f"the embedding model was given {count} texts and gave {len(vectors)} vectors "
            f"of {', '.join(map(str, sorted(lengths))) or 'no'} numbers"
        )
    if not all(map(_is_of_numbers, vectors)):
        raise ValueError("the embedding model gave a vector with what is no number")
    return vectors

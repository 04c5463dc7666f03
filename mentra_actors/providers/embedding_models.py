"""Models that make vectors of texts for the search of memories: of a provider, or on this machine.

async with open_runtime("team.mentra", embeddings=LocalEmbeddings()) as runtime: ...
"""

import importlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import anyio.to_thread

from mentra_actors.errors import ConfigurationError
from mentra_actors.providers.embeddings import Embeddings

__all__ = [
    "EmbeddingModel",
    "EmbeddingTask",
    "LocalEmbeddings",
    "ProviderEmbeddings",
    "embeddings_library",
]

EmbeddingTask: TypeAlias = Literal["query", "document"]


@runtime_checkable
class EmbeddingModel(Protocol):
    """Makes vectors. Awaited on the effects loop."""

    @property
    def name(self) -> str:
        """Vectors of models of different names are never compared."""
        ...

    async def vectors(
        self, texts: Sequence[str], task: EmbeddingTask
    ) -> Sequence[Sequence[float]]:
        """One vector for each text, in their order, all of one length.

        Whatever it raises is a warning in the log: memories are then searched by words alone.
        """
        ...


class _Embedder(Protocol):
    async def embed(
        self, texts: Sequence[str], *, model: str, dimensions: int | None = None, task: str = ""
    ) -> Embeddings: ...


class ProviderEmbeddings:
    """The vectors of a provider, such as `OpenAIProvider()`. Each text is paid for once."""

    def __init__(self, provider: _Embedder, model: str, *, dimensions: int | None = None) -> None:
        """`model` is the provider's own name; `dimensions` shortens vectors, for models that can.

        Raises:
            ConfigurationError: `numpy`, which compares vectors, is not installed.
        """
        embeddings_library("numpy")
        self._provider = provider
        self._model = model
        self._dimensions = dimensions

    @property
    def name(self) -> str:
        """See `EmbeddingModel`."""
        kind = getattr(self._provider, "name", type(self._provider).__name__)
        return f"{kind}:{self._model}:{self._dimensions or 'whole'}"

    async def vectors(
        self, texts: Sequence[str], task: EmbeddingTask
    ) -> Sequence[Sequence[float]]:
        """See `EmbeddingModel`."""
        found = await self._provider.embed(
            texts, model=self._model, dimensions=self._dimensions, task=task
        )
        return found.vectors


class LocalEmbeddings:
    """A small model of words, `wordllama`, whose weights come with its package.

    Nothing is downloaded and nothing leaves the machine. It knows which words mean nearly the
    same, above all English ones; it reads no sentences.
    """

    name = "wordllama:l2_supercat:256"

    def __init__(self) -> None:
        """The model is loaded when it is first asked.

        Raises:
            ConfigurationError: the package is not installed.
        """
        embeddings_library("numpy")
        self._package = embeddings_library("wordllama")
        self._model: Any = None
        self._lock = threading.Lock()

    async def vectors(
        self, texts: Sequence[str], task: EmbeddingTask
    ) -> Sequence[Sequence[float]]:
        """See `EmbeddingModel`. On a thread of its own."""
        del task
        return await anyio.to_thread.run_sync(self._embedded, list(texts), abandon_on_cancel=True)

    def _embedded(self, texts: list[str]) -> Sequence[Sequence[float]]:
        with self._lock:
            if self._model is None:
                beside = Path(self._package.__file__).parent  # its weights and its tokenizer
                self._model = self._package.WordLlama.load(cache_dir=beside, disable_download=True)
            found: Sequence[Sequence[float]] = self._model.embed(texts, norm=True)
            return found


def embeddings_library(module: str) -> Any:
    """A library of the extra.

    Raises:
        ConfigurationError: it is not installed; the message says how to.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigurationError(
            f"vectors of memories need {module!r}: pip install 'mentra-actors[embeddings]'"
        ) from error

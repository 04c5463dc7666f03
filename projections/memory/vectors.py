"""Vectors of memories: kept by the digest of the words, compared all at once.

They lie beside the words in the file of the index, so a view that is read again from the log finds
those that were paid for. Nothing depends on them: a record without one is found by its words.
"""

import importlib
import sqlite3
from collections.abc import Sequence
from typing import Any

from projections.memory.file import IndexFile

__all__ = ["VectorSearch"]

LEAST_NEAR = 0.2
"""The cosine below which words have nothing to do with each other."""


class _Matrix:
    """The vectors of the records of a view, as far as they are loaded."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.known: set[int] = set()
        self.parts: list[object] = []
        self.through = (0, 0)
        """The highest numbers of records and of vectors that were looked at."""


class VectorSearch:
    """The vectors of one model in one open file. One thread at a time.

    Raises what `sqlite3` raises.
    """

    def __init__(self, file: IndexFile, model: str) -> None:
        self.file = file
        self._sqlite: sqlite3.Connection = file.connection
        self._model = model
        self._numpy = importlib.import_module("numpy")
        self._looked_through = self._offered = 0
        """The last record of which there is nothing to do, and of those that were given last."""
        self._matrices: dict[tuple[int, int], _Matrix] = {}

    def without(self, most: int) -> Sequence[tuple[bytes, str]]:
        """Digests and words of some records that have no vector yet; none at the end of them.

        They are given again, the oldest first, until some vectors are kept.
        """
        rows = self._sqlite.execute(
            "SELECT number, digest, content FROM records WHERE number > ? AND NOT EXISTS ("
            "  SELECT 1 FROM vectors WHERE model = ? AND vectors.digest = records.digest) "
            "ORDER BY number LIMIT ?",
            (self._looked_through, self._model, most),
        ).fetchall()
        if rows:
            self._offered = rows[-1][0]
        return list({digest: (digest, content) for _number, digest, content in rows}.values())

    def keep(self, digests: Sequence[bytes], vectors: Sequence[Sequence[float]]) -> None:
        """Keep vectors, but none of words that were forgotten meanwhile."""
        with self.file.writing():
            for digest, vector in zip(digests, vectors, strict=True):
                self._sqlite.execute(
                    "INSERT OR IGNORE INTO vectors (model, digest, vector) SELECT ?, ?, ? "
                    "WHERE EXISTS (SELECT 1 FROM records WHERE digest = ?)",
                    (self._model, digest, self._packed(vector), digest),
                )
        self._looked_through = self._offered

    def nearest(self, view: int, vector: Sequence[float], most: int) -> dict[int, float]:
        """The records of a view whose words are nearest, by number, each with its cosine.

        Some of them may have been forgotten. Those of another length are compared with none.
        """
        asked = self._unit(vector)
        matrix = self._loaded(view, asked.nbytes)
        if not matrix.numbers:
            return {}
        near = self._numpy.concatenate([part @ asked for part in matrix.parts])
        best = self._numpy.argsort(-near, kind="stable")[:most]
        return {
            matrix.numbers[int(place)]: float(near[place])
            for place in best
            if near[place] >= LEAST_NEAR
        }

    def _loaded(self, view: int, size: int) -> _Matrix:
        matrix = self._matrices.setdefault((view, size), _Matrix())
        through = self._sqlite.execute(
            "SELECT (SELECT ifnull(max(number), 0) FROM records), "
            "(SELECT ifnull(max(number), 0) FROM vectors)"
        ).fetchone()
        if through == matrix.through:
            return matrix
        rows = self._sqlite.execute(
            _NEW_VECTORS, (self._model, view, matrix.through[1])
        ).fetchall()
        rows += self._sqlite.execute(
            _NEW_RECORDS, (self._model, view, matrix.through[0])
        ).fetchall()
        fresh = {
            number: packed
            for number, packed in rows
            if number not in matrix.known and len(packed) == size
        }
        if fresh:
            part = self._numpy.frombuffer(b"".join(fresh.values()), dtype=self._numpy.float32)
            matrix.parts.append(part.reshape(len(fresh), -1))
            matrix.numbers += fresh
            matrix.known.update(fresh)
        if len(matrix.parts) > _MOST_PARTS:
            matrix.parts = [self._numpy.concatenate(matrix.parts)]
        matrix.through = through
        return matrix

    def _packed(self, vector: Sequence[float]) -> bytes:
        packed: bytes = self._unit(vector).tobytes()
        return packed

    def _unit(self, vector: Sequence[float]) -> Any:
        numbers = self._numpy.asarray(vector, dtype=self._numpy.float32)
        length = float(self._numpy.linalg.norm(numbers))
        return numbers / length if length else numbers


_MOST_PARTS = 64
_NEW_VECTORS = """
SELECT records.number, vector FROM vectors JOIN records USING (digest)
WHERE model = ? AND view = ? AND vectors.number > ? ORDER BY records.number
"""
_NEW_RECORDS = """
SELECT records.number, vector FROM records JOIN vectors USING (digest)
WHERE model = ? AND view = ? AND records.number > ? ORDER BY records.number
"""

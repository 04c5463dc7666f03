"""Full-text tables: which words of a question tell records apart, and which records have them.

A usual word stands in very many records, and to rank those costs more than it tells. So only as
many as `MOST_RANKED` records are ranked: all that have one of the rarer words, by all of their
words; and where those are few, the newest ones that have usual words only.
"""

import sqlite3
from collections.abc import Iterator, Sequence

from mentra_actors.domain.memory import SCOPES, MemoryScope
from projections.memory.ranking import (
    MOST_RANKED,
    MOST_TELLING,
    Asked,
    Candidate,
    match_expression,
    searchable,
    telling,
)

__all__ = ["WordSearch", "candidate_of", "marks_of"]

_TOKENIZER = "tokenize = 'porter unicode61 remove_diacritics 2'"
_MARK = "\x02"
_CANDIDATE = "number, kind, pinned, recorded_at, entry"
_NEWEST = "recorded_at DESC, revision DESC, record_id, scope"
_SURELY_RARE = 300
_SAMPLE = 1_000
"""Newest records by which the share of a usual word is guessed."""


class WordSearch:
    """The words of the records in one open file. Not for two threads at once.

    Raises what `sqlite3` raises.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sqlite = connection
        connection.execute(f"CREATE VIRTUAL TABLE temp.asked USING fts5(text, {_TOKENIZER})")
        connection.execute(
            "CREATE VIRTUAL TABLE temp.asked_terms USING fts5vocab('temp', 'asked', 'instance')"
        )

    # --- writing --------------------------------------------------------------------------

    def begin(self, view: int) -> None:
        """Make the table of a view."""
        self._sqlite.execute(f"CREATE VIRTUAL TABLE words_{view} USING fts5(text, {_TOKENIZER})")

    def drop(self, view: int) -> None:
        """Remove the table of a view."""
        self._sqlite.execute(f"DROP TABLE IF EXISTS temp.terms_{view}")
        self._sqlite.execute(f"DROP TABLE IF EXISTS words_{view}")

    def add(self, view: int, number: int, content: str) -> None:
        """Let a record be found by its words."""
        self._sqlite.execute(
            f"INSERT INTO words_{view} (rowid, text) VALUES (?, ?)", (number, searchable(content))
        )

    def remove(self, view: int, numbers: Sequence[int]) -> None:
        """Take the words of records out, out of all bytes of the table."""
        table = f"words_{view}"
        for number in numbers:
            self._sqlite.execute(f"DELETE FROM {table} WHERE rowid = ?", (number,))
        # A deletion only adds a mark that says so; this writes the words without those.
        self._sqlite.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")

    # --- reading --------------------------------------------------------------------------

    def asked(self, view: int, phrases: Sequence[str]) -> Asked:
        """Those of the phrases by which records of a view are told apart; see `telling`."""
        total = self._sqlite.execute(f"SELECT count(*) FROM words_{view}_docsize").fetchone()[0]
        return telling(phrases, self._records_with(view, phrases, total), total)

    def _records_with(self, view: int, phrases: Sequence[str], total: int) -> list[int]:
        """How many records have each phrase; where they are many it is guessed."""
        counts = self._counted(view, phrases, _SURELY_RARE)
        if sum(0 < one < _SURELY_RARE for one in counts) >= MOST_TELLING:
            return counts
        counts = self._counted(view, phrases, MOST_RANKED)
        usual = [place for place, count in enumerate(counts) if count >= MOST_RANKED]
        if usual and total > _SAMPLE:
            oldest = self._oldest_of_sample(view)
            for place in usual:
                share = self._newer_with(view, phrases[place], oldest) / _SAMPLE
                counts[place] = max(MOST_RANKED, round(share * total))
        return counts

    def _counted(self, view: int, phrases: Sequence[str], most: int) -> list[int]:
        """How often each phrase was said, counted up to `most`; of several words the rarest."""
        self._tell(phrases)
        self._sqlite.execute(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.terms_{view} "
            f"USING fts5vocab('main', 'words_{view}', 'instance')"
        )
        rows = self._sqlite.execute(
            "SELECT asked_terms.doc, min((SELECT count(*) FROM (SELECT 1 FROM "
            f"temp.terms_{view} AS here WHERE here.term = asked_terms.term LIMIT {most}))) "
            "FROM temp.asked_terms GROUP BY asked_terms.doc"
        )
        counts = dict(rows.fetchall())
        return [counts.get(number, 0) for number in range(1, len(phrases) + 1)]

    def _oldest_of_sample(self, view: int) -> int:
        row = self._sqlite.execute(
            f"SELECT id FROM words_{view}_docsize ORDER BY id DESC LIMIT 1 OFFSET {_SAMPLE - 1}"
        ).fetchone()
        return int(row[0])

    def _newer_with(self, view: int, phrase: str, oldest: int) -> int:
        table = f"words_{view}"
        row = self._sqlite.execute(
            f"SELECT count(*) FROM {table} WHERE {table} MATCH ? AND rowid >= ?",
            (match_expression([phrase]), oldest),
        ).fetchone()
        return int(row[0])

    def candidates(
        self, view: int, asked: Asked, most: int, scopes: Sequence[MemoryScope] = SCOPES
    ) -> Sequence[Candidate]:
        """The best matches of a view by BM25, best first; of equal ones the newest first.

        Of records in other scopes than these none is given; there may then be fewer than `most`.
        """
        strengths = dict(self._best(view, asked.by_rare_words, most))
        if len(strengths) < most and asked.usual:
            others = self._best(view, [match_expression(asked.usual)], most)
            strengths = {**dict(others), **strengths}
        best = sorted(strengths, key=lambda number: (strengths[number], -number))[:most]
        rows = self._sqlite.execute(
            f"SELECT {_CANDIDATE} FROM records WHERE number IN ({marks_of(best)}) "
            f"AND scope IN ({marks_of(scopes)}) ORDER BY {_NEWEST}",
            (*best, *scopes),
        )
        newest_first = [candidate_of(row, strengths[row[0]]) for row in rows]
        return sorted(newest_first, key=lambda one: one.bm25)

    def _best(
        self, view: int, expressions: Sequence[str], most: int
    ) -> Iterator[tuple[int, float]]:
        """Numbers of records and their BM25, the best of each of these expressions."""
        table = f"words_{view}"
        for expression in expressions:
            yield from self._sqlite.execute(
                f"SELECT number, strength FROM ("
                f"  SELECT rowid AS number, bm25({table}) AS strength FROM {table}"
                f"  WHERE {table} MATCH ? ORDER BY rowid DESC LIMIT {MOST_RANKED})"
                "ORDER BY strength, number DESC LIMIT ?",
                (expression, most),
            )

    def matching(self, contents: Sequence[str], asked: Asked) -> Sequence[Sequence[str]]:
        """The pieces of each of these texts that match."""
        if not asked.expression or not contents:
            return [[] for _content in contents]
        self._tell(contents)
        rows = self._sqlite.execute(
            "SELECT rowid, highlight(asked, 0, ?, ?) FROM temp.asked WHERE asked MATCH ?",
            (_MARK, _MARK, asked.expression),
        )
        pieces = {number: marked.split(_MARK)[1::2] for number, marked in rows}
        return [pieces.get(number, []) for number in range(1, len(contents) + 1)]

    def _tell(self, texts: Sequence[str]) -> None:
        """Fill the table beside the file with these texts, in the order of its numbers."""
        self._sqlite.execute("DELETE FROM temp.asked")
        self._sqlite.executemany(
            "INSERT INTO temp.asked (rowid, text) VALUES (?, ?)", enumerate(texts, 1)
        )


def marks_of(values: Sequence[object]) -> str:
    """The question marks of a statement for so many values."""
    return ", ".join("?" * len(values))


def candidate_of(row: Sequence[object], bm25: float) -> Candidate:
    """A candidate of the columns `number, kind, pinned, recorded_at, entry`."""
    number, kind, pinned, recorded_at, entry = row
    return Candidate(number, bm25, kind, bool(pinned), recorded_at, entry)  # type: ignore[arg-type]

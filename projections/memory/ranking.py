"""How well a memory answers a question: plain arithmetic on what the index has found.

The index gives candidates in the order of BM25; their scores are then

    relevance + weight of the kind + weight of a pin + recency

`relevance` is the strength of a match as a share of the best one for this question, 0 to 1: it
grows with the quality of the match. All other weights together are less than a half, so a record
that matches less than half as well as another never stands before it.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from mentra_actors.domain.memory import MemoryKind, MemorySource
from projections.views.sentence_words import clipped

__all__ = [
    "HALF_LIFE_DAYS",
    "KIND_WEIGHTS",
    "MOST_RANKED",
    "MOST_TELLING",
    "PINNED_WEIGHT",
    "RECENCY_WEIGHT",
    "VECTOR_SHARE",
    "Asked",
    "Candidate",
    "best_of",
    "best_of_both",
    "candidate_count",
    "match_expression",
    "phrases_of",
    "score_of",
    "searchable",
    "telling",
    "why_of",
]

KIND_WEIGHTS: Mapping[MemoryKind, float] = {"fact": 0.15, "summary": 0.08, "episode": 0.0}
"""A fact was thought worth keeping; an episode is whatever was said."""
PINNED_WEIGHT = 0.1
RECENCY_WEIGHT = 0.2
"""Of a record that is made now; half of it after each `HALF_LIFE_DAYS`."""
HALF_LIFE_DAYS = 30.0

VECTOR_SHARE = 0.6
"""How much of relevance is that of vectors, where there are some.

Sums of reciprocal ranks, which need no such number, were worse: they forget how well the best
match fits, and then kind and age decide too much.
"""

_DAY_S = 86_400.0
_MOST_TOKENS = 100
MOST_TELLING = 16
"""Words that are looked for in a memory of many records."""
MOST_RANKED = 4_000
"""Records that are ranked for one question."""
_FEW_RECORDS = 200
_LEAST_CANDIDATES = 50
_CANDIDATES_PER_HIT = 5
_TOLD_TOKENS = 2
_TOLD_CHARS = 40
"""Of one of them: a word may be a whole picture in letters, and a recall has few characters."""
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
"""Chinese characters and Japanese syllables: text without spaces between its words."""
_UNSPACED_CHARACTER = re.compile(f"[{_UNSPACED}]")
_TOKEN = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")


class Candidate(NamedTuple):
    """A record that matches. `bm25` is that of SQLite: below zero, and the lower the better.

    `entry` says where it stands in the conversation of its agent; see `Remembered`.
    """

    number: int
    bm25: float
    kind: MemoryKind
    pinned: bool
    recorded_at: float
    entry: int = 0


def searchable(text: str) -> str:
    """A text as it is indexed: one spelling of each letter, and Chinese characters parted."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("\0", " ")
    return _UNSPACED_CHARACTER.sub(r" \g<0> ", plain)


def phrases_of(question: str) -> list[str]:
    """What to look for: the words of a question, each once, in one spelling of each letter.

    Of a very long question the first 100 different words count. Text without spaces is looked for
    by its pairs of characters.
    """
    plain = unicodedata.normalize("NFKC", question).casefold()
    phrases = (one for token in _TOKEN.findall(plain) for one in _phrases(token))
    return list(dict.fromkeys(phrases))[:_MOST_TOKENS]


def match_expression(phrases: Iterable[str]) -> str:
    """Any of these, for FTS5. They are quoted, so nothing in a question is syntax."""
    return " OR ".join(f'"{phrase}"' for phrase in phrases)


class Asked(NamedTuple):
    """Phrases that are looked for, the rarest first: all records with a `rare` one are ranked."""

    rare: Sequence[str] = ()
    usual: Sequence[str] = ()

    @property
    def expression(self) -> str:
        """Any of them, for FTS5."""
        return match_expression((*self.rare, *self.usual))

    @property
    def by_rare_words(self) -> Sequence[str]:
        """All records with a rare phrase, in parts; each is ranked by all of its phrases."""
        if not self.rare:
            return []
        rare, usual = match_expression(self.rare), match_expression(self.usual)
        return [f"({rare}) AND ({usual})", f"({rare}) NOT ({usual})"] if usual else [rare]


def telling(phrases: Sequence[str], records_with: Sequence[int], records: int) -> Asked:
    """Those of the phrases that tell records apart, given how many records have each.

    One that no record has finds none, and one that most have says nothing; it would only cost to
    look at all of them. Of many the rarest are enough. Among few records all are looked for.
    """
    found = [pair for pair in zip(phrases, records_with, strict=True) if pair[1]]
    if records > _FEW_RECORDS:
        found = [pair for pair in found if 2 * pair[1] <= records] or found
    rarest = sorted(found, key=lambda pair: pair[1])
    if records > _FEW_RECORDS:
        rarest = rarest[:MOST_TELLING]
    ranked = list(accumulate(count for _phrase, count in rarest))
    rare = sum(so_far <= MOST_RANKED for so_far in ranked)
    told = [phrase for phrase, _count in rarest]
    return Asked(told[:rare], told[rare:])


def _phrases(token: str) -> Sequence[str]:
    if _UNSPACED_CHARACTER.match(token) is None or len(token) == 1:
        return (token,)
    return [f"{first} {second}" for first, second in pairwise(token)]


def candidate_count(limit: int) -> int:
    """How many of the best matches are scored to choose `limit` of them."""
    return max(_LEAST_CANDIDATES, _CANDIDATES_PER_HIT * limit)


def score_of(candidate: Candidate, best_bm25: float, now: float) -> float:
    """The score of a candidate beside the best match of all; `now` in Unix seconds."""
    relevance = candidate.bm25 / best_bm25 if best_bm25 else 1.0
    return relevance + _weight_of(candidate, now)


def _weight_of(candidate: Candidate, now: float) -> float:
    pinned = PINNED_WEIGHT if candidate.pinned else 0.0
    half_lives = max(now - candidate.recorded_at, 0.0) / _DAY_S / HALF_LIFE_DAYS
    recency = RECENCY_WEIGHT * float(0.5**half_lives)
    return KIND_WEIGHTS[candidate.kind] + pinned + recency


def best_of(
    candidates: Sequence[Candidate], *, limit: int, now: float
) -> list[tuple[Candidate, float]]:
    """The `limit` best with their scores, best first; of equal ones the better match first."""
    best = min((one.bm25 for one in candidates), default=0.0)
    scored = [(one, round(score_of(one, best, now), 4)) for one in candidates]
    return sorted(scored, key=lambda pair: -pair[1])[:limit]


def best_of_both(
    by_words: Sequence[Candidate],
    by_vector: Sequence[tuple[Candidate, float]],
    *,
    limit: int,
    now: float,
) -> list[tuple[Candidate, float]]:
    """Like `best_of`, of records that match by their words, or by their vectors (with cosines).

    Both say how well as a share of their best match; `VECTOR_SHARE` of relevance is the vector's.
    """
    best_bm25 = min((one.bm25 for one in by_words), default=0.0) or -1.0
    best_cosine = max((cosine for _one, cosine in by_vector), default=0.0) or 1.0
    relevance = {one.number: (1 - VECTOR_SHARE) * one.bm25 / best_bm25 for one in by_words}
    for one, cosine in by_vector:
        by_now = relevance.get(one.number, 0.0)
        relevance[one.number] = by_now + VECTOR_SHARE * cosine / best_cosine
    found = {one.number: one for one in (*(one for one, _cosine in by_vector), *by_words)}
    scored = [
        (one, round(relevance[number] + _weight_of(one, now), 4)) for number, one in found.items()
    ]
    return sorted(scored, key=lambda pair: -pair[1])[:limit]


def why_of(matched: Iterable[str], kind: MemoryKind, source: MemorySource) -> str:
    """Why a record was found: the two longest of the words that matched, and what it is."""
    distinct = dict.fromkeys(word for one in matched if (word := _as_written(one)))
    words = [clipped(word, _TOLD_CHARS) for word in sorted(distinct, key=len, reverse=True)]
    reasons = [f"matched {','.join(words[:_TOLD_TOKENS])}"] if words else []
    if kind != "episode":
        reasons.append(kind)
    if source == "manual_pin":
        reasons.append("manual")
    return "; ".join(reasons)


def _as_written(matched: str) -> str:
    """A matched piece of an indexed text without the spaces that indexing has put into it."""
    parts = matched.split()
    if all(_UNSPACED_CHARACTER.fullmatch(part) for part in parts):
        return "".join(parts)
    return " ".join(parts)

"""How well memories are found: against judgements, beside plain BM25 and mentra's formula."""

import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from memory_judgements import QUESTIONS, RECORDS
from memory_synonyms import MORE_QUESTIONS, MORE_RECORDS

from mentra_actors.domain.memory import MemoryRecord
from mentra_actors.domain.memory_views import ViewedStream
from mentra_actors.providers.embedding_models import LocalEmbeddings
from projections.memory.episodes import Remembered
from projections.memory.file import IndexFile, Place
from projections.memory.ranking import (
    HALF_LIFE_DAYS,
    KIND_WEIGHTS,
    PINNED_WEIGHT,
    RECENCY_WEIGHT,
    Candidate,
    best_of,
    best_of_both,
    candidate_count,
    match_expression,
    phrases_of,
    score_of,
    searchable,
    telling,
    why_of,
)
from projections.memory.vectors import VectorSearch

NOW = 1_800_000_000.0
DAY_S = 86_400.0
DEPTH = 5


def record(record_id, kind, days_ago, content):
    sources = {"fact": "manual_pin", "summary": "auto_compaction", "episode": "auto_ingest"}
    return MemoryRecord(
        record_id=record_id,
        kind=kind,
        content=content,
        source=sources[kind],
        recorded_at=NOW - days_ago * DAY_S,
        by="shop",
        pinned=kind == "fact",
    )


class Shop:
    """The index of the memory that is judged, its records in the order of time."""

    def __init__(self, vectors_of=None):
        """`vectors_of` makes a list of texts into vectors."""
        self.file = IndexFile(None)
        in_order = sorted([*RECORDS, *MORE_RECORDS], key=lambda one: -one[2])
        records = [Remembered(record(*one), number) for number, one in enumerate(in_order, 1)]
        stream = ViewedStream("memory-shop", "agent")
        self.file.carry_on("shop", stream, (Place(), Place(1, 0, "x")), records, [])
        self.view = self.file.view("shop")
        self.vectors_of = vectors_of
        if vectors_of is not None:
            self.vectors = VectorSearch(self.file, "judged")
            digests, words = zip(*self.vectors.without(1000), strict=True)
            self.vectors.keep(digests, vectors_of(list(words)))

    def candidates(self, question, most):
        return self.file.words.candidates(self.view, self.asked(question), most)

    def asked(self, question):
        return self.file.words.asked(self.view, phrases_of(question))

    def near(self, question, most):
        near = self.vectors.nearest(self.view, self.vectors_of([question])[0], most)
        return [(one, near[one.number]) for one in self.file.candidates_of(self.view, list(near))]

    def found(self, rank, question):
        """Ids in the order of a way to rank."""
        numbers = [one.number for one in rank(self, question)]
        found = self.file.found(numbers, self.asked(question))
        return [record.record_id for record, _revision, _matched in found]

    def ndcg(self, rank, questions):
        found = [ndcg(grades, self.found(rank, words)) for words, grades in questions]
        return sum(found) / len(found)


@pytest.fixture(scope="module")
def shop():
    shop = Shop()
    yield shop
    shop.file.close()


def ours(shop, question):
    best = best_of(shop.candidates(question, candidate_count(DEPTH)), limit=DEPTH, now=NOW)
    return [one for one, _score in best]


def with_vectors(shop, question):
    most = candidate_count(DEPTH)
    by_words, by_vector = shop.candidates(question, most), shop.near(question, most)
    return [one for one, _ in best_of_both(by_words, by_vector, limit=DEPTH, now=NOW)]


def vectors_alone(shop, question):
    return [one for one, _cosine in shop.near(question, DEPTH)]


def bm25_alone(shop, question):
    return shop.candidates(question, DEPTH)


def mentras(shop, question):
    """Its formula as it is: the oldest 25 matches, of which the weakest match counts most."""
    oldest = sorted(shop.candidates(question, 1000), key=lambda one: one.number)[:25]
    kinds = {"fact": 3.0, "summary": 1.5, "episode": 0.0}

    def score(one):
        age_h = (NOW - one.recorded_at) / 3600
        text = 8 / (1 + abs(one.bm25))
        return text + kinds[one.kind] + 2 * one.pinned + 0.5 / (1 + age_h / 24)

    return sorted(oldest, key=score, reverse=True)[:DEPTH]


def ndcg(grades, found):
    def gain(one_by_one):
        return sum((2**grade - 1) / math.log2(place + 2) for place, grade in one_by_one)

    ideal = gain(enumerate(sorted(grades.values(), reverse=True)[:DEPTH]))
    return gain(enumerate(grades.get(one, 0) for one in found[:DEPTH])) / ideal


def table(shop, ranks):
    """nDCG of each way to rank: of all questions, of those in the same and in other words."""
    sets = {
        "all": [*QUESTIONS, *MORE_QUESTIONS],
        "same words": QUESTIONS,
        "other words": MORE_QUESTIONS,
    }
    rows = {
        rank.__name__: {name: shop.ndcg(rank, questions) for name, questions in sets.items()}
        for rank in ranks
    }
    print(f"\nnDCG@{DEPTH}, {len(sets['all'])} questions, {len(RECORDS + MORE_RECORDS)} records")
    for name, row in rows.items():
        print(f"{name:14}", "  ".join(f"{kind} {value:.3f}" for kind, value in row.items()))
    return rows


def test_the_judged_memory_is_found_better_than_by_words_alone(shop):
    """Weights that only look right would make answers worse; mentra's formula does."""
    figures = table(shop, (ours, bm25_alone, mentras))

    assert len(QUESTIONS + MORE_QUESTIONS) >= 40
    assert len(RECORDS + MORE_RECORDS) >= 115
    assert figures["ours"]["all"] >= figures["bm25_alone"]["all"] > figures["mentras"]["all"]
    assert figures["ours"]["same words"] > 0.89
    assert figures["ours"]["all"] > 0.61


def test_vectors_find_what_was_kept_in_other_words():
    """The model comes with its package, so these are figures of what users get."""
    pytest.importorskip("wordllama")
    shop = Shop(LocalEmbeddings()._embedded)
    figures = table(shop, (ours, with_vectors, vectors_alone))
    shop.file.close()

    assert figures["with_vectors"]["all"] > 0.82
    assert figures["with_vectors"]["all"] > figures["vectors_alone"]["all"] + 0.03
    assert figures["with_vectors"]["same words"] >= figures["ours"]["same words"]
    assert figures["with_vectors"]["other words"] > 3 * figures["ours"]["other words"]


def candidate(bm25, kind="episode", *, pinned=False, days_ago=0.0, number=1):
    return Candidate(number, bm25, kind, pinned, NOW - days_ago * DAY_S)


def test_a_better_match_has_a_higher_score():
    """In FTS5 the better match has the lower number: a formula that forgets it is upside down."""
    scores = [score_of(candidate(bm25), -9.0, NOW) for bm25 in (-9.0, -4.0, -0.5)]

    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 3


def test_a_match_of_less_than_half_the_strength_never_stands_first():
    """Kind, pin and age decide between records that match alike, and nothing else."""
    most = max(KIND_WEIGHTS.values()) + PINNED_WEIGHT + RECENCY_WEIGHT
    strong, weak = candidate(-2.0, days_ago=9999), candidate(-0.99, "fact", pinned=True, number=2)

    assert most <= 0.5
    assert [one.number for one, _ in best_of([strong, weak], limit=2, now=NOW)] == [1, 2]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"kind": "fact", "pinned": True}, {"kind": "episode"}),
        ({"kind": "fact"}, {"kind": "summary"}),
        ({"kind": "summary"}, {"kind": "episode"}),
        ({"days_ago": 1.0}, {"days_ago": 2.0}),
    ],
)
def test_of_equal_matches_the_one_that_was_meant_to_be_kept_is_first(better, worse):
    pair = [candidate(-2.0, **worse, number=1), candidate(-2.0, **better, number=2)]

    assert [one.number for one, _score in best_of(pair, limit=2, now=NOW)] == [2, 1]


def test_recency_halves_and_a_clock_that_was_wrong_does_no_harm():
    now, later = candidate(-1.0), candidate(-1.0, days_ago=-400.0)
    half = candidate(-1.0, days_ago=HALF_LIFE_DAYS)

    assert score_of(now, -1.0, NOW) == score_of(later, -1.0, NOW) == 1 + RECENCY_WEIGHT
    assert score_of(half, -1.0, NOW) == 1 + RECENCY_WEIGHT / 2
    assert score_of(candidate(0.0), 0.0, NOW) == 1 + RECENCY_WEIGHT


def test_of_records_that_words_and_vectors_find_the_best_of_both_is_first():
    both, words, near = (candidate(-2.0, number=n) for n in (1, 2, 3))
    best = best_of_both([words, both], [(near, 0.9), (both, 0.8)], limit=3, now=NOW)

    assert [one.number for one, _score in best] == [1, 3, 2]
    assert best_of_both([], [(near, 0.9)], limit=1, now=NOW)[0][0] == near


@pytest.mark.parametrize(
    ("question", "expression"),
    [
        ("", ""),
        (" ?! -- \x00 \ud800", ""),
        ("red OR (blue", '"red" OR "or" OR "blue"'),
        ('a "b" a* text:c', '"a" OR "b" OR "text" OR "c"'),
        ("Straße \uff26\uff35\uff2c\uff2c", '"strasse" OR "full"'),
        ("snake_case-id", '"snake" OR "case" OR "id"'),
        ("東京都 in 京", '"東 京" OR "京 都" OR "in" OR "京"'),
    ],
)
def test_a_question_is_words_and_never_syntax(question, expression):
    assert match_expression(phrases_of(question)) == expression


def test_a_very_long_question_is_cut():
    assert len(phrases_of(" ".join(f"w{n}" for n in range(1000)))) == 100


def test_words_that_no_record_or_nearly_all_have_are_not_looked_for():
    """The first cost nothing, the others all there is, and neither tells records apart."""
    assert telling(["rare", "none", "usual"], [1, 0, 900], 1000) == (["rare"], [])
    assert telling(["usual", "none"], [900, 0], 1000) == (["usual"], [])
    assert telling(["none"], [0], 1000) == ([], [])
    assert telling(["rare", "none", "usual"], [1, 0, 9], 10) == (["rare", "usual"], [])
    many = [f"w{n}" for n in range(50)]
    assert telling(many, list(range(50, 0, -1)), 1000) == (many[:-17:-1], [])


def test_words_that_too_many_records_have_are_looked_for_only_in_those_with_rarer_ones():
    """To rank all that have them would take longer than a request waits."""
    asked = telling(["usual", "rare", "less"], [5000, 10, 3000], 100_000)

    assert asked == (["rare", "less"], ["usual"])
    assert asked.expression == '"rare" OR "less" OR "usual"'
    assert asked.by_rare_words == [
        '("rare" OR "less") AND ("usual")',
        '("rare" OR "less") NOT ("usual")',
    ]
    assert telling(["usual"], [5000], 100_000).by_rare_words == []


def test_why_says_up_to_two_words_and_what_the_record_is():
    assert why_of(["on", "deploys", "fridays", "shop"], "fact", "manual_pin") == (
        "matched deploys,fridays; fact; manual"
    )
    assert why_of(["blue", "blue"], "episode", "auto_ingest") == "matched blue"
    assert why_of([" 東  京 "], "summary", "auto_compaction") == "matched 東京; summary"


def test_a_very_long_word_takes_no_room_from_the_record():
    """A hash or a picture in letters would fill the few characters that a recall has."""
    why = why_of(["iVBORw0KGgo" * 200, "deploys"], "episode", "auto_ingest")

    assert why.startswith("matched iVBORw0KGgo")
    assert why.endswith("…,deploys")
    assert len(why) < 70


def test_chinese_characters_are_parted_and_letters_have_one_spelling():
    assert searchable("\uff21b東京\0") == "ab 東  京  "

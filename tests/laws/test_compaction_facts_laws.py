"""What is read off a conversation is what looking at each of its lines would give."""

from hypothesis import given as forall
from hypothesis import strategies as st

from mentra_actors.domain import compaction_facts
from mentra_actors.domain.compaction_facts import MOST_FACTS, extracted_facts
from mentra_actors.domain.content import UserMessage

WORDS = st.sampled_from(
    [
        *("pytest", "TOX", "cargo", "check", "go test", "jest", "npm run test", "make", "mypy"),
        *("ruff", "eslint", "tsc", "unittest", "vitest", "Tests", "passed", "FAILS", "failure"),
        *("errors", "ok", "green", "red", "succeeded", "permission", "Permitted", "denied"),
        *("forbidden", "not allowed", "approval", "approved", "refused", "failedx", "x" * 190),
        *("pa\u017f\u017fed", "o\u212a", "te\u017ft", "\u0130", "\n", "\n\n", "\x85"),
    ]
)
TEXTS = st.lists(WORDS, max_size=12).map(" ".join)


def found(lines, *patterns):
    kept = dict.fromkeys(line for line in lines if all(one.search(line) for one in patterns))
    return tuple(kept)[-MOST_FACTS:]


@forall(st.lists(TEXTS, max_size=6))
def test_texts_without_a_word_that_counts_are_passed_over_without_a_loss(texts):
    lines = [line.strip()[:200] for text in texts for line in text.splitlines() if line.strip()]
    patterns = compaction_facts

    facts = extracted_facts([UserMessage(text=text) for text in texts])

    assert facts.outcomes == found(lines, patterns._RUNNER, patterns._OUTCOME)
    assert facts.permissions == found(lines, patterns._PERMISSION)

"""What has come of answers that are open: kept beside the log, and for how long."""

import pytest

from mentra_actors.domain.model_call import TokenUsage
from mentra_actors.effects.models.live_answers import LiveAnswers
from mentra_actors.ids import EffectId, StreamId
from mentra_actors.providers.port import TextDelta, ThinkingDelta, UsageReported
from mentra_actors.runtime.writing.tick_journal import TickJournal
from mentra_actors.store.memory_store import MemoryEventStore

LEAD, CALL = StreamId("agent-lead"), EffectId("model-1")


class Ticks:
    """Live answers over a store, whose ticks come when a test wants them."""

    def __init__(self):
        self.journal = TickJournal(MemoryEventStore())
        self._due = []
        self.answers = LiveAnswers(self.journal, lambda _seconds, call: self._due.append(call))

    def come(self):
        due, self._due = self._due, []
        for tick in due:
            tick()

    def left(self):
        """What the next process would find."""
        later = LiveAnswers(self.journal, lambda _seconds, _call: None)
        return {effect_id: partial.text for effect_id, partial in later.left(LEAD).items()}


def test_what_is_kept_of_an_answer_goes_with_its_end():
    """The log has it then; a store that keeps it twice would only grow."""
    ticks = Ticks()
    answer = ticks.answers.begin(LEAD, CALL)
    answer.take(TextDelta("Hel"))
    ticks.come()
    before = ticks.left()
    ticks.answers.end(answer)
    ticks.come()

    assert (before, ticks.left()) == ({CALL: "Hel"}, {})


def test_an_answer_that_is_broken_off_by_the_close_is_kept():
    """The call stays open on the log; the next process tells people how far it had come.

    A close that took longer than a tick, because a tool was given time to end, lost it.
    """
    ticks = Ticks()
    answer = ticks.answers.begin(LEAD, CALL)
    answer.take(TextDelta("Hel"))
    ticks.come()
    ticks.answers.close()
    ticks.answers.end(answer)
    ticks.come()

    assert ticks.left() == {CALL: "Hel"}


@pytest.mark.parametrize("count", [-5, 2**63, 1.5, "5", None])
def test_a_report_that_counts_nonsense_does_not_count(count):
    """If the answer breaks off then, the log must be able to keep what it has used."""
    ticks, used = Ticks(), TokenUsage(input_tokens=5)
    answer = ticks.answers.begin(LEAD, CALL)
    answer.take(UsageReported(usage=used))
    answer.take(UsageReported(usage=TokenUsage(input_tokens=count)))

    assert answer.usage == used


def test_a_listener_that_comes_late_is_told_where_its_first_piece_begins():
    """Nobody counts characters while nobody listens."""
    answer = Ticks().answers.begin(LEAD, CALL)
    for event in (TextDelta("Hel"), ThinkingDelta("hm"), TextDelta("lo ")):
        answer.take(event)
    told = []
    for event in (TextDelta("you"), ThinkingDelta("ah"), TextDelta("!")):
        answer.take(event)
        told.append(answer.offset_of(event))

    assert told == [6, 2, 9]
    assert answer.offset_of(UsageReported(usage=TokenUsage())) == 0


def test_pieces_between_two_ticks_ask_for_one_tick():
    ticks = Ticks()
    answer = ticks.answers.begin(LEAD, CALL)
    asked = []
    for text in ("Hel", "lo"):
        answer.take(TextDelta(text))
        asked.append(len(ticks._due))
    ticks.come()
    answer.take(TextDelta("!"))
    asked.append(len(ticks._due))

    assert asked == [1, 1, 1]
    ticks.come()
    assert ticks.left() == {CALL: "Hello!"}

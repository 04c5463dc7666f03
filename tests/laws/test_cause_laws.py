"""Laws of the walk along causes, whatever the log holds."""

import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.runtime.history.appends import append_at, appends_in
from mentra_actors.runtime.history.history import History
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore

sys.path.insert(0, str(Path(__file__).parent))
import event_strategies as events

LOGS = st.lists(
    st.tuples(
        events.APPENDS,
        st.sampled_from(
            ["AcceptPrompt", "recovery", "host", "agent-lead/model-1", "agent-lead/tool-1.0@2"]
            + ["inbox-lead@1", "agent-worker/lead/run-1@deadline", "/@", "agent-@0", "nobody@9"]
        ),
    ),
    min_size=1,
    max_size=8,
)


def recorded_log(appends):
    """A store in which these are recorded, each a nanosecond after the one before."""
    store = MemoryEventStore()
    journal = Journal(store)
    for number, (pairs, causation) in enumerate(appends):
        once = dict(pairs)  # a store takes each stream once an append
        request = events.append_request(journal, list(once.items()))
        store.append(events.replaced(request, causation=causation, recorded_at_ns=number))
    return History(store, journal), journal


@given(LOGS)
def test_every_event_has_a_walk_to_a_beginning_that_came_before_it(appends):
    """A walk that went forward, or in a circle, would never end."""
    history, _ = recorded_log(appends)

    for position in range(1, history.last_position + 1):
        chain = history.why(position)
        places = [step.global_position for step in chain.steps]
        assert places[0] == position
        assert places == sorted(set(places), reverse=True)


@given(LOGS)
def test_whatever_is_on_the_walk_back_has_the_event_among_its_effects(appends):
    """Both directions are one relation: else one of them would hide what happened."""
    history, _ = recorded_log(appends)

    for position in range(1, history.last_position + 1):
        for cause in history.why(position).steps[1:]:
            effects = history.effects_of(cause.global_position).effects
            assert position in {one.line.global_position for one in effects}


@given(LOGS)
def test_each_effect_hangs_on_one_that_is_reached(appends):
    """An effect without a way to its cause could not be explained."""
    history, _ = recorded_log(appends)

    for position in range(1, history.last_position + 1):
        reached = {position}
        for effect in history.effects_of(position).effects:
            assert effect.cause in reached
            assert effect.line.global_position > effect.cause
            reached.add(effect.line.global_position)


@given(LOGS)
def test_appends_are_put_together_as_they_were_written(appends):
    """The same from the middle of a log as from its beginning."""
    history, journal = recorded_log(appends)

    whole = list(appends_in(journal.through()))
    assert [len(one) for one in whole] == [len(dict(pairs)) for pairs, _ in appends]
    for append in whole:
        for one in append:
            assert append_at(journal, one) == append
    assert history.last_position == sum(len(one) for one in whole)

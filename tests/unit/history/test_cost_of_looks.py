"""What looks and searches read and fold: counted, so that no clock is asked."""

import pytest

from mentra_actors.domain.agent import events as e
from mentra_actors.ids import AgentId, agent_stream
from mentra_actors.runtime.history.history import History
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest
from projections import projection
from projections.running.past_views import PastViews

LEAD = agent_stream(AgentId("lead"))
EVENTS = 3000
folded = []


@projection(name="folds", initial=lambda: 0, view_type=int)
def folds(view, recorded):
    folded.append(recorded)
    return view + 1


class OfStreams:
    """The same, with a part for each stream."""

    name, version, view_type, handles = "folds_of_streams", 1, int, None

    def keys(self, recorded):
        return (recorded.stream_id,)

    def initial(self, key):
        return 0

    def apply(self, view, key, recorded):
        folded.append(recorded)
        return view + 1

    def stream_of(self, key):
        return key


OF_STREAMS = OfStreams()


class CountedStore(MemoryEventStore):
    """Counts the events of the log that are read."""

    read = 0

    def read_journal(self, **choice):
        page = super().read_journal(**choice)
        self.read += len(page)
        return page


@pytest.fixture(scope="module")
def store():
    store = CountedStore()
    events = [e.AgentRenamed(name="lead", renamed_at=0.0)] * EVENTS
    store.append(AppendRequest(streams=(Journal(store).stream_append(LEAD, events, 0),)))
    return store


@pytest.fixture(autouse=True)
def nothing_folded():
    folded.clear()


@pytest.mark.parametrize("turn", [1, 2, 700, 1500, 2999, EVENTS])
def test_a_search_of_a_view_folds_each_event_once_and_a_hundredth_again(store, turn):
    found = History(store).bisect(lambda count: count >= turn, view=folds, key="")

    assert (found.position, found.before, found.after) == (turn, turn - 1, turn)
    assert len(folded) <= EVENTS * 1.01
    assert found.looks <= 17


@pytest.mark.parametrize("turn", [1, 700, 1501, EVENTS])
@pytest.mark.parametrize("ask", ["part", "part of a stream", "parts"])
def test_a_search_of_moments_folds_each_event_once(store, turn, ask):
    asked = {
        "part": lambda moment: moment.view(folds) or 0,
        "part of a stream": lambda moment: moment.view(OF_STREAMS, LEAD) or 0,
        "parts": lambda moment: moment.parts(OF_STREAMS).get(LEAD, 0),
    }[ask]
    found = History(store).bisect(lambda moment: asked(moment) >= turn)

    assert found.position == turn
    assert len(folded) <= EVENTS


@pytest.mark.parametrize("good", [0, 1000])
@pytest.mark.parametrize("ask", ["view", "moment"])
def test_what_turned_early_is_found_without_the_rest_of_the_way(store, good, ask):
    history, turn = History(store), good + 20
    if ask == "view":
        found = history.bisect(lambda count: count >= turn, view=folds, key="", good=good)
    else:
        found = history.bisect(lambda moment: (moment.view(folds) or 0) >= turn, good=good)

    assert found.position == turn
    assert len(folded) <= good + 2 * EVENTS / 64
    assert found.looks <= 9


def test_an_end_that_nobody_needs_to_know_is_not_looked_at(store):
    """Somebody who knows that it is true there need not pay for all events before it."""
    History(store).bisect(lambda count: count >= 10, view=folds, key="")

    assert len(folded) < EVENTS * 0.6


def test_of_folds_that_are_kept_those_stay_that_would_cost_most(store):
    """A search goes on from what it found false long ago, whatever it has looked at since."""
    views = PastViews(Journal(store))
    views.parts(folds, 1000)
    for position in range(1040, 1000, -1):
        views.parts(folds, position)
    folded.clear()
    views.parts(folds, 1000)
    views.parts(folds, 999)

    assert len(folded) == 999


def test_a_view_of_rare_events_is_not_looked_for_after_its_moment():
    """A page that is filled with events that are wanted would reach to the end of the log."""
    store = CountedStore()
    journal = Journal(store)
    for stopped in (True, False):
        rare = [e.AgentStopped(stopped_at=0.0)] if stopped else []
        events = [*rare, *[e.AgentRenamed(name="lead", renamed_at=0.0)] * 20]
        store.append(AppendRequest(streams=(journal.stream_append(LEAD, events, None),)))
    store.append(
        AppendRequest(
            streams=(journal.stream_append(LEAD, [e.AgentStopped(stopped_at=0.0)], None),)
        )
    )
    store.read = 0
    found = list(journal.between(0, 30, of_types={e.AgentStopped}))

    assert [one.global_position for one in found] == [1]
    assert store.read == 1

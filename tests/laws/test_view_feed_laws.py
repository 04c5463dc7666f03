"""A snapshot and the changes from it are the snapshot of later, whatever the cut."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.domain.agent.events import AgentStopped, PromptAccepted
from mentra_actors.ids import StreamId
from mentra_actors.runtime.views import view_reading
from mentra_actors.runtime.views.view_reading import ViewReading
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest
from projections import BUILT_IN, KeyedProjection, fold_view, only, projection
from projections.running.view_changes import ViewChange, ViewSnapshot, ViewsReached


@projection(name="positions", initial=tuple, view_type=tuple[int, ...])
def positions(view, recorded):
    """Every position once, in order: shows any event that is lost, doubled or out of order."""
    return (*view, recorded.global_position)


class Texts(KeyedProjection[tuple[str, ...]], handles=[PromptAccepted]):
    """The prompts of each stream."""

    def apply(self, view, key, recorded):
        return (*view, recorded.event.text)


class Starts(Texts):
    """A part for each first letter, from many streams."""

    def key(self, recorded):
        return recorded.event.text[:1]


ALL = (positions, only(Texts(), "agent-a", "agent-c"), Starts())
EVENTS = st.one_of(
    st.sampled_from(["a", "b", "ab", "ba"]).map(
        lambda text: PromptAccepted(prompt_id=text, text=text, accepted_at=1.0)
    ),
    st.just(AgentStopped(stopped_at=1.0)),
)
PARTS = st.tuples(st.sampled_from(["agent-a", "agent-b", "agent-c"]), EVENTS)
STEPS = st.lists(
    st.one_of(
        st.lists(PARTS, min_size=1, max_size=4),
        st.tuples(st.just("read"), st.integers(1, 4)),
        st.tuples(st.just("leave"), st.integers(0, 9)),
    ),
    max_size=14,
)


def append(store, pairs):
    """One append to several streams."""
    journal = Journal(store)
    parts = [journal.stream_append(StreamId(one), [event], None) for one, event in pairs]
    store.append(AppendRequest(streams=tuple(parts)))


class Page:
    """A web page: it has what it was told, and is away now and then."""

    def __init__(self, store):
        self.store = store
        self.seen = None
        self.place = None
        self.come()

    def come(self):
        """Begin with a snapshot, or with what has changed since it left."""
        self.reading = ViewReading(self.store, ":memory:", ALL)
        self.take(self.reading.begin(self.place))

    def take(self, told, most=1_000_000):
        """Take what is told, or the beginning of it."""
        for event, _ in zip(told, range(most), strict=False):
            self.seen = event if self.seen is None else self.seen.after(event)
            self.place = event.position

    def leave(self, most):
        """Go in the middle of what is told, and come again."""
        if self.reading.is_behind():
            self.take(self.reading.carry_on(), most)
        self.come()


def whole(store):
    """All views, folded from the first event."""
    journal = Journal(store)
    return ViewSnapshot(
        position=store.last_position(),
        views={one.name: fold_view(one, journal.through()) for one in ALL},
    )


@pytest.fixture(scope="module", params=[1, 2, 1000])
def page_events(request):
    """How many events a page of the log has."""
    usual = view_reading._PAGE_EVENTS
    view_reading._PAGE_EVENTS = request.param
    yield request.param
    view_reading._PAGE_EVENTS = usual


@pytest.mark.usefixtures("page_events")
@given(STEPS)
def test_whoever_looks_converges(steps):
    """Slow, quick, or away for a while, and cut off in the middle of what is told."""
    store = MemoryEventStore()
    page = Page(store)
    for step in steps:
        if not isinstance(step, tuple):
            append(store, step)
        elif step[0] == "leave":
            page.leave(step[1])
        elif page.reading.is_behind():
            page.take(page.reading.carry_on())
    while page.reading.is_behind():
        page.take(page.reading.carry_on())

    assert page.seen.views == whole(store).views


def test_what_is_told_is_json_that_says_what_it_is():
    """A browser reads it without knowing our classes."""
    views = {one.name: fold_view(one, []) for one in BUILT_IN}
    change = ViewChange(view="a", key="b", position=1, part=(1, 2))
    for event in (ViewSnapshot(position=1, views=views), change, ViewsReached(position=3)):
        read = msgspec.json.decode(msgspec.json.encode(event))
        assert read["kind"] in {"view_snapshot", "view_change", "views_reached"}
        assert read["position"] == event.position

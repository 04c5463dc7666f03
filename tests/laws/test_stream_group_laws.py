"""What is read of a log for some streams is what all of it says of them, group by group."""

from hypothesis import given as forall
from hypothesis import strategies as st

from mentra_actors.ids import StreamId
from mentra_actors.runtime.replay.stream_groups import StreamGroups
from mentra_actors.runtime.replay.walk import groups_of
from mentra_actors.store.log_pages import stored_between
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest, EncodedEvent, StreamAppend

NAMES = [StreamId(f"agent-{letter}") for letter in "abcd"]
PARTS = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(1, 40)), min_size=1, max_size=3)
APPENDS = st.lists(st.tuples(PARTS, st.integers(0, 1)), max_size=60)


def store_of(appends):
    """A store with appends of these streams and sizes; some neighbours have the same stamp."""
    store = MemoryEventStore()
    for parts, moment in appends:
        streams = tuple(
            StreamAppend(stream_id=name, events=(EncodedEvent("made.up.v1", b""),) * count)
            for name, count in dict(parts).items()
        )
        store.append(AppendRequest(streams=streams, recorded_at_ns=moment))
    return store


def touching(groups, wanted):
    return [group for group in groups if any(one.stream_id in wanted for one in group)]


@forall(APPENDS, st.sets(st.sampled_from(NAMES)), st.data())
def test_the_groups_of_some_streams_are_those_of_the_whole_log(appends, wanted, data):
    store = store_of(appends)
    through = data.draw(st.integers(0, store.last_position()))
    whole = touching(groups_of(stored_between(store, 0, through)), wanted)

    assert list(StreamGroups(store, wanted, after=0, through=through)) == whole


@forall(APPENDS, st.sampled_from(NAMES), st.data())
def test_what_is_read_from_a_place_on_begins_with_the_group_that_holds_it(appends, name, data):
    store = store_of(appends)
    through = store.last_position()
    after = data.draw(st.integers(0, through))
    whole = touching(groups_of(stored_between(store, 0, through)), {name})
    later = [
        group
        for group in whole
        if any(one.stream_id == name and one.global_position > after for one in group)
    ]

    assert list(StreamGroups(store, [name], after=after, through=through)) == later


@forall(APPENDS)
def test_a_stream_that_is_added_on_the_way_is_given_from_there_on(appends):
    """Who reads the log from its beginning learns of a subagent where it is made."""
    store = store_of(appends)
    first, second, *_ = NAMES
    wanted, whole = {first}, []
    for group in groups_of(stored_between(store, 0, store.last_position())):
        if touching([group], wanted):
            wanted.add(second)
            whole.append(group)
    groups = StreamGroups(store, [first], after=0, through=store.last_position())
    found = []
    for group in groups:
        groups.add(second)
        found.append(group)

    assert found == whole

"""Milestones that keep only what has changed: they open to what was saved, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.actors.milestones import (
    EVENTS_PER_MILESTONE,
    MilestoneMaker,
    milestone_spacing,
    state_through,
)
from mentra_actors.codec.milestone_codec import distance_to_base, packed_changes, unpacked_state
from mentra_actors.ids import StreamId
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import StateSnapshot

A = StreamId("agent-a")
STATES = st.binary(min_size=1, max_size=40).map(lambda found: b"\x85" + found)


def snapshot(version, state, **more):
    return StateSnapshot(
        stream_id=A, stream_version=version, fold_version=1, payload=state, **more
    )


def saved(states, *, maker=None, store=None, since=0):
    """A store with milestones of these states, by version."""
    maker, store = maker or MilestoneMaker(), store or MemoryEventStore()
    for version, state in states.items():
        milestone = maker.due(snapshot(version, state), since=since)
        if milestone is not None:
            store.save_snapshot(milestone)
        since = version
    return store


def state_of(store, version):
    found = state_through(store, A, version)
    return None if found is None else (found.stream_version, found.payload)


@given(st.dictionaries(st.integers(1, 30), STATES, min_size=1), st.integers(0, 3500))
def test_any_states_come_back_as_they_were(states, version):
    states = {100 * number + number % 7: states[number] for number in sorted(states)}
    store = saved(states)
    before = [one for one in states if one <= version]

    assert state_of(store, version) == ((before[-1], states[before[-1]]) if before else None)


def test_most_milestones_keep_only_what_has_changed_and_some_are_whole():
    store = saved(dict.fromkeys(range(100, 3000, 100), b"\x81" + b"same" * 200))
    alone = [v for v, one in store._milestones[A].items() if not distance_to_base(one.payload)]

    assert alone == [100, 500, 1000, 1500, 2000, 2500]


@given(STATES, STATES, STATES)
def test_changes_open_beside_no_other_state(state, base, other):
    packed = packed_changes(state, base, 100)

    assert unpacked_state(packed, base) == state
    assert unpacked_state(packed, other) == (state if other == base else None)
    assert unpacked_state(packed) is None


@pytest.mark.parametrize("harm", ["gone", "another", "damaged"])
def test_a_milestone_whose_base_is_lost_is_as_good_as_none(harm):
    store = saved({100: b"\x81one", 200: b"\x81two", 300: b"\x81three", 1000: b"\x81four"})
    kept = store._milestones[A]
    if harm == "gone":
        del kept[100]
    else:
        payload = b"\x81other" if harm == "another" else b"\x78damaged"
        kept[100] = snapshot(100, payload, is_milestone=True)

    assert state_of(store, 350) is None
    assert state_of(store, 1000) == (1000, b"\x81four")


def test_milestones_of_earlier_releases_are_read_and_built_upon():
    """They are not packed, and a thousand events apart."""
    store, maker = MemoryEventStore(), MilestoneMaker()
    store.save_snapshot(snapshot(1000, b"\x81old", is_milestone=True))
    maker.begin(A, 1000, b"\x81old")
    saved({1100: b"\x81new"}, maker=maker, store=store, since=1000)

    assert state_of(store, 1099) == (1000, b"\x81old")
    assert state_of(store, 1100) == (1100, b"\x81new")
    assert distance_to_base(store._milestones[A][1100].payload) == 100


def test_two_processes_that_take_turns_leave_what_both_can_read():
    """Each knows its own milestones only: one that took over begins with a whole one."""
    store = MemoryEventStore()
    saved({100: b"\x81a", 200: b"\x81b"}, store=store)
    saved({310: b"\x81c", 420: b"\x81d"}, store=store, since=200)

    assert [state_of(store, version)[1] for version in (210, 320, 420)] == [
        b"\x81b",
        b"\x81c",
        b"\x81d",
    ]


def test_milestones_of_large_states_are_farther_apart():
    assert milestone_spacing(0) == milestone_spacing(9000) == EVENTS_PER_MILESTONE
    assert milestone_spacing(60_000) == 4 * EVENTS_PER_MILESTONE
    assert milestone_spacing(1 << 30) == 1000

    large = b"\x81" + bytes(100_000)
    store = saved(dict.fromkeys(range(100, 2100, 100), large))
    assert list(store._milestones[A]) == [700, 1400]
    assert state_of(store, 1500) == (1400, large)

"""A branch is the log that its origin would have been, had it gone on in this other way."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.errors import StoreError, VersionConflict
from mentra_actors.ids import StreamId
from mentra_actors.store.branches.branch_file import BranchRecord
from mentra_actors.store.branches.branch_store import BranchStore
from mentra_actors.store.branches.shared_past import SharedPast
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import (
    Appended,
    AppendRequest,
    EncodedEvent,
    EventStore,
    StateSnapshot,
    StreamAppend,
)

STREAMS = [StreamId(one) for one in ("agent-a", "agent-b", "inbox-a", "team-x")]

appends = st.builds(
    lambda streams: AppendRequest(streams=tuple(streams), recorded_at_ns=7, causation="test"),
    st.lists(
        st.builds(
            lambda stream_id, count, expected, tag: StreamAppend(
                stream_id=stream_id,
                events=tuple(EncodedEvent(f"law.{tag}.v1", b"%d" % n) for n in range(count)),
                expected_version=expected,
            ),
            st.sampled_from(STREAMS),
            st.integers(0, 3),
            st.none() | st.none() | st.integers(0, 6),
            st.sampled_from(["one", "two"]),
        ),
        max_size=3,
        unique_by=lambda one: one.stream_id,
    ),
)
requests = st.lists(appends, max_size=8)


def outcome(store: EventStore, request: AppendRequest) -> Appended | str:
    try:
        return store.append(request)
    except StoreError as error:
        return f"{type(error).__name__}: {error}"


def branched(origin: EventStore) -> BranchStore:
    cut = origin.last_position()
    record = BranchRecord(name="try", created_at=0.0, cut=cut)
    return BranchStore(SharedPast(origin, cut), MemoryEventStore(), record)


def everything(store: EventStore) -> object:
    last = store.last_position()
    pages = [
        list(store.read_journal(after=after, limit=limit, **only))
        for after in range(-1, last + 1)
        for limit in (1, 3, 1000)
        for only in ({}, {"categories": ["agent"]}, {"event_types": ["law.one.v1"]})
    ]
    ranges = [(0, None), (1, 2), (2, 9), (3, None), (0, 1)]
    streams = [
        (
            store.stream_version(one),
            [list(store.read_stream(one, after=a, through=t)) for a, t in ranges],
        )
        for one in STREAMS
    ]
    versions = [store.stream_version(one) for one in STREAMS]
    return (
        last,
        pages,
        streams,
        versions,
        [store.stream_ids(one) for one in ("agent", "inbox", "team")],
    )


def append_all(store: EventStore, many: Iterable[AppendRequest]) -> list[Appended | str]:
    return [outcome(store, one) for one in many]


@given(before=requests, after=requests, meanwhile=requests)
def test_a_branch_is_what_its_origin_would_have_become(
    before: list[AppendRequest], after: list[AppendRequest], meanwhile: list[AppendRequest]
) -> None:
    """Whatever the origin records after the cut, the branch neither sees nor changes."""
    origin, model = MemoryEventStore(), MemoryEventStore()
    append_all(origin, before)
    append_all(model, before)
    branch = branched(origin)
    append_all(origin, meanwhile)
    origin_before = everything(origin)

    assert everything(branch) == everything(model)
    assert append_all(branch, after) == append_all(model, after)
    assert everything(branch) == everything(model)
    assert everything(origin) == origin_before


@given(first=requests, second=requests, third=requests)
def test_a_branch_of_a_branch_is_one_log_too(
    first: list[AppendRequest], second: list[AppendRequest], third: list[AppendRequest]
) -> None:
    """Numbers are translated twice then, and must come out as if nothing had been."""
    origin, model = MemoryEventStore(), MemoryEventStore()
    append_all(origin, first)
    lower = branched(origin)
    append_all(lower, second)
    upper = branched(lower)
    append_all(lower, first)
    append_all(model, [*first, *second])

    assert append_all(upper, third) == append_all(model, third)
    assert everything(upper) == everything(model)


def test_a_refusal_speaks_of_the_versions_of_the_branch() -> None:
    """An actor reloads by them; those of the own log would send it in circles."""
    origin = MemoryEventStore()
    events = tuple(EncodedEvent("law.one.v1", b"x") for _ in range(5))
    origin.append(AppendRequest(streams=(StreamAppend(stream_id=STREAMS[0], events=events),)))
    branch = branched(origin)

    for expected in (0, 3, 6):
        with pytest.raises(VersionConflict) as refused:
            branch.append(
                AppendRequest(
                    streams=(
                        StreamAppend(
                            stream_id=STREAMS[0], events=events, expected_version=expected
                        ),
                    )
                )
            )
        assert (refused.value.expected, refused.value.actual) == (expected, 5)


def test_a_mark_is_settled_by_versions_of_the_branch() -> None:
    """Mail that came after the cut must keep its mark until it is taken."""
    origin = MemoryEventStore()
    one = EncodedEvent("law.one.v1", b"x")
    inbox = STREAMS[2]
    origin.append(AppendRequest(streams=(StreamAppend(stream_id=inbox, events=(one, one)),)))
    branch = branched(origin)
    branch.append(
        AppendRequest(
            streams=(StreamAppend(stream_id=inbox, events=(one,)),), open_streams=(inbox,)
        )
    )

    branch.append(AppendRequest(settled=((inbox, 1), (inbox, 2))))
    assert branch.open_streams() == [inbox]
    branch.append(AppendRequest(settled=((inbox, 3),)))
    assert list(branch.open_streams()) == []


def test_a_snapshot_of_the_origin_counts_if_it_is_not_after_the_cut() -> None:
    """Else an agent of the branch would remember what has not happened there."""
    origin = MemoryEventStore()
    five = tuple(EncodedEvent("law.one.v1", b"x") for _ in range(5))
    agent = STREAMS[0]

    def saved(store: EventStore, version: int) -> None:
        store.save_snapshot(
            StateSnapshot(stream_id=agent, stream_version=version, fold_version=1, payload=b"s")
        )

    origin.append(AppendRequest(streams=(StreamAppend(stream_id=agent, events=five),)))
    saved(origin, 4)
    branch = branched(origin)
    early = branch.load_snapshot(agent)
    assert early is not None
    assert early.stream_version == 4

    origin.append(AppendRequest(streams=(StreamAppend(stream_id=agent, events=five),)))
    saved(origin, 7)
    assert branch.load_snapshot(agent) is None

    branch.append(AppendRequest(streams=(StreamAppend(stream_id=agent, events=five),)))
    saved(branch, 8)
    own = branch.load_snapshot(agent)
    assert own is not None
    assert own.stream_version == 8
    newest = origin.load_snapshot(agent)
    assert newest is not None
    assert newest.stream_version == 7

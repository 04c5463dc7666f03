"""What holds of every projection, whatever is recorded and wherever pages and processes end."""

import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.envelope import SkippedEvent
from mentra_actors.ids import category_of
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from projections import BUILT_IN, MAILBOX, ROSTER, TASK_BOARD, TRANSCRIPT, fold_view, projection
from projections.contract import sees
from projections.running.runner import ProjectionRunner
from projections.stores.memory_views import MemoryViews
from projections.views.task_board import board_groups
from projections.views.transcript import items_of_pages, transcript_items

sys.path.insert(0, str(Path(__file__).parent))
import event_strategies as events


@projection(name="positions", initial=tuple, view_type=tuple[int, ...])
def positions(view, recorded):
    """Every position once, in order: shows any event that is lost, doubled or out of order."""
    return (*view, recorded.global_position)


ALL = (*BUILT_IN, positions)
each = pytest.mark.parametrize("each", ALL, ids=lambda found: found.name)
STEPS = st.lists(
    st.one_of(
        events.APPENDS,
        st.tuples(st.sampled_from(["catch_up", "restart"]), st.integers(1, 7)),
    ),
    max_size=14,
)


@each
@given(events.JOURNALS)
def test_apply_is_total(each, journal):
    """No history may stop a view: not a strange order, not a later release's events."""
    parts = fold_view(each, journal)

    encoded = {key: msgspec.msgpack.encode(part) for key, part in parts.items()}
    decoder = msgspec.msgpack.Decoder(each.view_type)
    assert {key: decoder.decode(data) for key, data in encoded.items()} == parts


@each
@given(events.JOURNALS)
def test_skipped_events_change_nothing(each, journal):
    """A view is the same as if an event that says nothing to this release were not there."""
    known = [recorded for recorded in journal if not isinstance(recorded.event, SkippedEvent)]

    assert fold_view(each, journal) == fold_view(each, known)


@each
@given(events.JOURNALS)
def test_apply_changes_nothing_in_place(each, journal):
    """A view that was handed out stays what it was, whatever is folded after it."""
    for end in range(len(journal)):
        before = fold_view(each, journal[:end])
        stored = msgspec.msgpack.encode(before)
        if not sees(each)(journal[end]):
            continue
        for key in each.keys(journal[end]):
            each.apply(before.get(key, each.initial(key)), key, journal[end])

        assert msgspec.msgpack.encode(before) == stored


@given(STEPS)
def test_pages_and_restarts_leave_no_trace(steps):
    """Wherever pages end and processes restart, the views are those of one fold."""
    store, views = MemoryEventStore(), MemoryViews()
    journal = Journal(store)
    runner = ProjectionRunner(store, views, ALL, page_events=3)
    for step in steps:
        match step:
            case ("catch_up", ahead):
                runner.catch_up(through=runner.checkpoint() + ahead)
            case ("restart", page_events):
                runner = ProjectionRunner(store, views, ALL, page_events=page_events)
            case pairs:
                store.append(events.append_request(journal, pairs))
    runner.catch_up()

    recorded = journal.read_journal(limit=10_000)
    for found in ALL:
        assert runner.parts(found.name) == fold_view(found, recorded)


@given(
    st.lists(events.APPENDS, min_size=3, max_size=9),
    st.lists(st.tuples(st.integers(0, 1), st.integers(1, 4)), max_size=12),
)
def test_two_followers_share_the_work(appends, turns):
    """Two processes that carry the same views on in turns count no event twice."""
    store, views = MemoryEventStore(), MemoryViews()
    journal = Journal(store)
    for pairs in appends:
        store.append(events.append_request(journal, pairs))
    pair = [ProjectionRunner(store, views, ALL, page_events=n) for n in (2, 3)]
    for whose, ahead in turns:
        pair[whose].catch_up(through=pair[whose].checkpoint() + ahead)
    pair[0].catch_up()

    recorded = journal.read_journal(limit=10_000)
    for found in ALL:
        assert pair[0].parts(found.name) == fold_view(found, recorded)


@given(st.lists(events.APPENDS, max_size=8), st.integers(0, 20))
def test_as_of_a_moment_is_the_fold_of_the_prefix(appends, moment):
    """Views kept up to a position are the views folded up to it."""
    store = MemoryEventStore()
    journal = Journal(store)
    for pairs in appends:
        store.append(events.append_request(journal, pairs))
    runner = ProjectionRunner(store, MemoryViews(), ALL, page_events=4)
    runner.catch_up(through=moment)

    prefix = [r for r in journal.read_journal(limit=10_000) if r.global_position <= moment]
    for found in ALL:
        assert runner.parts(found.name) == fold_view(found, prefix)


@given(st.lists(events.APPENDS, max_size=8), st.integers(0, 20), st.integers(1, 4))
def test_a_view_that_sees_few_events_is_the_fold_of_all(appends, moment, page_events):
    """What is passed over unread changes nothing; and neither does making it anew."""
    store = MemoryEventStore()
    journal = Journal(store)
    for pairs in appends:
        store.append(events.append_request(journal, pairs))
    few = [TASK_BOARD, MAILBOX]
    runner = ProjectionRunner(store, MemoryViews(), few, page_events=page_events)
    runner.catch_up(through=moment)
    runner.rebuild("task_board")
    runner.catch_up()
    runner.rebuild("mailbox")

    recorded = journal.read_journal(limit=10_000)
    for found in few:
        assert runner.parts(found.name) == fold_view(found, recorded)
    assert runner.checkpoint() == store.last_position()


@given(st.lists(events.APPENDS, max_size=8), st.sampled_from(events.STREAMS), st.integers(0, 9))
def test_a_transcript_as_of_a_version_is_a_prefix(appends, stream_id, version):
    """Going back in time shows what was there, in the same words, and nothing else."""
    store = MemoryEventStore()
    journal = Journal(store)
    for pairs in appends:
        store.append(events.append_request(journal, pairs))
    runner = ProjectionRunner(store, MemoryViews(), [TRANSCRIPT])
    runner.catch_up()
    pages = runner.parts("transcript", f"{stream_id}/")

    then = transcript_items(journal, stream_id, through_version=version)
    now = items_of_pages(pages)
    assert then == [item for item in now if item.stream_version <= version]


@given(events.JOURNALS)
def test_each_task_is_in_one_group(journal):
    """No task of a board is shown twice or left out."""
    for board in fold_view(TASK_BOARD, journal).values():
        groups = board_groups(board)
        shown = [task for name in groups.__struct_fields__ for task in getattr(groups, name)]

        assert sorted(task.task_id for task in shown) == sorted(board.state.tasks)


@given(events.JOURNALS)
def test_the_roster_agrees_with_the_agent(journal):
    """What people see of an agent is what it decides by: its run, its round, its open calls."""
    views = fold_view(ROSTER, [r for r in journal if category_of(r.stream_id) == "agent"])
    for key, member in views.items():
        if category_of(key) != "agent":
            continue
        own = [r.event for r in journal if r.stream_id == key and type(r.event) in AGENT_EVENTS]
        state = AGENT.fold(own)
        open_calls = tuple(call.key for call in state.calls if call.status != "closed")

        assert member.is_working == (state.run is not None)
        assert member.is_stopped == state.stopped
        assert member.open_calls == open_calls
        assert state.run is None or member.rounds == state.run.rounds
        assert member.mail_unplaced == state.waiting_mail
        assert member.mail_taken_through == state.mail_taken_through


AGENT_EVENTS = frozenset(found for found in events.EVENT_TYPES if "agent." in events.tag(found))

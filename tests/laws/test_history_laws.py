"""What holds of every look into the past, whatever is recorded."""

import itertools
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.actors.past_states import PastStates
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.board.decider import BOARD
from mentra_actors.domain.conversation_tree import Transcript, closed
from mentra_actors.domain.transcript import apply
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import StreamId
from mentra_actors.runtime.history.conversations import PastConversations
from mentra_actors.runtime.history.history import History
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from projections import BUILT_IN, TASK_BOARD, fold_view, projection
from projections.contract import sees
from projections.running.kept_folds import KeptFolds
from projections.running.past_views import PartsOfStreams
from projections.running.runner import ProjectionRunner
from projections.stores.memory_views import MemoryViews
from projections.views.board_differences import board_difference
from projections.views.transcript import last_transcript_items, transcript_items

sys.path.insert(0, str(Path(__file__).parent))
import event_strategies as events


@projection(name="positions", initial=tuple, view_type=tuple[int, ...])
def positions(view, recorded):
    """Every position once, in order: shows any event that is lost, doubled or out of order."""
    return (*view, recorded.global_position)


ALL = (*BUILT_IN, positions)
APPENDS = st.lists(events.APPENDS, max_size=8)


def log_of(appends):
    """A store with these appends."""
    store = MemoryEventStore()
    journal = Journal(store)
    for pairs in appends:
        store.append(events.append_request(journal, pairs))
    return store, journal


@given(APPENDS, st.lists(st.integers(0, 30), max_size=3), st.integers(0, 20))
def test_as_of_a_position_is_the_fold_of_the_prefix(appends, moments, kept_through):
    """In whatever order moments are looked at, whatever was folded for them, or kept before."""
    store, journal = log_of(appends)
    views = MemoryViews()
    ProjectionRunner(store, views, ALL).catch_up(through=kept_through)
    history = History(store, kept=KeptFolds(views, store))
    recorded = journal.read_journal(limit=10_000)
    for moment in moments:
        then = history.at(min(moment, history.last_position))
        for each in ALL:
            prefix = fold_view(each, [r for r in recorded if r.global_position <= then.position])

            assert {key: then.view(each, key) for key in prefix} == prefix
            assert then.parts(each) == prefix


@given(events.JOURNALS)
def test_a_part_of_one_stream_is_touched_by_no_other(journal):
    """Else a look that reads only this stream would show too little."""
    ours = [each for each in ALL if isinstance(each, PartsOfStreams)]
    for each, recorded in itertools.product(ours, journal):
        for key in each.keys(recorded) if sees(each)(recorded) else ():
            assert each.stream_of(key) in (None, recorded.stream_id)


@given(APPENDS, st.sampled_from(events.STREAMS), st.integers(0, 40))
def test_a_stream_has_at_a_position_what_was_recorded_by_then(appends, stream_id, position):
    _, journal = log_of(appends)

    found = journal.version_at(stream_id, position)
    recorded = [r for r in journal.read_stream(stream_id) if r.global_position <= position]
    assert found == max((r.stream_version for r in recorded), default=0)


@pytest.mark.parametrize("decider", [AGENT, BOARD], ids=lambda found: found.category)
@given(APPENDS, st.integers(0, 30))
def test_a_state_as_of_a_version_is_the_fold_up_to_it(decider, appends, version):
    store, journal = log_of(appends)
    for stream_id in (StreamId("agent-lead"), StreamId("board-red")):
        version = min(version, store.stream_version(stream_id))
        recorded = journal.read_stream(stream_id, through=version)

        folded = decider.fold(one.event for one in recorded)
        assert PastStates(decider, store).at(stream_id, version) == folded


@given(APPENDS, st.sampled_from(events.STREAMS), st.integers(0, 30), st.integers(0, 9))
def test_the_end_of_a_transcript_is_the_end_of_all_of_it(appends, stream_id, version, count):
    _, journal = log_of(appends)

    whole = transcript_items(journal, stream_id, through_version=version)
    end = last_transcript_items(journal, stream_id, count, through_version=version)
    assert end == (whole[-count:] if count else [])


@given(APPENDS, st.integers(0, 30), st.integers(0, 30), st.sampled_from([None, ""]))
def test_bisect_finds_the_event_that_made_it_true(appends, count, good, key):
    """For a predicate that stays true it is the first such event; a refusal says that none is."""
    store, journal = log_of(appends)
    history = History(store)
    good = min(good, history.last_position)
    recorded = journal.read_journal(limit=10_000)
    numbers = [r.global_position for r in filter(sees(positions), recorded)]

    def predicate(view):
        seen = view if key is not None else view.get("", ())
        return len(seen) > count

    makes_true = [p for p in numbers if sum(n <= p for n in numbers) > count and p > good]
    if not makes_true or sum(n <= good for n in numbers) > count:
        with pytest.raises(CommandRejected):
            history.bisect(predicate, view=positions, key=key, good=good)
        return
    found = history.bisect(predicate, view=positions, key=key, good=good)
    looked = history.bisect(lambda moment: len(moment.view(positions) or ()) > count, good=good)

    assert found.position == looked.position == makes_true[0]
    assert found.event.global_position == found.position
    assert not predicate(found.before)
    assert predicate(found.after)


APPLIED = []


@projection(name="spoilt", initial=list, view_type=list[int])
def spoilt(view, recorded):
    """Positions in a list, which whoever asks may change; each fold of an event is counted."""
    APPLIED.append(recorded.global_position)
    return [*view, recorded.global_position]


@given(APPENDS, st.integers(0, 30), st.integers(0, 30), st.sampled_from([None, ""]))
def test_bisect_folds_each_event_once_whatever_a_predicate_does_to_what_it_is_given(
    appends, count, good, key
):
    store, _ = log_of(appends)
    history = History(store)
    good = min(good, history.last_position)

    def spoils(view):
        seen = view if key is not None else view.setdefault("", [])
        is_true = len(seen) > count
        seen.extend([0] * 50)
        return is_true

    def spoils_moments(moment):
        return spoils(
            {"": moment.view(spoilt) or []} if key is None else moment.view(spoilt) or []
        )

    try:
        expected = History(store).bisect(
            lambda moment: len(moment.view(positions) or ()) > count, good=good
        )
    except CommandRejected:
        for ask in (spoils_moments, spoils):
            view = {"view": spoilt, "key": key} if ask is spoils else {}
            with pytest.raises(CommandRejected):
                history.bisect(ask, good=good, **view)
        return
    for ask, once_more in ((spoils, 1), (spoils_moments, 0)):
        APPLIED.clear()
        view = {"view": spoilt, "key": key} if ask is spoils else {}
        found = History(store).bisect(ask, good=good, **view)

        assert found.position == expected.position
        assert len(APPLIED) <= len(log_events(store)) + once_more


def log_events(store):
    return Journal(store).read_journal(limit=10_000)


@given(APPENDS, st.integers(0, 30), st.integers(0, 30))
def test_two_moments_differ_nowhere_only_if_they_are_equal(appends, one, other):
    store, _ = log_of(appends)
    history = History(store)
    first, second = (history.at(min(at, history.last_position)) for at in (one, other))
    for each in ALL:
        found = history.diff(first, second, view=each)

        assert (found == ()) == (first.parts(each) == second.parts(each))
        assert len(found) == len({(difference.how, difference.path) for difference in found})


@given(APPENDS, st.integers(0, 30))
def test_every_task_that_changed_is_told_once(appends, moment):
    store, _ = log_of(appends)
    history = History(store)
    then, now = history.at(min(moment, history.last_position)), history.at()
    for key, after in now.parts(TASK_BOARD).items():
        before = then.view(TASK_BOARD, key) or TASK_BOARD.initial(key)
        found = board_difference(before, after)
        told = [
            *(task.task_id for task in (*found.created, *found.deleted)),
            *(one.task.task_id for one in found.changed),
        ]
        tasks = before.state.tasks, after.state.tasks
        differ = {one for one in tasks[0] | tasks[1] if tasks[0].get(one) != tasks[1].get(one)}

        assert len(told) == len(set(told))
        assert set(told) <= differ | _moved(before, after)


def _moved(before, after):
    """Tasks whose blockers have changed move without a change of their own."""
    return {one for one in before.state.tasks if after.state.tasks.get(one)}


@given(APPENDS, st.lists(st.integers(1, 30), max_size=5))
def test_a_conversation_as_of_a_version_is_its_fold_whatever_was_looked_at_before(
    appends, versions
):
    """Looks go on from one another, and share what they have in common."""
    store, journal = log_of(appends)
    stream_id = StreamId("agent-lead")
    conversations = PastConversations(journal)
    looked = []
    for version in (min(one, store.stream_version(stream_id)) for one in versions):
        looked.append((version, conversations.at(stream_id, version)))
        for at, found in looked:
            folded = Transcript()
            for one in journal.read_stream(stream_id, through=at):
                folded = apply(folded, one.event)

            assert found == closed(folded)

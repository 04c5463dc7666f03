"""What holds of logs in which one stored event is read as several, or as none."""

import sys
from pathlib import Path

from hypothesis import given as forall
from hypothesis import strategies as st

from mentra_actors.actors.inline_view import InlineFold, InlineView
from mentra_actors.actors.state_loading import StateLoader
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.board.decider import BOARD
from mentra_actors.domain.inbox import INBOX, Mail, MailDelivered
from mentra_actors.domain.lease import LEASE
from mentra_actors.domain.team import TEAM
from mentra_actors.envelope import UnknownEvent
from mentra_actors.ids import StreamId, agent_stream, inbox_stream
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.testing.hand_driven import HandDriven
from projections import BUILT_IN, fold_view, projection
from projections.running.runner import ProjectionRunner
from projections.stores.memory_views import MemoryViews

sys.path.insert(0, str(Path(__file__).parent))
import event_strategies as events
from old_release import CODEC, Bundle, append, heard, meant, rows_of, store_of

STORED = st.one_of(
    events.EVENTS, st.lists(events.KNOWN_EVENTS, max_size=3).map(Bundle), events.KNOWN_EVENTS
)
LOGS = st.lists(
    st.lists(st.tuples(st.sampled_from(events.STREAMS), STORED), min_size=1, max_size=4),
    max_size=8,
)
"""Appends of stored events, each with its stream."""


# --- places -----------------------------------------------------------------------------------


@forall(LOGS)
def test_places_are_those_of_stored_events(appends):
    """Positions and versions have no gap and are never shared, except by parts of one event."""
    store = store_of(appends)
    journal = Journal(store, CODEC)
    recorded = journal.read_journal(limit=10_000)
    for position, (stream_id, stored) in enumerate(rows_of(appends), start=1):
        parts = [one for one in recorded if one.global_position == position]

        assert [one.part for one in parts] == list(range(max(1, len(meant(stored)))))
        assert {one.stream_id for one in parts} == {stream_id}
        assert heard(parts) == meant(stored)
    places = [(one.global_position, one.part) for one in recorded]
    assert places == sorted(set(places))
    for stream_id in {stream_id for stream_id, _ in rows_of(appends)}:
        versions = [one.stream_version for one in journal.read_stream(stream_id)]
        assert sorted(set(versions)) == list(range(1, store.stream_version(stream_id) + 1))


@forall(LOGS, st.integers(1, 5), st.integers(0, 20))
def test_a_page_ends_between_stored_events(appends, limit, moment):
    """Whoever goes on after the last position of a page misses no part and sees none twice."""
    store = store_of(appends)
    journal = Journal(store, CODEC)
    whole, paged = journal.read_journal(limit=10_000), []
    while page := journal.read_journal(
        after=paged[-1].global_position if paged else 0, limit=limit
    ):
        paged += page

    assert paged == whole
    assert list(journal.through(moment)) == [r for r in whole if r.global_position <= moment]
    for stream_id in events.STREAMS:
        of_stream = journal.read_stream(stream_id)
        assert journal.read_stream(stream_id, through=moment) == [
            r for r in of_stream if r.stream_version <= moment
        ]
        assert journal.read_stream(stream_id, after=moment) == [
            r for r in of_stream if r.stream_version > moment
        ]


# --- folds ------------------------------------------------------------------------------------


@forall(LOGS)
def test_an_actor_loads_what_the_events_mean_at_the_version_of_the_last_one(appends):
    """With another version its next append would be refused, again and again."""
    store = store_of(appends)
    journal = Journal(store, CODEC)
    for decider in (AGENT, TEAM, BOARD, LEASE, INBOX):
        for stream_id in store.stream_ids(decider.category):
            loaded = StateLoader(decider, store, journal).load(stream_id)
            said = [event for s, one in rows_of(appends) if s == stream_id for event in meant(one)]

            assert loaded.state == decider.fold(said)
            assert loaded.version == store.stream_version(stream_id)


@projection(name="heard", initial=tuple, view_type=tuple[str, ...])
def everything(view, recorded):
    """Every event once, in order: shows any that is lost, doubled or out of order."""
    return (*view, repr(recorded.event))


STEPS = st.lists(st.tuples(st.sampled_from(["catch_up", "restart"]), st.integers(1, 5)))


@forall(LOGS, STEPS)
def test_views_count_each_part_once(appends, steps):
    """Wherever pages end and processes restart: no part twice, and nothing holds a view up."""
    store, views, every = store_of(appends), MemoryViews(), (*BUILT_IN, everything)
    runner = ProjectionRunner(store, views, every, codec=CODEC, page_events=2)
    for step, number in steps:
        if step == "catch_up":
            runner.catch_up(through=runner.checkpoint() + number)
        else:
            runner = ProjectionRunner(store, views, every, codec=CODEC, page_events=number)
    runner.catch_up()
    said = tuple(repr(event) for _, one in rows_of(appends) for event in meant(one))

    assert runner.checkpoint() == store.last_position()
    assert (runner.view("heard") or ()) == said
    recorded = Journal(store, CODEC).read_journal(limit=10_000)
    for found in BUILT_IN:
        assert runner.parts(found.name) == fold_view(found, recorded)


@forall(LOGS, st.integers(0, 9))
def test_a_projection_that_fails_at_a_part_takes_no_part_of_the_event(appends, fatal):
    """Half of an event in a view would be counted again when the projection is mended."""
    seen = []

    @projection(name="fragile", initial=tuple, view_type=tuple[int, ...])
    def fragile(view, recorded):
        seen.append(recorded)
        if len(seen) > fatal:
            raise ZeroDivisionError
        return (*view, recorded.global_position)

    runner = ProjectionRunner(store_of(appends), MemoryViews(), [fragile], codec=CODEC)
    runner.catch_up()
    [status] = runner.status()
    if status.failure:
        assert all(at < status.failed_position for at in runner.view("fragile") or ())
        assert status.checkpoint < status.failed_position


VIEW = InlineFold(initial=(), apply=lambda view, event: (*view, event), is_needed_by=bool)


PLACES = st.integers(0, 8)


@forall(st.lists(STORED, min_size=8, max_size=8), st.lists(st.tuples(PLACES, PLACES)))
def test_the_view_of_an_effect_has_each_part_once(stored, steps):
    """A model must not be shown half of what was said, or a message twice or out of turn."""
    stream_id = StreamId("agent-lead")
    journal = Journal(store_of([[(stream_id, one)] for one in stored]), CODEC)
    view, folded = InlineView(VIEW, journal, stream_id), 0
    view.for_effect(True, 0)
    for after, through in [*steps, (9, 8)]:
        if after < through:
            view.extend(journal.read_stream(stream_id, after=after, through=through))
            folded = max(folded, through) if after <= folded else folded
        else:
            folded = max(folded, through)
            expected = tuple(event for one in stored[:folded] for event in meant(one))

            assert view.for_effect(True, through) == expected


# --- letters ----------------------------------------------------------------------------------

PROFILE = e.AgentProfile(agent_id="lead", name="lead", team_id="main", role="r", model="m")
LEAD, LETTERS = agent_stream("lead"), inbox_stream("lead")
BATCHES = st.lists(
    st.tuples(
        st.lists(st.sampled_from(["one", "two at once", "none", "later"]), max_size=5),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)
"""What arrives at a time, and whether the process dies afterwards."""


class Post:
    """Fills the inbox as releases of all ages did; `sent` are the letters that can be read."""

    def __init__(self, store):
        self.store = store
        self.sent = []

    def deliver(self, kind):
        match kind:
            case "one":
                stored = self._letter()
            case "two at once":
                stored = Bundle([self._letter(), self._letter()])
            case "none":
                stored = Bundle()
            case "later":
                stored = UnknownEvent(event_type="inbox.burnt.v9", payload=b"\x80")
        append(self.store, (LETTERS, stored))

    def _letter(self):
        self.sent.append(f"m{len(self.sent)}")
        return MailDelivered(
            mail=Mail(mail_id=self.sent[-1], sender="host", to="lead", body="Hi.", sent_at=0.0)
        )


@forall(BATCHES)
def test_each_letter_of_an_old_inbox_is_taken_once(batches):
    """Mail is neither lost nor taken twice, however an earlier release has stored it."""
    store = MemoryEventStore()
    post = Post(store)
    append(store, (LEAD, e.AgentSpawned(profile=PROFILE, spawned_at=0.0)))
    system = HandDriven(store, codec=CODEC)
    try:
        for arrivals, dies in batches:
            for kind in arrivals:
                post.deliver(kind)
            system.directory.wake(LEAD)
            system.directory.stream_was_written(LETTERS)
            system.settle()
            if dies:
                system.close()
                system = HandDriven(store, codec=CODEC)
        events_of_lead = heard(system.journal.read_stream(LEAD))
    finally:
        system.close()
    taken = [m.mail_id for one in events_of_lead if isinstance(one, e.MailTaken) for m in one.mail]

    assert taken == post.sent
    assert AGENT.fold(events_of_lead).mail_taken_through == store.stream_version(LETTERS)


@forall(LOGS, st.integers(1, 5))
def test_a_view_that_sees_few_events_finds_those_of_earlier_releases(appends, page_events):
    """What an older tag stands for today is known only when it was read."""
    store = store_of(appends)
    few = [one for one in BUILT_IN if one.name in ("mailbox", "task_board")]
    runner = ProjectionRunner(store, MemoryViews(), few, codec=CODEC, page_events=page_events)
    runner.catch_up()

    recorded = Journal(store, CODEC).read_journal(limit=10_000)
    for found in few:
        assert runner.parts(found.name) == fold_view(found, recorded)

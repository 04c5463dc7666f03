"""The state of a stream as of any version: right, and not folded from the first event."""

import pytest

from mentra_actors.actors.milestones import EVENTS_PER_MILESTONE
from mentra_actors.actors.past_states import PastStates
from mentra_actors.actors.state_loading import StateLoader
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.ids import AgentId, agent_stream
from mentra_actors.runtime.history.history import History
from mentra_actors.store.branches.branch_file import BranchRecord
from mentra_actors.store.branches.branch_store import BranchStore
from mentra_actors.store.branches.shared_past import SharedPast
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest
from projections import projection
from projections.running.kept_folds import KeptFolds
from projections.running.runner import ProjectionRunner
from projections.stores.memory_views import MemoryViews

LEAD = agent_stream(AgentId("lead"))
LONG = 3 * EVENTS_PER_MILESTONE + 40


class CountingStore(MemoryEventStore):
    """Counts the events of streams that are read."""

    def __init__(self):
        super().__init__()
        self.read = 0

    def read_stream(self, stream_id, *, after=0, through=None):
        found = super().read_stream(stream_id, after=after, through=through)
        self.read += len(found)
        return found


@pytest.fixture
def store():
    """An agent that was renamed at each version: its name says which one it is."""
    store = CountingStore()
    profile = e.AgentProfile(agent_id="lead", name="n1", team_id="main", role="lead", model="m")
    events = [
        e.AgentSpawned(profile=profile, spawned_at=0.0),
        *(e.AgentRenamed(name=f"n{version}", renamed_at=0.0) for version in range(2, LONG + 1)),
    ]
    part = Journal(store).stream_append(LEAD, events, 0)
    store.append(AppendRequest(streams=(part,)))
    return store


def name_at(store, version):
    return PastStates(AGENT, store).at(LEAD, version).profile.name


def test_a_look_at_any_version_gives_the_state_of_that_version(store):
    versions = (1, 2, EVENTS_PER_MILESTONE, EVENTS_PER_MILESTONE + 1, LONG)

    assert [name_at(store, version) for version in versions] == [f"n{v}" for v in versions]
    assert PastStates(AGENT, store).at(LEAD, 0) == AGENT.initial


def test_the_first_look_into_an_old_log_makes_the_later_ones_cheap(store):
    """Logs of earlier releases have no milestones."""
    name_at(store, LONG)
    first, store.read = store.read, 0
    middle = name_at(store, LONG // 2)

    assert first == LONG
    assert middle == f"n{LONG // 2}"
    assert store.read <= EVENTS_PER_MILESTONE


def test_normal_work_leaves_milestones(store):
    """Each save of a snapshot asks whether it has passed the place of one."""
    loader = StateLoader(AGENT, store)
    loader.save(LEAD, loader.load(LEAD))

    assert store.snapshot_through(LEAD, LONG).stream_version == LONG
    assert store.snapshot_through(LEAD, LONG - 1) is None
    assert list(store._milestones[LEAD]) == [LONG]


def test_a_milestone_of_another_fold_is_not_used(store):
    """`evolve` has changed its meaning; the events have not."""
    name_at(store, LONG)
    kept = store._milestones[LEAD]
    for version, one in kept.items():
        kept[version] = type(one)(
            stream_id=LEAD,
            stream_version=version,
            fold_version=AGENT.fold_version + 1,
            payload=one.payload,
            is_milestone=True,
        )

    assert name_at(store, LONG - 7) == f"n{LONG - 7}"


def test_a_branch_begins_with_what_its_origin_has_kept_before_the_cut():
    """Else the first opening of a branch of a long log folds all of it, for each agent."""
    origin = CountingStore()
    loader, loaded = StateLoader(AGENT, origin), StateLoader(AGENT, origin).load(LEAD)
    while loaded.version < 900:
        renamed = [
            e.AgentRenamed(name=f"n{loaded.version}-{n}", renamed_at=0.0) for n in range(50)
        ]
        part = Journal(origin).stream_append(LEAD, renamed, loaded.version)
        origin.append(AppendRequest(streams=(part,)))
        state, version = AGENT.fold(renamed, loaded.state), loaded.version + 50
        loaded = loader.save(LEAD, loaded._replace(state=state, version=version))
    for cut in (450, 550, 799):
        record = BranchRecord(name="try", created_at=0.0, cut=cut)
        branch = BranchStore(SharedPast(origin, cut), MemoryEventStore(), record)
        found = StateLoader(AGENT, branch).load(LEAD)

        assert found.state == AGENT.fold(Journal(origin).events(LEAD, through=cut))
        assert (found.version, found.snapshot_version) == (cut, cut // 100 * 100)


def test_a_state_that_lacks_events_is_not_kept(store):
    """A later release reads them, and would miss them for ever."""
    journal = Journal(store)
    name_at(store, 3)
    part = journal.stream_append(LEAD, [e.AgentRenamed(name="x", renamed_at=0.0)], LONG)
    odd = part.events[0].__class__("agent.of_tomorrow.v1", b"\x80")
    more = part.__class__(stream_id=LEAD, events=(odd,) * (3 * EVENTS_PER_MILESTONE))
    store.append(AppendRequest(streams=(more,)))
    name_at(store, LONG + 2 * EVENTS_PER_MILESTONE)

    assert max(store._milestones[LEAD]) <= LONG


def test_a_view_that_is_kept_beside_the_log_is_where_a_look_begins(store):
    """Only what was recorded after its checkpoint is folded; views of other logs are not used."""
    views = MemoryViews()
    runner = ProjectionRunner(store, views, [counted])
    runner.catch_up(through=LONG - 10)
    seen.clear()
    found = History(store, kept=KeptFolds(views, store)).at(LONG - 5).view(counted)
    events_folded = len(seen)
    other = CountingStore()
    part = Journal(other).stream_append(LEAD, [e.AgentStopped(stopped_at=0.0)] * LONG, 0)
    other.append(AppendRequest(streams=(part,)))

    assert found == LONG - 5
    assert events_folded == 5
    assert History(other, kept=KeptFolds(views, other)).at().view(counted) == LONG
    assert len(seen) == 5 + LONG


seen = []


@projection(name="counted", initial=lambda: 0, view_type=int)
def counted(view, recorded):
    seen.append(recorded)
    return view + 1

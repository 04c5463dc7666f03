"""A process that is killed while it keeps states: what is kept is right, or not there.

Normal work keeps a snapshot and a milestone now and then; a look into a log without milestones
makes all of them. Both are killed at each step, in a directory and in SQLite.
"""

import os
import shutil

import pytest

from mentra_actors.actors.milestones import EVENTS_PER_MILESTONE
from mentra_actors.actors.past_states import PastStates
from mentra_actors.actors.state_loading import StateLoader
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.ids import AgentId, TeamId, agent_stream
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import open_event_store, open_journal_reader
from mentra_actors.store.ports import AppendRequest

EVERY = {"lmdb": 3, "sqlite": 7}
if os.environ.get("MENTRA_CRASH_CAMPAIGN") == "full":
    EVERY = dict.fromkeys(EVERY, 1)
LEAD = agent_stream(AgentId("lead"))
LAST = 550
AT_ONCE = 50
LOOKED_AT = (1, 99, 100, 101, 250, 351, 499, 500, 501, LAST)


def events_after(version):
    """The next events; at each version the agent has the name of that version."""
    for number in range(version + 1, version + AT_ONCE + 1):
        if number > 1:
            yield e.AgentRenamed(name=f"n{number}", renamed_at=0.0)
            continue
        profile = AgentProfile(
            agent_id=AgentId("lead"), name="n1", team_id=TeamId("main"), role="lead", model="m:x"
        )
        yield e.AgentSpawned(profile=profile, spawned_at=0.0)


def work(name, keeps=True):
    """Go on to the last event, and keep states as an actor does."""
    store = open_event_store(name, durability="volatile")
    journal, loader = Journal(store), StateLoader(AGENT, store)
    loaded = loader.load(LEAD)
    while loaded.version < LAST:
        events = list(events_after(loaded.version))
        part = journal.stream_append(LEAD, events, loaded.version)
        store.append(AppendRequest(streams=(part,)))
        state = AGENT.fold(events, loaded.state)
        loaded = loaded._replace(state=state, version=loaded.version + len(events))
        if keeps:
            loaded = loader.save(LEAD, loaded)
            store.append(AppendRequest())
    store.close()


def look(name):
    """Look at the end of a log without milestones, which makes them."""
    store = open_event_store(name, durability="volatile")
    PastStates(AGENT, store).at(LEAD, LAST)
    store.close()


def assert_right(reader):
    """Any state of the past is the fold of the log, wherever it is folded from."""
    last = reader.stream_version(LEAD)
    past = PastStates(AGENT, reader)
    for version in (one for one in (*LOOKED_AT, last) if one <= last):
        assert past.at(LEAD, version) == AGENT.fold(Journal(reader).events(LEAD, through=version))
        assert not version or past.at(LEAD, version).profile.name == f"n{version}"


def assert_whole(name, task):
    """As it was left; then, after the work went on to its end, whole, and near to what is kept.

    A milestone is missing if the process died between it and the snapshot: then a look folds more.
    """
    reader = open_journal_reader(name)
    assert_right(reader)
    reader.close()
    task(name)
    store = open_event_store(name)
    assert store.stream_version(LEAD) == LAST
    assert_right(store)
    for version in LOOKED_AT:
        found = store.snapshot_through(LEAD, version)
        assert version - (found.stream_version if found else 0) < 3 * EVENTS_PER_MILESTONE
    store.close()


def store_in(directory, kind):
    return directory / "team" if kind == "lmdb" else f"sqlite:{directory / 'team.sqlite'}"


@pytest.mark.crash
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["lmdb", "sqlite"])
@pytest.mark.parametrize("task", [work, look])
def test_a_kill_at_any_step_leaves_states_that_are_right(killer, tmp_path, kind, task):
    """A state that is kept wrongly would be believed for ever."""
    begin = tmp_path / "begin"
    begin.mkdir()
    if task is look:
        work(store_in(begin, kind), keeps=False)
    else:
        open_event_store(store_in(begin, kind)).close()
    place = tmp_path / "place"
    name = store_in(place, kind)

    def fresh():
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(begin, place)
        return [name]

    kills = 0
    for _, is_killed in killer.steps(task.__name__, fresh, every=EVERY[kind]):
        kills += is_killed
        assert_whole(name, task)
    assert kills > 2  # how many steps there are depends on what is committed together

"""What is read of a log for one agent says of it what the whole log does, in every release."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from golden_journal import fill, releases, stored_in

from mentra_actors.ids import AgentId, agent_stream, name_of, team_stream
from mentra_actors.runtime.replay.recordings import read_recording, write_recording
from mentra_actors.runtime.replay.releases import ReleasesOfLog
from mentra_actors.runtime.replay.run_choice import chosen_run
from mentra_actors.runtime.replay.scripts import run_scripts
from mentra_actors.runtime.replay.stream_groups import agent_events
from mentra_actors.runtime.replay.walk import steps_of
from mentra_actors.runtime.views.agent_lists import agents_of, member_id, member_view
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from projections.contract import fold_view
from projections.views.roster import ROSTER, TeamMembers


@pytest.fixture(params=releases(), scope="module")
def store(request):
    store = MemoryEventStore()
    fill(store, stored_in(request.param))
    return store


def agents_in(store):
    return [AgentId(name_of(one)) for one in store.stream_ids("agent")]


def test_an_agent_is_decided_again_alone_as_among_all(store):
    journal = Journal(store)
    for agent_id in agents_in(store):
        streams = {agent_stream(agent_id)}
        alone = agent_events(store, journal, [agent_id])

        told = steps_of(alone, streams=streams, release_of=ReleasesOfLog(journal))
        assert list(told) == list(steps_of(journal.through(), streams=streams))


def test_a_recording_says_which_release_has_decided_it(store, tmp_path):
    """Else a decider that is changed today could pass as one of an older release."""
    steps = {one.position: one.release for one in steps_of(Journal(store).through())}
    for agent_id in agents_in(store):
        file = tmp_path / f"{agent_id}.jsonl"
        write_recording(store, file, agent_id)
        recording = read_recording(file)
        releases = recording.header.releases
        positions = {one.global_position: one.epoch for one in recording.recorded}
        for position in positions.keys() & steps.keys():
            assert releases[positions[position]] == steps[position]


def test_a_run_is_the_same_whether_or_not_what_was_before_is_gone_through(store):
    journal = Journal(store)
    found = 0
    for agent_id, scripts in run_scripts(journal.through(), agents_in(store)).items():
        for script in scripts:
            found += 1
            assert chosen_run(store, journal, agent_id, "lead", script.run_id) == script

    assert found


def test_a_member_is_found_by_its_name_as_in_the_whole_roster(store):
    journal = Journal(store)
    parts = fold_view(ROSTER, journal.through())
    teams = [name_of(key) for key, part in parts.items() if isinstance(part, TeamMembers)]
    assert teams
    for team in teams:
        members = agents_of(journal, team)
        for one in members:
            assert member_id(journal, one.name, team) == one.agent_id
            assert member_view(journal, one.name, team) == one
        for gone in parts[team_stream(team)].agents.keys() - {one.name for one in members}:
            assert member_id(journal, gone, team) is None
        assert member_id(journal, "nobody", team) is None

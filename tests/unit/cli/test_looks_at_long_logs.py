"""Looks at a team of a long log: what was folded once is kept beside it, and says the same."""

from contextlib import closing

import pytest

from mentra_actors import list_agents
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.ids import AgentId, TeamId, agent_stream
from mentra_actors.runtime.views.kept_views import views_directory
from mentra_actors.runtime.views.view_reading import LONG_LOG
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import AppendRequest

TEAM = TeamId("main")


def put(store, name, events):
    stream_id = agent_stream(AgentId(name))
    part = Journal(store).stream_append(stream_id, events, None)
    store.append(AppendRequest(streams=(part,)))


def spawned(name):
    profile = AgentProfile(agent_id=AgentId(name), name=name, team_id=TEAM, role="", model="x:y")
    return e.AgentSpawned(profile=profile, spawned_at=0.0)


@pytest.fixture
def store(tmp_path):
    """A log of somebody who was told a new name again and again."""
    path = tmp_path / "team.mentra"
    renamed = [e.AgentRenamed(name="lead", renamed_at=0.0)] * LONG_LOG
    with closing(LmdbEventStore.open(path, durability="volatile")) as opened:
        put(opened, "lead", [spawned("lead"), *renamed])
    return path


def names_in(document):
    return [one["name"] for one in document]


def test_a_second_look_at_the_agents_begins_where_the_first_one_ended(mentra, store):
    assert names_in(mentra.json("agents", "--store", store)) == ["lead"]
    assert views_directory(store).is_dir()

    with closing(LmdbEventStore.open(store)) as opened:
        put(opened, "ada", [spawned("ada")])
        put(opened, "lead", [e.RunStarted(run_id="r", started_at=1.0)])
    shown = mentra.json("agents", "--store", store)
    assert [(one["name"], one["status"]) for one in shown] == [
        (one.name, one.status) for one in list_agents(store)
    ]
    then = mentra.json("at", "now", "--store", store)
    assert names_in(then["roster"]) == ["lead", "ada"]


def test_views_that_cannot_be_read_hide_nobody(mentra, store):
    views_directory(store).mkdir()
    (views_directory(store) / "data.mdb").write_bytes(b"no view at all" * 1000)

    assert names_in(mentra.json("agents", "--store", store)) == ["lead"]


def test_a_short_log_is_folded_and_nothing_is_kept_beside_it(mentra, team_store):
    assert mentra("agents", "--json", "--store", team_store) == 0
    assert not views_directory(team_store).exists()

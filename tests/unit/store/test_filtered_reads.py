"""What a reader gives that is asked for some tags and some categories only."""

from contextlib import closing

import pytest

from mentra_actors.domain.agent.events import PromptAccepted, RunStarted
from mentra_actors.domain.lease import LeaseRenewed
from mentra_actors.ids import AgentId, CommandId, RunId, agent_stream, category_of, lease_stream
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest

APPENDS = 30
TYPES = [(), ("agent.run_started.v1",), ("agent.prompt_accepted.v1", "lease.renewed.v1"), ("x",)]
CATEGORIES = [(), ("lease",), ("agent",), ("none",)]


@pytest.fixture(params=["lmdb", "memory"])
def store(request, tmp_path):
    opened = (
        LmdbEventStore.open(tmp_path / "store", durability="volatile")
        if request.param == "lmdb"
        else MemoryEventStore()
    )
    journal, agent = Journal(opened), agent_stream(AgentId("ann"))
    with closing(opened):
        for number in range(APPENDS):
            told = PromptAccepted(prompt_id=CommandId(f"p{number}"), text="x", accepted_at=1.0)
            run = RunStarted(run_id=RunId(f"ann/run-{number}"), started_at=1.0)
            renewed = LeaseRenewed(epoch=1, expires_at=float(number))
            parts = (
                journal.stream_append(agent, [told, run], None),
                journal.stream_append(lease_stream("writer"), [renewed], None),
            )
            opened.append(AppendRequest(streams=parts))
        yield opened


@pytest.mark.parametrize("event_types", TYPES)
@pytest.mark.parametrize("categories", CATEGORIES)
def test_a_filtered_page_has_what_a_whole_read_has_of_it(store, event_types, categories):
    """Also where it begins in the midst of an append."""
    every = store.read_journal(limit=1000)
    wanted = [
        one
        for one in every
        if (not event_types or one.event_type in event_types)
        and (not categories or category_of(one.stream_id) in categories)
    ]
    for after in (0, 1, 2, 3, 40, 41, len(every)):
        found = store.read_journal(
            after=after, limit=1000, event_types=event_types, categories=categories
        )
        assert list(found) == [one for one in wanted if one.global_position > after]


@pytest.mark.parametrize(("after", "through"), [(0, 20), (0, 90), (31, 50), (50, 90), (40, 40)])
def test_events_between_two_positions_are_those_of_the_wanted_classes(store, after, through):
    """In the middle of a log and near its end, where a reader may filter in another way."""
    journal = Journal(store)
    every = [one for one in journal.through() if after < one.global_position <= through]

    found = list(journal.between(after, through, of_types=[RunStarted]))

    assert found == [one for one in every if type(one.event) is RunStarted]
    assert list(journal.between(after, through)) == every

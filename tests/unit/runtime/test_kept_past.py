"""The calls of the agent that was asked about last are carried on, whatever is asked next."""

import pytest

from mentra_actors.domain.agent.commands import AcceptPrompt
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.past_calls import agent_past
from mentra_actors.ids import AgentId, CommandId, agent_stream
from mentra_actors.runtime.agents.kept_past import KeptPast
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest
from mentra_actors.testing.agent_strategies import SPAWNED

LEAD, ADA = agent_stream(AgentId("lead")), agent_stream(AgentId("ada"))


class CountedStore(MemoryEventStore):
    """Counts the events of streams that are read."""

    read = 0

    def read_stream(self, stream_id, **choice):
        page = super().read_stream(stream_id, **choice)
        self.read += len(page)
        return page


def told(text):
    """The events of an agent that was told something."""
    prompt = AcceptPrompt(prompt_id=CommandId("p"), text=text, now=1.0)
    return [SPAWNED, *AGENT.decide(prompt, AGENT.fold([SPAWNED]))]


@pytest.fixture
def store():
    store = CountedStore()
    pairs = ((LEAD, "Go."), (ADA, "Come."))
    parts = tuple(Journal(store).stream_append(one, told(text), 0) for one, text in pairs)
    store.append(AppendRequest(streams=parts))
    return store


def test_any_look_after_any_other_tells_what_the_stream_says(store):
    journal = Journal(store)
    kept, last = KeptPast(journal), store.stream_version(LEAD)
    looks = [(LEAD, 2), (LEAD, last), (ADA, last), (LEAD, last), (LEAD, 1), (LEAD, 1), (ADA, 2)]
    for stream_id, version in looks:
        assert kept.at(stream_id, version) == agent_past(
            journal.events(stream_id, through=version)
        )


def test_a_later_look_reads_what_has_come_since(store):
    kept, last = KeptPast(Journal(store)), store.stream_version(LEAD)
    kept.at(LEAD, last - 1)
    store.read = 0
    kept.at(LEAD, last)

    assert store.read == 1

"""A store with one agent, and the real actors on it, driven by hand."""

import pytest

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.state import call_key
from mentra_actors.domain.content import TextBlock, ToolCallBlock
from mentra_actors.domain.model_call import ModelReply, StopReason
from mentra_actors.ids import agent_stream
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest
from mentra_actors.testing.failing_store import FailingStore
from mentra_actors.testing.hand_driven import HandDriven
from projections.views.dead_letters import stored_supervision

LEAD = agent_stream("lead")


class Bench:
    """What these tests need again and again."""

    lead = LEAD

    def __init__(self):
        self.memory = MemoryEventStore()
        self.store = FailingStore(self.memory)
        self.journal = Journal(self.memory)
        profile = e.AgentProfile(
            agent_id="lead", name="lead", team_id="main", role="lead", model="m"
        )
        self.write(LEAD, [e.AgentSpawned(profile=profile, spawned_at=0.0)], 0)
        self.systems = []
        self.system = self.boot()

    def boot(self, **options):
        """A process on the store; the one before it is dead."""
        for system in self.systems:
            system.close()
        self.system = HandDriven(self.store, **options)
        self.systems.append(self.system)
        return self.system

    def write(self, stream_id, events, expected):
        """Append behind the back of every actor."""
        part = self.journal.stream_append(stream_id, events, expected)
        self.memory.append(AppendRequest(streams=(part,)))

    def prompt(self, prompt_id, text="Go on."):
        """Send a prompt to the lead; its answers."""
        return self.system.send(LEAD, c.AcceptPrompt(prompt_id=prompt_id, text=text, now=0.0))

    def send(self, command, **options):
        """Send a command to the lead; its answers."""
        return self.system.send(LEAD, command, **options)

    def reply(self, effect_id, *tools, retry="never"):
        """The outcome of a model call that asks for tools, or says that all is done."""
        blocks = tuple(ToolCallBlock(call_id=n, name=n, arguments="{}") for n in tools)
        plans = tuple(
            e.CallPlan(key=call_key(effect_id, i), retry=retry, parallel=True)
            for i in range(len(tools))
        )
        answer = ModelReply(
            blocks=blocks or (TextBlock(text="Done."),), stop_reason=StopReason.END_TURN
        )
        return c.RecordModelReply(effect_id=effect_id, reply=answer, plans=plans, now=0.0)

    def events(self):
        """Names of what stands on the lead's log."""
        return [type(one.event).__name__ for one in self.journal.read_stream(LEAD)]

    def state(self):
        """The lead as its log tells of it."""
        return AGENT.fold(one.event for one in self.journal.read_stream(LEAD))

    def letters(self):
        """The dead letters on the log."""
        return list(stored_supervision(self.journal).letters)

    def started(self):
        """Ids of the effects that this process has started, in order."""
        return [order.effect_id for order in self.system.effects.started]


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.store.recover()
    bench.store.let_go()
    bench.system.close()

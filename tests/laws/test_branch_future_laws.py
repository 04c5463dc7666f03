"""The same inputs after a fork give the same log: a branch differs by what is done in it alone."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent.effects import CallModel, RunTool
from mentra_actors.domain.agent.events import AgentBranched, AgentSpawned
from mentra_actors.domain.agent.events.calls import CallPlan
from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.domain.agent.state import call_key
from mentra_actors.domain.content import TextBlock, ToolCallBlock
from mentra_actors.domain.model_call import ModelReply, StopReason
from mentra_actors.domain.tool_call import ToolOutcome
from mentra_actors.ids import AgentId, CommandId, TeamId, agent_stream
from mentra_actors.runtime.writing.branch_settling import settle_branch
from mentra_actors.runtime.writing.lone_writer import LoneWriter
from mentra_actors.store.branches.branch_file import BranchRecord
from mentra_actors.store.branches.branch_store import BranchStore
from mentra_actors.store.branches.shared_past import SharedPast
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest, Fence
from mentra_actors.testing.hand_driven import HandDriven
from mentra_actors.testing.manual_clock import ManualClock

LEAD = agent_stream(AgentId("lead"))
PROFILE = AgentProfile(
    agent_id=AgentId("lead"),
    name="lead",
    team_id=TeamId("main"),
    role="lead",
    model="scripted:x",
)
inputs = st.lists(
    st.tuples(st.sampled_from(["prompt", "answer", "call", "result"]), st.text(max_size=4)),
    max_size=6,
)


START = ManualClock().now()


def founded():
    store = MemoryEventStore()
    spawned = AgentSpawned(profile=PROFILE, spawned_at=0.0)
    part = Journal(store).stream_append(LEAD, [spawned], 0)
    store.append(AppendRequest(streams=(part,)))
    return store


def play(store, script, *, first):
    """One process that gets these inputs, each at a time that its number says."""
    system = HandDriven(store)
    system.directory.wake(LEAD)
    system.settle()
    for number, (kind, text) in enumerate(script, start=first):
        system.clock.advance(START + number - system.clock.now())
        command = command_of(system, kind, text, number)
        if command is not None:
            system.send(LEAD, command)
            system.settle()
    system.close()


def command_of(system, kind, text, number):
    now = system.clock.now()
    if kind == "prompt":
        return c.AcceptPrompt(prompt_id=CommandId(f"p{number}"), text=f"do {text}", now=now)
    wanted = RunTool if kind == "result" else CallModel
    running = system.effects.running
    found = sorted(key for key, order in running.items() if isinstance(order.effect, wanted))
    if not found:
        return None
    effect = running.pop(found[0]).effect
    if kind == "result":
        return c.RecordToolOutcome(key=effect.key, outcome=ToolOutcome(content=text), now=now)
    call = ToolCallBlock(call_id=f"c{number}", name="look", arguments="{}")
    blocks = (call,) if kind == "call" else (TextBlock(text=text or "."),)
    plans = (CallPlan(key=call_key(effect.effect_id, 0)),) if kind == "call" else ()
    reply = ModelReply(blocks=blocks, stop_reason=StopReason.END_TURN)
    return c.RecordModelReply(
        effect_id=effect.effect_id, reply=reply, plans=plans, salt="s" * len(plans), now=now
    )


def branched(origin, cut, **fields):
    record = BranchRecord(name="try", created_at=0.0, cut=cut, salt="branch", **fields)
    return BranchStore(SharedPast(origin, cut), MemoryEventStore(), record)


def settled(branch):
    journal, clock = Journal(branch), ManualClock()
    writer = LoneWriter(branch, journal, clock, Fence("writer", 1))
    settle_branch(branch, journal, clock, branch.record, writer.record)
    return branch


def is_at_rest(store):
    return not any(one.startswith("agent") for one in store.open_streams())


@given(before=inputs, after=inputs)
@settings(max_examples=20)
def test_the_same_inputs_after_a_fork_give_the_same_log(before, after):
    origin = founded()
    play(origin, before, first=1)
    cut = origin.last_position()
    if not is_at_rest(origin):
        before = [*before, *[("answer", "."), ("result", ".")] * 6, ("answer", ".")]
        origin = founded()
        play(origin, before, first=1)
        cut = origin.last_position()
    branch = settled(branched(origin, cut, open_effects="resume"))
    play(origin, after, first=100)
    play(branch, after, first=100)

    assert list(branch.read_journal()) == list(origin.read_journal())


@given(before=inputs)
@settings(max_examples=15)
def test_nothing_is_open_where_everything_was_interrupted(before):
    """Whatever was open at the cut, the branch waits for nothing, and the log says what became
    of it; the origin waits for all of it still."""
    origin = founded()
    play(origin, before, first=1)
    left, journal = list(origin.open_streams()), list(origin.read_journal())
    branch = settled(branched(origin, origin.last_position()))

    assert list(branch.open_streams()) == []
    settled(branch)
    last = branch.last_position()
    assert settled(branch).last_position() == last
    assert list(origin.open_streams()) == left
    assert list(origin.read_journal()) == journal
    if left:
        assert last > len(journal)


@given(before=inputs, broken_off_after=st.integers(0, 6))
@settings(max_examples=15)
def test_settling_goes_on_where_it_was_broken_off(before, broken_off_after):
    """A process may die between any two appends of the first opening."""
    origin = founded()
    play(origin, before, first=1)
    whole = settled(branched(origin, origin.last_position()))
    branch = branched(origin, origin.last_position())
    journal, clock = Journal(branch), ManualClock()
    writer = LoneWriter(branch, journal, clock, Fence("writer", 1))
    left = [broken_off_after]

    class Died(Exception):
        pass

    def write(stream_id, command):
        if not left[0]:
            raise Died
        left[0] -= 1
        return writer.record(stream_id, command)

    try:
        settle_branch(branch, journal, clock, branch.record, write)
    except Died:
        settled(branch)

    def told(store):
        events = [one.event for one in Journal(store).read_stream(LEAD)]
        return [one for one in events if not isinstance(one, AgentBranched)]

    assert told(branch) == told(whole)
    assert list(branch.open_streams()) == []

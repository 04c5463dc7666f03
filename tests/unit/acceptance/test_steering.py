"""Words for a run that is at work: when they are said, and that each is said once."""

import sys
from pathlib import Path

import anyio
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from paced_model import Gate, PacedModel, agent_with, tool_at

from mentra_actors import CommandRejected, Continue, ProviderError, RunFailed, call
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import UserMessage
from mentra_actors.errors import StoreFull
from mentra_actors.providers.scripted import position
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.testing.failing_store import FailingStore

pytestmark = pytest.mark.anyio

REFUSED = ProviderError("no", kind="http", transient=False, status=400)
QUEUES = pytest.mark.parametrize("queue", ["steer", "follow_up"])


def words(request):
    """What people say in a request."""
    return [message.text for message in request.messages if isinstance(message, UserMessage)]


# --- when they are said -----------------------------------------------------------------------


async def test_a_steer_in_the_middle_of_an_answer_is_in_the_next_request():
    """Nobody has to wait for a long answer to say that it goes wrong."""
    model = PacedModel(["A wrong answer.", "A right answer."], delta_chars=8)
    async with agent_with(model) as agent, agent.stream("Go") as live:
        await model.gate.reached()
        assert (await agent.snapshot()).current_text == "A wrong "
        await agent.steer("Left, not right.")
        model.gate.let_go()
        await model.gate.reached()
        model.gate.let_go()
        reply = await live.result()

    assert [words(request) for request in model.requests] == [["Go"], ["Go", "Left, not right."]]
    assert reply.text == "A right answer."


async def test_a_follow_up_is_said_when_the_run_would_end(played):
    """Between a tool and the next step it would only disturb."""
    gate = Gate()
    async with played([[call("look")], "First.", "Second."], tool_at(gate)) as team:
        agent = await team.spawn()
        async with agent.stream("Go") as live:
            await gate.reached()
            await agent.follow_up("And then?")
            gate.let_go()
            reply = await live.result()

    assert [words(request) for request in team.requests] == [["Go"], ["Go"], ["Go", "And then?"]]
    assert reply.text == "Second."


@QUEUES
async def test_a_queue_is_taken_one_at_a_time_unless_it_is_told_otherwise(played, queue):
    """Each wish gets its own answer, or all of them one: the person chooses, not the timing."""
    asked = {}
    for mode in ("", "all"):
        async with played(["1", "2", "3"]) as team:
            agent = await team.spawn()
            if mode:
                await agent.set_queue_mode(queue, mode)
            for text in ("a", "b"):
                await getattr(agent, queue)(text)
            await agent.send("Go")
        asked[mode] = [words(request) for request in team.requests]

    assert asked[""] == [["Go"], ["Go", "a"], ["Go", "a", "b"]]
    assert asked["all"] == [["Go"], ["Go", "a\n\nb"]]


@QUEUES
async def test_clearing_a_queue_leaves_the_other_one(played, queue):
    """To take back one wish must not take back another."""
    async with played(["1", "2"]) as team:
        agent = await team.spawn()
        await agent.steer("steered")
        await agent.follow_up("followed")
        await agent.clear_queue(queue)
        left = await agent.snapshot()
        await agent.send("Go")

    counts = {"steer": (0, 1), "follow_up": (1, 0)}
    said = {"steer": "followed", "follow_up": "steered"}
    assert (left.queued_steers, left.queued_follow_ups) == counts[queue]
    assert [words(request) for request in team.requests] == [["Go"], ["Go", said[queue]]]


async def test_a_steer_goes_past_the_strategy(played):
    """At one boundary one voice speaks; the strategy is asked again at the next."""
    gate, seen = Gate(), []

    def watch(context):
        seen.append((context.boundary, context.rounds))
        return Continue()

    async with played([[call("look")], [call("look")], "Done."], tool_at(gate)) as team:
        agent = await team.spawn()
        async with agent.stream("Go", strategy=watch) as live:
            await gate.reached()
            await agent.steer("Left.")
            gate.let_go()
            gate.let_go()
            await live.result()

    assert seen == [("tools", 2), ("answer", 3)]
    assert [words(request) for request in team.requests] == [["Go"]] + [["Go", "Left."]] * 2


async def test_a_steer_stands_before_the_mail_that_came_meanwhile(played):
    """What the person of this agent says comes before what others write."""
    gate = Gate()
    async with played([[call("look")], "Done."], tool_at(gate)) as team:
        agent = await team.spawn()
        async with agent.stream("Go") as live:
            await gate.reached()
            await agent.mail("a letter")
            await agent.wait_for_snapshot(lambda snapshot: snapshot.waiting_mail == 1)
            await agent.steer("Left.")
            gate.let_go()
            await live.result()

    go, steered, letter = words(team.requests[1])
    assert (go, steered) == ("Go", "Left.")
    assert '"content":"a letter"' in letter


async def test_a_stop_leaves_a_steer_in_its_queue(played):
    """It was said for work that goes on; the next run will hear it."""
    gate = Gate()
    async with played([[call("look")], "Left it is."], tool_at(gate)) as team:
        agent = await team.spawn()
        async with agent.stream("Go") as live:
            await gate.reached()
            await agent.steer("Left.")
            await agent.stop_run()
            gate.let_go()
            reply = await live.result()
        left, asked = await agent.snapshot(), len(team.requests)
        queued = await agent.run_queued()

    assert (reply.text, reply.early_end, asked) == ("", "stop_requested", 1)
    assert left.queued_steers == 1
    assert words(team.requests[-1]) == ["Go", "Left."]
    assert queued.text == "Left it is."


# --- runs that begin with them ----------------------------------------------------------------


async def test_what_is_queued_starts_no_run_but_may_begin_one(played):
    """Whoever prepares words decides when they are worth a run."""
    async with played(["Left it is."]) as team:
        agent = await team.spawn()
        with pytest.raises(CommandRejected, match="no queued steering input is available"):
            await agent.run_queued()
        await agent.steer("Left.")
        before = await agent.snapshot()
        reply = await agent.run_queued()
        said = await agent.conversation.history()

    assert (before.run_id, before.queued_steers) == ("", 1)
    assert reply.text == "Left it is."
    assert said[0] == UserMessage(text="Left.", source="steer")
    assert len(team.requests) == 1


async def test_words_for_one_agent_reach_no_other(played):
    """Two agents of one team work on different things."""
    async with played({"ann": ["1", "2", "3"], "bob": ["1", "2", "3"]}) as team:
        ann, bob = await team.spawn("ann"), await team.spawn("bob")
        await ann.steer("Left.")
        await ann.follow_up("And then?")
        await bob.send("Go")
        with pytest.raises(CommandRejected, match="no queued steering input"):
            await bob.run_queued()
        await ann.send("Go")

    assert [words(request) for request in team.asked("bob")] == [["Go"]]
    assert words(team.asked("ann")[-1]) == ["Go", "Left.", "And then?"]


# --- runs that fail ---------------------------------------------------------------------------


def fails_once_at(place):
    """The answer at this place of the conversation is refused the first time."""
    failures = [REFUSED]

    def turn(request):
        if position(request) == place and failures:
            return failures.pop()
        return f"answer {position(request) + 1}"

    return turn


@QUEUES
@pytest.mark.parametrize(
    ("on_failure", "waiting", "asked_again"),
    [("suspend", 0, [["Go", "Left."]]), ("rollback", 1, [["Go"], ["Go", "Left."]])],
)
async def test_a_failed_run_says_nothing_twice(played, queue, on_failure, waiting, asked_again):
    """Kept, the words were said; taken back, they wait again and are said where they were."""
    async with played(fails_once_at(1)) as team:
        agent = await team.spawn()
        await getattr(agent, queue)("Left.")
        with pytest.raises(RunFailed):
            await agent.send("Go", on_failure=on_failure)
        left = await agent.snapshot()
        failed = len(team.requests)
        await agent.resume()
        said = await agent.conversation.history()

    assert [words(request) for request in team.requests[:failed]] == [["Go"], ["Go", "Left."]]
    assert (left.queued_steers, left.queued_follow_ups) == (
        (waiting, 0) if queue == "steer" else (0, waiting)
    )
    assert [words(request) for request in team.requests[failed:]] == asked_again
    assert [message.text for message in said if isinstance(message, UserMessage)] == [
        "Go",
        "Left.",
    ]


async def test_words_that_wait_again_may_begin_a_run(played):
    """A run that is taken back gives up its place, not what a person has said."""
    async with played(fails_once_at(1)) as team:
        agent = await team.spawn()
        await agent.steer("Left.")
        with pytest.raises(RunFailed):
            await agent.send("Go", on_failure="rollback")
        await agent.run_queued()
        left = await agent.snapshot()

    assert words(team.requests[-1]) == ["Left."]
    assert left.queued_steers == 0


async def test_a_queued_run_that_was_taken_back_is_resumed_with_its_words(played):
    """A model that is asked without them would be asked nothing."""
    async with played(fails_once_at(0)) as team:
        agent = await team.spawn()
        await agent.steer("Left.")
        with pytest.raises(RunFailed):
            await agent.run_queued(on_failure="rollback")
        await agent.resume()
        left = await agent.snapshot()

    assert [words(request) for request in team.requests] == [["Left."], ["Left."]]
    assert (left.queued_steers, left.last_ending) == (0, "finished")


async def test_an_end_that_the_store_refuses_is_recorded_later(played):
    """Answer and end are one append: nothing can be half finished, and nothing is said twice."""
    store = FailingStore(MemoryEventStore())
    refusals = [StoreFull("no space left")]

    def refuse(request):
        ends = [x for one in request.streams for x in one.events if "run_finished" in x.event_type]
        return refusals.pop() if ends and refusals else None

    store.fail_while(refuse)
    async with played(["1", "2"], wrap_store=lambda _store: store) as team:
        agent = await team.spawn()
        await agent.steer("Left.")
        with anyio.fail_after(10):
            reply = await agent.send("Go")

    assert refusals == []
    assert reply.text == "2"
    assert [words(request) for request in team.requests] == [["Go"], ["Go", "Left."]]
    assert len(team.events(e.RunFinished)) == 1

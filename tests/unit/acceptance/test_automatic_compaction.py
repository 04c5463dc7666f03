"""A conversation that becomes too long is summarised by itself, and the run goes on."""

import sys
from pathlib import Path

import anyio
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from summing_model import SUMMARY, SummingModel, words

from mentra_actors import (
    CommandRejected,
    CompactionOptions,
    MemoryOptions,
    ProviderError,
    RunFailed,
    ToolOutput,
    call,
    open_runtime,
    tool,
)
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import OpaqueBlock, Provenance, TextBlock
from mentra_actors.domain.model_call import ModelReply, StopReason, TokenUsage
from mentra_actors.providers.catalogue import RemoteCompaction
from mentra_actors.providers.scripted import NEVER_ENDS
from projections.feeds import agent_event as told

pytestmark = pytest.mark.anyio

BUSY = ProviderError("try later", kind="overloaded", transient=True)
TOO_LONG = ProviderError(
    "prompt is too long: 210000 tokens > 200000 maximum", kind="http", transient=False, status=400
)
NO_KEY = ProviderError("no such key", kind="http", transient=False, status=401)
LONG = "word " * 200
NO_RECALL = MemoryOptions(auto_recall_enabled=False)
"""What was summarized would be recalled behind the conversation."""
BARE = {"tools": (), "system": "", "memory": NO_RECALL}


def limited(tokens=500, **more):
    return CompactionOptions(auto_compact_threshold_tokens=tokens, **more)


@tool(retry="safe")
async def look(what: str) -> ToolOutput:
    """Look."""
    return ToolOutput(content=f"seen {what} {LONG}", details={"seen": what})


def recorded_by(runtime):
    """The events of the runtime from now on."""
    events = []
    runtime.on_recorded(lambda recorded: events.extend(one.event for one in recorded))
    return events


def of(kind, events):
    return [one for one in events if isinstance(one, kind)]


async def test_a_long_conversation_is_summarized_before_the_next_request():
    """The request of the summary is a plain one; the words of the person and the tail stay."""
    model = SummingModel(f"One. {LONG}", f"Two. {LONG}", "Three.")
    async with open_runtime(":memory:", providers=[model]) as runtime:
        events = recorded_by(runtime)
        agent = await runtime.spawn("lead", model="scripted:x", compaction=limited(), **BARE)
        for word in ("First", "Second", "Third"):
            await agent.send(word)
        entries = await agent.conversation.entries()
        usage = await agent.usage()
        (compacted,) = of(e.ConversationCompacted, events)
        of_run = await agent.usage_of_run(compacted.run_id)

    (summed,) = model.summed
    assert words(model.answered[2]) == ["First", "Second", "[Compaction summary]", "Third"]
    assert (summed.tools, summed.tool_choice, summed.max_output_tokens) == ((), "auto", 2000)
    assert (compacted.trigger, compacted.compaction.replaced) == ("auto", 2)
    assert len(entries) == 6
    assert (usage.total.calls, len(of_run.calls)) == (4, 2)


async def test_a_round_of_a_run_keeps_its_newest_results_and_their_details():
    """The model has asked for them; what people see of them is not touched."""
    turns = [[call("look", what=str(n))] for n in range(3)]
    model = SummingModel(*turns, "Done.")
    async with open_runtime(":memory:", providers=[model], tools=[look]) as runtime:
        agent = await runtime.spawn(
            "lead",
            model="scripted:x",
            compaction=limited(),
            **{**BARE, "tools": ("look",)},
        )
        assert (await agent.send("Go")).text == "Done."
        entries = await agent.conversation.entries()

    assert words(model.answered[-1])[-3:] == ["[Compaction summary]", "Assistant", "ToolResults"]
    assert "seen 2" in model.answered[-1].messages[-1].results[0].content
    assert [len(one.details) for one in entries if one.kind == "tool_exchange"] == [1, 1, 1]


async def test_three_failures_that_may_pass_leave_the_conversation_long_and_the_run_succeeds():
    """Two of them are told as retries. The next request does not try again at once."""
    model = SummingModel(f"One. {LONG}", f"Two. {LONG}", "Three.", "Four.", summary=BUSY)
    async with open_runtime(":memory:", providers=[model]) as runtime:
        events = recorded_by(runtime)
        agent = await runtime.spawn("lead", model="scripted:x", compaction=limited(), **BARE)
        for word in ("First", "Second"):
            await agent.send(word)
        assert (await agent.send("Third")).text == "Three."
        assert (await agent.send("Fourth")).text == "Four."

    assert len(of(e.CompactionRetried, events)) == 2
    assert [one.is_error for one in of(e.CompactionSkipped, events)] == [True]
    assert len(model.summed) == 3
    assert "[Compaction summary]" not in words(model.answered[-1])


async def test_fifty_turns_with_the_smallest_limit_stay_usable():
    """Each request is compacted, and what is sent stays short however long it goes on."""
    model = SummingModel(*[f"Answer {n}." for n in range(50)])
    options = limited(1, preserve_recent_user_tokens=10)
    async with open_runtime(":memory:", providers=[model]) as runtime:
        events = recorded_by(runtime)
        agent = await runtime.spawn("lead", model="scripted:x", compaction=options, **BARE)
        for n in range(50):
            assert (await agent.send(f"Turn {n}")).text == f"Answer {n}."
        entries = await agent.conversation.entries()

    assert len(of(e.ConversationCompacted, events)) >= 2
    assert max(len(request.messages) for request in model.answered) < 10
    assert len(entries) == 100


async def test_a_compacted_conversation_goes_on_after_a_restart(tmp_path):
    model = SummingModel(f"One. {LONG}", f"Two. {LONG}", "Three.", "Four.")
    options = {"model": "scripted:x", "compaction": limited(), **BARE}
    async with open_runtime(tmp_path / "team", providers=[model]) as runtime:
        agent = await runtime.spawn("lead", **options)
        for word in ("First", "Second", "Third"):
            await agent.send(word)
    async with open_runtime(tmp_path / "team", providers=[model]) as runtime:
        agent = await runtime.agent("lead")
        assert (await agent.send("Fourth")).text == "Four."
        seen = await agent.conversation.seen("model-4")

    assert tuple(seen) == tuple(model.answered[-1].messages)
    assert words(model.answered[-1])[:3] == ["First", "Second", "[Compaction summary]"]


async def test_what_a_call_was_sent_can_be_seen_later():
    """By its name and by its round; over compactions, branches and stubs."""
    turns = [[call("look", what=str(n))] for n in range(6)]
    model = SummingModel(*turns, "Done.", "Else.", "Long again.")
    options = limited(350, keep_recent_tool_results=1, stub_at_least_tokens=0)
    async with open_runtime(":memory:", providers=[model], tools=[look]) as runtime:
        events = recorded_by(runtime)
        agent = await runtime.spawn(
            "lead", model="scripted:x", compaction=options, system="", tools=("look",)
        )
        await agent.send("Go")
        await agent.conversation.compact()
        await runtime.until_idle()
        await agent.conversation.move_to(3)
        await agent.send("Else?")
        await agent.conversation.move_to(14)
        await agent.conversation.uncompact()
        await agent.send("And again?")
        conversation = agent.conversation
        for number, request in enumerate(model.answered, start=1):
            assert tuple(await conversation.seen(f"model-{number}")) == tuple(request.messages)
        assert tuple(await conversation.seen(1)) == tuple(model.answered[-1].messages)
        with pytest.raises(CommandRejected, match="no model call"):
            await conversation.seen("model-99")
        with pytest.raises(CommandRejected, match="no round"):
            await conversation.seen(7)
    by_itself = [one for one in of(e.ConversationCompacted, events) if one.trigger == "auto"]
    assert len(by_itself) > 0
    assert any("[Previous" in str(request.messages) for request in model.answered)


async def test_a_compaction_is_taken_back_and_does_not_come_again_at_once():
    """Who is not content with a summary gets the long conversation, until it has grown."""
    model = SummingModel(f"One. {LONG}", f"Two. {LONG}", "Three.", "Four.", "Five.", "Six.")
    async with open_runtime(":memory:", providers=[model]) as runtime:
        agent = await runtime.spawn("lead", model="scripted:x", compaction=limited(), **BARE)
        with pytest.raises(CommandRejected, match="no compaction"):
            await agent.conversation.uncompact()
        for word in ("First", "Second", "Third"):
            await agent.send(word)
        await agent.conversation.uncompact()
        await agent.send("Fourth")
        assert words(model.answered[3])[1] == "Assistant"
        await agent.send(f"Fifth {LONG}")

    assert "[Compaction summary]" in words(model.answered[4])
    assert len(model.summed) == 2


async def ends_badly(agent, words):
    with pytest.raises(RunFailed):
        await agent.send(words)


async def test_a_run_that_is_cancelled_ends_its_summary():
    """The model that writes it is not listened to any more."""
    model = SummingModel(f"One. {LONG}", f"Two. {LONG}", "Three.", summary=NEVER_ENDS)
    async with open_runtime(":memory:", providers=[model]) as runtime:
        events = recorded_by(runtime)
        agent = await runtime.spawn("lead", model="scripted:x", compaction=limited(), **BARE)
        for word in ("First", "Second"):
            await agent.send(word)
        async with anyio.create_task_group() as group:
            group.start_soon(ends_badly, agent, "Third")
            await agent.wait_for_snapshot(lambda one: one.status == "compacting")
            await agent.cancel()
        await runtime.until_idle()

    assert [one.is_cancelled for one in of(e.CompactionSkipped, events)] == [True]


async def test_a_person_ends_a_summary_and_the_run_goes_on():
    model = SummingModel(f"One. {LONG}", f"Two. {LONG}", "Three.", summary=NEVER_ENDS)
    async with open_runtime(":memory:", providers=[model]) as runtime:
        agent = await runtime.spawn("lead", model="scripted:x", compaction=limited(), **BARE)
        for word in ("First", "Second"):
            await agent.send(word)
        async with anyio.create_task_group() as group:
            group.start_soon(agent.send, "Third")
            await agent.wait_for_snapshot(lambda one: one.status == "compacting")
            await agent.conversation.cancel_compaction()

    assert words(model.answered[-1])[-1] == "Third"


async def test_a_request_that_was_too_long_for_its_model_is_made_again_after_a_summary():
    model = SummingModel("One.", TOO_LONG, "Two.")
    async with open_runtime(":memory:", providers=[model]) as runtime:
        agent = await runtime.spawn("lead", model="scripted:x", **BARE)
        await agent.send("First")
        assert (await agent.send("Second")).text == "Two."

    assert words(model.answered[-1]) == ["First", "[Compaction summary]", "Second"]


async def test_a_share_of_the_context_window_is_a_limit_where_the_window_is_known():
    """The smaller limit counts; a small model is compacted sooner than a large one."""
    long = "word " * 9_000
    model = SummingModel(f"One. {long}", f"Two. {long}", "Three.", name="openai")
    options = limited(None, auto_compact_share=0.1)
    async with open_runtime(":memory:", providers=[model]) as runtime:
        agent = await runtime.spawn("lead", model="openai:gpt-4o", compaction=options, **BARE)
        for word in ("First", "Second", "Third"):
            await agent.send(word)

    assert "[Compaction summary]" in words(model.answered[2])


async def test_usage_that_no_summary_can_have_is_not_counted():
    """The summary is there and good; a provider that counts wrongly must not lose it."""
    reply = ModelReply(
        blocks=(TextBlock(text=SUMMARY),),
        stop_reason=StopReason.END_TURN,
        usage=TokenUsage(input_tokens=-5),
    )
    model = SummingModel("One.", "Two.", "Three.", summary=reply)
    async with open_runtime(":memory:", providers=[model]) as runtime:
        agent = await runtime.spawn("lead", model="scripted:x", **BARE)
        await agent.send("First")
        await agent.send("Second")
        await agent.conversation.compact()
        await runtime.until_idle()
        await agent.send("Third")

    assert "[Compaction summary]" in words(model.answered[-1])


# --- by the provider --------------------------------------------------------------------------

SEALED = OpaqueBlock(
    item_type="compaction",
    raw='{"type":"compaction"}',
    provenance=Provenance("scripted", "x", "w"),
)


class CompactingModel(SummingModel):
    """A provider that shortens conversations itself, as its script says."""

    def __init__(self, *turns, made):
        super().__init__(*turns)
        self.made, self.compacted = made, []

    async def compact(self, request):
        self.compacted.append(request)
        if isinstance(self.made, Exception):
            raise self.made
        return self.made


async def compacted_by(model, mode):
    """The events after a compaction, and what the model was then sent."""
    async with open_runtime(":memory:", providers=[model]) as runtime:
        events = recorded_by(runtime)
        options = CompactionOptions(mode=mode)
        agent = await runtime.spawn("lead", model="scripted:x", compaction=options, **BARE)
        await agent.send("First")
        await agent.send("Second")
        await agent.conversation.compact()
        await runtime.until_idle()
        await agent.send("Third")
    return events, model.answered[-1].messages


async def test_a_provider_that_can_compacts_in_a_form_of_its_own():
    """Only it reads that; others are told the rest in words."""
    made = RemoteCompaction(blocks=(SEALED,), usage=TokenUsage(input_tokens=7))
    model = CompactingModel("One.", "Two.", "Three.", made=made)
    events, sent = await compacted_by(model, "prefer_remote")

    (compacted,) = of(e.ConversationCompacted, events)
    assert not model.summed
    assert [one.text for one in model.compacted[0].messages[:1]] == ["First"]
    assert compacted.compaction.usage.input_tokens == 7
    assert sent[2].text.startswith("[Compaction summary]")
    assert "assistant: One." in sent[2].text
    assert sent[3].blocks == (SEALED,)


@pytest.mark.parametrize(
    "made",
    [ProviderError("no", kind="unsupported", transient=False), RemoteCompaction(), TOO_LONG],
    ids=["unsupported", "empty", "too long"],
)
async def test_what_a_provider_cannot_compact_the_model_summarizes(made):
    model = CompactingModel("One.", "Two.", "Three.", made=made)
    _, sent = await compacted_by(model, "prefer_remote")

    assert len(model.summed) == 1
    assert "Goal: count" in sent[2].text


@pytest.mark.parametrize(("mode", "made"), [("prefer_remote", NO_KEY), ("remote_only", TOO_LONG)])
async def test_other_failures_of_the_provider_are_failures(mode, made):
    model = CompactingModel("One.", "Two.", "Three.", made=made)
    events, _ = await compacted_by(model, mode)

    assert len(model.compacted) == 1
    assert [one.is_error for one in of(e.CompactionSkipped, events)] == [True]
    assert not model.summed


async def test_remote_only_asks_nobody_else():
    events, _ = await compacted_by(SummingModel("One.", "Two.", "Three."), "remote_only")

    (skipped,) = of(e.CompactionSkipped, events)
    assert "does not compact" in skipped.reason


# --- what is told -----------------------------------------------------------------------------


async def told_of(agent, runs):
    """What a feed tells of so many runs."""
    heard = []
    async with agent.events(after=0) as feed:
        async for item in feed:
            heard.append(item.event)
            runs -= isinstance(item.event, told.RunFinished)
            if not runs:
                break
    return heard


async def test_a_feed_tells_that_a_summary_is_written_before_it_tells_what_came_of_it():
    model = SummingModel(
        f"One. {LONG}", f"Two. {LONG}", "Three.", summary=lambda n: BUSY if n == 1 else SUMMARY
    )
    async with open_runtime(":memory:", providers=[model]) as runtime:
        agent = await runtime.spawn("lead", model="scripted:x", compaction=limited(), **BARE)
        for word in ("First", "Second"):
            await agent.send(word)
        await agent.send("Third")
        heard = await told_of(agent, runs=3)

    kinds = [type(one) for one in heard]
    started = kinds.index(told.CompactionStarted)
    again = kinds.index(told.RetryAttempt)
    assert started < again < kinds.index(told.ContextCompacted)
    assert heard[again].of == "compaction"
    assert heard[started].tokens > heard[started].limit == 500

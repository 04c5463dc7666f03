"""The older part of a conversation as a summary: asked for by the model, or by a person."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from summing_model import SummingModel, words

from mentra_actors import (
    CommandRejected,
    MemoryOptions,
    ProviderError,
    call,
    open_runtime,
    tool,
)
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.compacted import Compaction
from mentra_actors.domain.content import (
    AssistantMessage,
    TextBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.conversation_tree import Transcript, compacted, with_entry
from mentra_actors.providers.scripted import NEVER_ENDS

pytestmark = pytest.mark.anyio

NO_RECALL = MemoryOptions(auto_recall_enabled=False)
"""What was summarized would be recalled behind the conversation."""


@tool(retry="safe")
async def look(what: str) -> str:
    """Look."""
    return f"seen {what}"


async def test_a_model_has_its_older_history_summarized(tmp_path):
    """It sees the person's words and a summary, and its call still has its result."""
    model = SummingModel(
        [call("look", what="one")], "Saw it.", [call("compact")], "Compacted.", "Still here."
    )
    path = tmp_path / "team"
    async with open_runtime(path, providers=[model], tools=[look]) as runtime:
        agent = await runtime.spawn("lead", model="scripted:lead", memory=NO_RECALL)
        await agent.send("First")
        await agent.send("Second")

        assert words(model.answered[3]) == [
            "First",
            "Second",
            "[Compaction summary]",
            "Assistant",
            "ToolResults",
        ]
        result = model.answered[3].messages[-1]
        assert isinstance(result, ToolResultsMessage)
        assert result.results[0].content.startswith("Context compacted. 3 older entries")
        assert "Files touched:\n- a.txt" in model.answered[3].messages[2].text
        assert "result of look: seen one" in model.summed[0].messages[0].text
        conversation = await agent.conversation.entries()
        usage = await agent.usage()
    assert len(conversation) == 8  # nothing is lost
    assert usage.total.calls == 5

    async with open_runtime(path, providers=[model], tools=[look]) as runtime:
        await (await runtime.agent("lead")).send("Third")
    assert words(model.answered[4])[:3] == ["First", "Second", "[Compaction summary]"]


async def test_a_person_has_a_history_summarized_between_runs():
    """While nothing runs; the second time only what is new is summarized, after the first one."""
    model = SummingModel("One.", "Two.", "Three.", "Four.")
    async with open_runtime(":memory:", providers=[model]) as runtime:
        agent = await runtime.spawn("lead", model="scripted:lead", memory=NO_RECALL)
        await agent.send("First")
        await agent.send("Second")
        await agent.conversation.compact()
        await runtime.until_idle()
        await agent.send("Third")
        await agent.conversation.compact()
        await runtime.until_idle()
        await agent.send("Fourth")

    assert words(model.answered[2]) == [
        "First",
        "Second",
        "[Compaction summary]",
        "Assistant",
        "Third",
    ]
    assert words(model.answered[3]) == [
        "First",
        "Second",
        "Third",
        "[Compaction summary]",
        "Assistant",
        "Fourth",
    ]
    assert "assistant: One." not in model.summed[1].messages[0].text
    assert "[Compaction summary]" in model.summed[1].messages[0].text


async def test_a_branch_from_before_the_summary_sees_its_words_again():
    """A compaction belongs to the branch on which it was made."""
    model = SummingModel("One.", "Two.", "Other.")
    async with open_runtime(":memory:", providers=[model]) as runtime:
        agent = await runtime.spawn("lead", model="scripted:lead")
        await agent.send("First")
        await agent.send("Second")
        await agent.conversation.compact()
        await runtime.until_idle()
        await agent.conversation.move_to(2)
        await agent.send("Otherwise")

    assert words(model.answered[2]) == ["First", "Assistant", "Otherwise"]


async def test_an_agent_at_rest_says_that_a_summary_is_written_for_it():
    model = SummingModel("One.", "Two.", summary=NEVER_ENDS)
    async with open_runtime(":memory:", providers=[model]) as runtime:
        agent = await runtime.spawn("lead", model="scripted:x", tools=())
        await agent.send("First")
        await agent.send("Second")
        await agent.conversation.compact()
        assert (await agent.snapshot()).status == "compacting"
        await agent.conversation.cancel_compaction()
        assert (await agent.snapshot()).status == "idle"


async def test_nothing_older_is_no_failure():
    """The model is told so, and goes on."""
    model = SummingModel([call("compact")], "Fine.")
    async with open_runtime(":memory:", providers=[model]) as runtime:
        agent = await runtime.spawn("lead", model="scripted:lead")
        with pytest.raises(CommandRejected, match="no conversation"):
            await agent.conversation.compact()
        await agent.send("First")
        await agent.conversation.compact()
        await runtime.until_idle()

    told = model.answered[1].messages[-1].results[0].content
    assert told == "Compaction skipped because there was no older history to summarize."


@pytest.mark.parametrize(
    "summary",
    [
        ProviderError("no", kind="overloaded", transient=True),
        "   ",
        "{}",
        "Longer than what it replaces. " * 400,
    ],
    ids=["failure", "nothing", "no key", "too long"],
)
async def test_a_summary_that_cannot_be_written_changes_nothing(played, summary):
    """The model hears why; a person reads it in the log."""
    model = SummingModel("One.", [call("compact")], "On.", "On.", summary=summary)
    skipped = []
    async with open_runtime(":memory:", providers=[model]) as runtime:
        runtime.on_recorded(
            lambda recorded: skipped.extend(
                one.event for one in recorded if isinstance(one.event, e.CompactionSkipped)
            )
        )
        agent = await runtime.spawn("lead", model="scripted:lead")
        await agent.send("First")
        await agent.send("Second")
        await agent.conversation.compact()
        await runtime.until_idle()
        await agent.send("Third")

    result = model.answered[2].messages[-1].results[0]
    assert (result.is_error, result.content[:18]) == (True, "Compaction failed:")
    assert [one.is_error for one in skipped] == [True, True]
    assert "[Compaction summary]" not in words(model.answered[3])


def test_an_answer_from_before_a_summary_names_no_state_of_a_server():
    """Else the server would go on from the long conversation, and nothing would be saved."""
    said = [
        AssistantMessage(blocks=(TextBlock(text=f"{n}"),), response_id=f"r{n}") for n in (1, 2)
    ]
    tree = Transcript()
    for message in (UserMessage(text="a"), said[0], UserMessage(text="b"), said[1]):
        kind = "user_turn" if isinstance(message, UserMessage) else "assistant_turn"
        tree = with_entry(tree, message, kind)
    tree = compacted(tree, Compaction(through=3, summary="so far"))
    tree = with_entry(tree, AssistantMessage(blocks=(), response_id="r3"), "assistant_turn")

    answers = [one for one in tree.messages if isinstance(one, AssistantMessage)]
    assert [one.response_id for one in answers] == ["", "r3"]

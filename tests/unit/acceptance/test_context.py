"""What a request consists of is said of the request that is sent."""

import pytest

from mentra_actors import (
    CompactionOptions,
    ModelPrice,
    PriceList,
    call,
    image,
    open_runtime_sync,
    tool,
)
from mentra_actors.domain.model_call import ModelReply, StopReason, TokenUsage
from mentra_actors.errors import CommandRejected
from mentra_actors.providers.scripted import ScriptedModel
from mentra_actors.providers.token_estimate import estimated_tokens

pytestmark = pytest.mark.anyio

STUBS = CompactionOptions(keep_recent_tool_results=1, stub_at_least_tokens=1)


@tool(retry="safe")
async def look(place: str) -> str:
    """Look at a place."""
    return f"found {place} " * 40


def names(report):
    return {part.name for part in report.parts}


async def test_the_report_of_a_call_is_that_of_the_request_that_was_sent(played):
    """A second way to put a request together would tell of a request that nobody sends."""
    turns = [[call("look", place="a")], [call("look", place="b")], [call("look", place="c")], "ok"]
    async with played(turns, look) as team:
        agent = await team.spawn(system="Be short.", compaction=STUBS, task_reminder_rounds=1)
        await team.runtime.board.create("Count the places.")
        await agent.send("Look everywhere.")
        reports = [await agent.context.of_call(number) for number in (1, 2, 3, 4)]

    assert [one.tokens for one in reports] == [estimated_tokens(one) for one in team.requests]
    assert [len(one.messages) for one in reports] == [len(one.messages) for one in team.requests]
    assert {"system", "tools", "people"} <= names(reports[0])
    assert {"stubs", "results", "calls", "reminder"} <= names(reports[3])
    assert reports[3].stubs.count == 2
    assert reports[3].stubs.whole_tokens > 100 > reports[3].stubs.tokens
    assert [one.entry_id for one in reports[3].messages] == [1, 2, 3, 4, 5, 6, 7, 0]


async def test_the_next_request_is_known_before_it_is_sent(played):
    async with played(["one", "two"], look) as team:
        agent = await team.spawn(system="Be short.")
        await agent.send("Hello.")
        before = await agent.context()
        await agent.send("Go on, please.")
        after = await agent.context()

    counted = team.requests[1].messages[-1]
    assert estimated_tokens(team.requests[1]) == before.tokens + 4 + len(counted.text + "..") // 4
    assert (before.call, before.entries, len(before.messages)) == (0, 2, 2)
    assert after.tokens > before.tokens
    assert [one.words for one in after.largest[:1]] == ["Go on, please."]


async def test_it_says_how_good_the_estimate_is_and_what_there_is_room_for(played):
    """Nobody believes an estimate that cannot be held against a count."""
    reply = ModelReply(
        blocks=(), stop_reason=StopReason.END_TURN, usage=TokenUsage(input_tokens=1_000)
    )
    async with played([reply]) as team:
        agent = await team.spawn()
        assert (await agent.context()).last_counted is None
        await agent.send("Hello.")
        report = await agent.context()

    last = report.last_counted
    assert (last.number, last.counted_tokens) == (1, 1_000)
    assert last.estimated_tokens == estimated_tokens(team.requests[0])
    assert report.scaled_tokens == round(report.tokens * 1_000 / last.estimated_tokens)
    assert (report.context_window, report.window_share) == (None, None)
    assert report.compacted_at_tokens == 50_000


async def test_an_image_is_counted_with_its_bytes(played):
    """The log has only its name; what is sent has its pixels."""
    width_and_height = (300).to_bytes(4) + (250).to_bytes(4)
    png = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + width_and_height + b"\x08\x06\0\0\0"
    async with played(["A cat."]) as team:
        agent = await team.spawn()
        await agent.send("What is this?", attachments=[image(png)])
        report = await agent.context()

    parts = {part.name: part for part in report.parts}
    assert (parts["images"].tokens, parts["images"].pieces) == (100, 1)
    assert report.messages[0].words == "What is this? [image/png]"


async def test_what_cannot_be_told_is_refused(played):
    async with played(["one"]) as team:
        agent = await team.spawn()
        with pytest.raises(CommandRejected, match="no model call 1; there are 0"):
            await agent.context.of_call(1)


def test_the_blocking_face_says_the_same():
    """Scripts have no event loop."""
    prices = PriceList({"scripted:x": ModelPrice(input=1, output=1)})
    providers = [ScriptedModel(["one"])]
    with open_runtime_sync(":memory:", providers=providers, prices=prices) as runtime:
        lead = runtime.spawn("lead", model="scripted:x")
        lead.send("Hello.", timeout_s=10)

        assert lead.context().tokens == lead.count_tokens().tokens
        assert lead.context.of_call(1).tokens < lead.context().tokens

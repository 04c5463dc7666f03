"""What becomes of a tool's output: told to the model, kept whole, or the end of the run."""

import msgspec
import pytest

from mentra_actors import ResultLimits, ToolError, ToolHook, ToolOutput, call, tool
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import AssistantMessage, ToolResultsMessage, UserMessage

pytestmark = pytest.mark.anyio

FLOOD = "".join(f"line {number}\n" for number in range(1, 3_001))
ROWS = [{"number": number, "name": "é" * 10} for number in range(2_000)]


@tool
async def survey() -> ToolOutput:
    """Survey, and end the run."""
    return ToolOutput(content=ROWS, details={"rows": 2_000}, terminate=True)


@tool(retry="safe")
async def look() -> str:
    """Look."""
    return "a result\n"


@tool
async def hand_over() -> ToolOutput:
    """Hand over to a person, and end the run."""
    return ToolOutput(content="handed over", terminate=True)


# --- size -------------------------------------------------------------------------------------


async def test_results_and_errors_are_cut_alike(played):
    """A traceback fills a context window as well as any output."""

    @tool
    def returning() -> str:
        return FLOOD

    @tool
    def raising() -> str:
        raise ToolError(FLOOD)

    @tool
    def failing() -> ToolOutput:
        return ToolOutput(content=FLOOD, is_error=True)

    tools = (returning, raising, failing)
    async with played([[call(one.name) for one in tools], "I see."], *tools) as team:
        agent = await team.spawn()
        await agent.send("Go")

    (text, _), *errors = team.results()
    assert "[truncated: showing 1999 of 3000 lines: 1-1499 and 2501-3000; full output" in text
    assert errors == [(text, True)] * 2


@pytest.mark.parametrize("is_error", [False, True])
async def test_data_that_is_too_long_is_kept_whole_and_only_named(played, watched_store, is_error):
    """Half a JSON document tells a lie; who needs it finds all of it, byte by byte."""

    @tool
    async def measure() -> ToolOutput:
        """Measure."""
        return ToolOutput(content=ROWS, details={"rows": 2_000}, is_error=is_error)

    store = watched_store()
    async with played([[call("measure")], "I see."], measure, wrap_store=store) as team:
        agent = await team.spawn()
        await agent.send("Go")
        (done,) = team.events(e.ToolCallFinished)
        whole = store.read_blob(done.spilled.digest)

    size, digest = done.spilled.size_bytes, done.spilled.digest
    told = f"[structured output of {size} bytes; full output kept as blob {digest}]"
    assert team.results() == [(told, is_error)]
    assert len(whole) == size
    assert msgspec.json.decode(whole) == ROWS
    assert done.details == '{"rows":2000}'


@pytest.mark.parametrize("keeps_blobs", [True, False])
async def test_whatever_is_cut_details_and_the_end_of_the_run_are_not(
    played, watched_store, keeps_blobs
):
    """The call has happened: a full disk must not undo what it means for the run."""
    store = watched_store(keeps_blobs=keeps_blobs)
    async with played([[call("survey")], "never said"], survey, wrap_store=store) as team:
        agent = await team.spawn()
        reply = await agent.send("Go")

    (done,) = team.events(e.ToolCallFinished)
    assert (done.details, done.terminate, done.is_error) == ('{"rows":2000}', True, False)
    assert (reply.ending, len(team.requests)) == ("terminated", 1)
    lost = "the whole could not be kept (OSError: no space left on device)"
    assert (done.spilled is None, lost in done.content) == (not keeps_blobs, not keeps_blobs)


async def test_the_limits_of_results_may_be_chosen(played):
    """A model with a small window wants less at once."""
    limits = ResultLimits(max_bytes=1_000, max_lines=10)

    @tool
    async def flood() -> str:
        """Say too much."""
        return FLOOD

    async with played([[call("flood")], "I see."], flood, result_limits=limits) as team:
        agent = await team.spawn()
        await agent.send("Go")

    ((text, _),) = team.results()
    assert "showing 9 of 3000 lines: 1-7 and 2999-3000" in text
    assert (text.count("\n"), len(text.encode()) <= 1_000) == (10, True)


async def test_a_hook_sees_the_details_and_all_of_the_output(played):
    """An audit needs what people see, before it is cut for the model."""
    seen = []

    class Audit(ToolHook):
        async def after(self, call, outcome):
            seen.append((call.tool, len(msgspec.json.decode(outcome.content)), outcome.details))
            return outcome

    async with played([[call("survey")]], survey, hooks=[Audit()]) as team:
        agent = await team.spawn()
        await agent.send("Go")

    assert seen == [("survey", 2_000, '{"rows":2000}')]


# --- the end of the run -----------------------------------------------------------------------


async def test_a_tool_may_end_the_run(played):
    """Handing over to a person is the last word: the model is not asked what it thinks of it."""
    async with played([[call("hand_over")], "I am back."], hand_over) as team:
        agent = await team.spawn()
        reply = await agent.send("Go")
        said = await agent.conversation.history()
        requests = len(team.requests)
        again = await agent.send("Are you there?")

    assert (reply.text, reply.ending, reply.early_end, requests) == ("", "terminated", "", 1)
    assert [type(one) for one in said] == [UserMessage, AssistantMessage, ToolResultsMessage]
    assert said[-1].results[0].content == "handed over"
    assert again.text == "I am back."


async def test_the_end_of_the_run_parts_the_calls_of_an_answer(played):
    """What stands before it has been done, what stands after it never is, and each is answered."""
    ran = []

    @tool(parallel=True)
    async def work(number: int) -> str:
        """Work."""
        ran.append(number)
        return str(number)

    before, after = ([call("work", number=number) for number in pair] for pair in ((1, 2), (3, 4)))
    turns = [[*before, call("hand_over"), *after]]
    async with played(turns, work, hand_over) as team:
        agent = await team.spawn()
        reply = await agent.send("Go")
        said = await agent.conversation.history()

    assert (sorted(ran), reply.ending) == ([1, 2], "terminated")
    skipped = ("not executed: run terminated by 'hand_over'", True)
    assert [(one.content, one.is_error) for one in said[-1].results] == [
        ("1", False),
        ("2", False),
        ("handed over", False),
        skipped,
        skipped,
    ]
    steps = [step for step in team.steps() if step in ("ToolCallStarted", "ToolCallFinished")]
    assert steps[-2:] == ["ToolCallStarted", "ToolCallFinished"]
    assert team.events(e.ToolCallStarted)[-1].tool == "hand_over"


async def test_a_call_that_runs_beside_others_cannot_end_the_run(played):
    """Its neighbours still work; their results would be lost with the run."""

    @tool(parallel=True)
    async def leave() -> ToolOutput:
        """End the run."""
        return ToolOutput(content="leaving", details={"why": "bored"}, terminate=True)

    turns = [[call("leave"), call("look")], "I go on."]
    async with played(turns, leave, look) as team:
        agent = await team.spawn()
        reply = await agent.send("Go")

    (refused, is_error), neighbour = team.results()
    assert is_error
    assert refused.startswith("not honored: tool 'leave' requested termination from a parallel")
    assert neighbour == ("a result\n", False)
    assert (reply.text, reply.ending) == ("I go on.", "answered")
    assert not any(one.details for one in team.events(e.ToolCallFinished))


async def test_data_of_a_tool_is_told_as_data(played):
    """A wire that has a place for data need not wrap its text once more."""

    @tool
    def rows() -> dict[str, list[int]]:
        """Rows."""
        return {"rows": [1]}

    @tool
    def words() -> str:
        """Words that look like data."""
        return '{"rows": [1]}'

    async with played([[call("rows"), call("words")], "Done."], rows, words) as team:
        await (await team.spawn()).send("Go")

    results = team.requests[-1].messages[-1].results
    assert [(one.content, one.is_json) for one in results] == [
        ('{"rows":[1]}', True),
        ('{"rows": [1]}', False),
    ]

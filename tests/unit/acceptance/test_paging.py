"""A long result in windows: the model sees the first one and asks for more."""

import json

import pytest

from mentra_actors import CompactionOptions, ToolResultPaging, call, tool
from mentra_actors.domain.agent import events as e

pytestmark = pytest.mark.anyio

LINES = [f"line {number:02}\n" for number in range(1, 41)]
LONG = "".join(LINES)
"""40 lines of 8 bytes."""
SMALL = ToolResultPaging(threshold_bytes=100, page_bytes=80)
READER = "read_tool_result"


@tool(retry="safe", parallel=True)
async def read(text: str) -> str:
    """Say this."""
    return text


def more(result, line):
    """The call that reads on; results are named as the model is told."""
    return call(READER, tool_use_id=result, start_line=line)


def trailer(first, last, lines, shown, size, key="tool-1.0"):
    return (
        f"…[paged: lines {first}\u2013{last} of {lines} ({shown} KB of {size} KB). "
        f'Call read_tool_result(tool_use_id="{key}", start_line={last + 1}) '
        "for the next window.]"
    )


def told(request):
    """What the model was told of the calls before this request."""
    return [(result.content, result.is_error) for result in request.messages[-1].results]


def has_reader(request):
    return READER in {spec.name for spec in request.tools}


async def test_without_paging_nothing_is_changed_and_nobody_can_read_on(played):
    """What is not asked for costs no tool, no tokens and no surprise."""
    async with played([[call("read", text=LONG)], [more("tool-1.0", 1)], "Done."], read) as team:
        agent = await team.spawn()
        await agent.send("Go")

    assert told(team.requests[1]) == [(LONG, False)]
    assert not any(has_reader(request) for request in team.requests)
    assert told(team.requests[2]) == [
        ("Tool 'read_tool_result' is not available for this agent", True)
    ]


@pytest.mark.parametrize("tools", [None, ["read"]])
async def test_a_result_at_the_threshold_is_not_changed(played, tools):
    """Only what is above it; the way to read on is offered, whatever tools are chosen."""
    paging = ToolResultPaging(threshold_bytes=len(LONG), page_bytes=80)
    async with played([[call("read", text=LONG)], "Done."], read) as team:
        agent = await team.spawn(paging=paging, tools=tools)
        await agent.send("Go")

    assert told(team.requests[1]) == [(LONG, False)]
    assert all(has_reader(request) for request in team.requests)
    assert team.events(e.ToolCallFinished)[0].spilled is None


async def test_many_short_lines_below_the_threshold_are_not_changed(played):
    """A page is a number of bytes: lines cost nothing by themselves."""
    text = "a\n" * 3_000
    async with played([[call("read", text=text)], "Done."], read) as team:
        agent = await team.spawn(paging=ToolResultPaging())
        await agent.send("Go")

    assert told(team.requests[1]) == [(text, False)]


async def test_data_is_not_shown_in_windows(played):
    """A model that is shown the first tenth of a JSON document takes it for the whole."""
    data = {"rows": list(range(100))}

    @tool
    async def measure() -> dict[str, list[int]]:
        """Measure."""
        return data

    async with played([[call("measure")], "Done."], measure) as team:
        agent = await team.spawn(paging=SMALL)
        await agent.send("Go")

    ((text, _),) = told(team.requests[1])
    assert json.loads(text) == data


async def test_a_result_above_the_threshold_is_shown_as_its_first_window(played):
    """The model learns how much there is and how to read on; the whole is kept once."""
    async with played([[call("read", text=LONG)], "Done."], read) as team:
        agent = await team.spawn(paging=SMALL)
        await agent.send("Go")

    window = "".join(LINES[:10]) + trailer(1, 10, 40, "0.1", "0.3")
    assert told(team.requests[1]) == [(window, False)]
    (done,) = team.events(e.ToolCallFinished)
    assert (done.content, done.spilled.size_bytes) == (window, len(LONG))


async def test_windows_follow_each_other_to_the_end(played):
    """Nothing is skipped and nothing said twice; asking beyond the end is no error."""
    reads = [more("tool-1.0", line) for line in (11, 21, 31, 41, 99)]
    turns = [[call("read", text=LONG)], reads, "Done."]
    async with played(turns, read) as team:
        agent = await team.spawn(paging=SMALL)
        await agent.send("Go")

    end = "…[end of result]"
    assert told(team.requests[2]) == [
        ("".join(LINES[10:20]) + trailer(11, 20, 40, "0.1", "0.3"), False),
        ("".join(LINES[20:30]) + trailer(21, 30, 40, "0.1", "0.3"), False),
        ("".join(LINES[30:]) + end, False),
        (end, False),
        (end, False),
    ]


async def test_a_line_that_fills_its_window_is_not_called_cut(played):
    """Nothing is missing but the end of the line, and the model need not wonder."""
    text = "x" * 80 + "\nthe next line\n"
    paging = ToolResultPaging(threshold_bytes=90, page_bytes=80)
    async with played([[call("read", text=text)], "Done."], read) as team:
        agent = await team.spawn(paging=paging)
        await agent.send("Go")

    assert told(team.requests[1]) == [("x" * 80 + "\n" + trailer(1, 1, 2, "0.1", "0.1"), False)]


async def test_a_window_is_never_paged_or_cut_again(played, watched_store):
    """Else reading on would show the head of the same window for ever, and keep it once more."""
    store = watched_store()
    text = "x" * 99_999 + "\n" + "y" * 60_000 + "\n"
    paging = ToolResultPaging(threshold_bytes=10, page_bytes=100_000)
    turns = [[call("read", text=text)], [more("tool-1.0", 2)], "Done."]
    whole = CompactionOptions(auto_compact_threshold_tokens=None)
    async with played(turns, read, wrap_store=store) as team:
        agent = await team.spawn(paging=paging, compaction=whole)
        await agent.send("Go")

    assert told(team.requests[2]) == [("y" * 60_000 + "\n…[end of result]", False)]
    assert store.kept == [text.encode()]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("nothing", 1), "No paged result is known under tool_use_id 'nothing'"),
        (("tool-1.0", 0), "start_line counts from 1, found 0"),
    ],
)
async def test_a_window_that_there_is_not_is_an_error_for_the_model(played, asked, words):
    """It may have mixed up a name; the run goes on."""
    turns = [[call("read", text=LONG)], [more(*asked)], "Done."]
    async with played(turns, read) as team:
        agent = await team.spawn(paging=SMALL)
        reply = await agent.send("Go")

    assert told(team.requests[2]) == [(words, True)]
    assert reply.text == "Done."


async def test_a_line_longer_than_a_window_is_cut_at_a_character(played):
    """Minified files are one line; half a character would be no text, and the rest is named."""
    text = "€" * 100 + "\nthe next line\n"
    turns = [[call("read", text=text)], [more("tool-1.0", 2)], "Done."]
    async with played(turns, read) as team:
        agent = await team.spawn(paging=SMALL)
        await agent.send("Go")

    cut = "…[line 1 hard-cut at 78 of 300 bytes; the remainder of this line is skipped]"
    first = f"{'€' * 26}\n{cut}\n{trailer(1, 1, 2, '0.1', '0.3')}"
    assert told(team.requests[1]) == [(first, False)]
    assert told(team.requests[2]) == [("the next line\n…[end of result]", False)]


async def test_parallel_results_are_paged_each_for_itself(played):
    """Each is named by its own call, also by the id that the provider gave it."""
    other = LONG.replace("line", "word")
    calls = [call("read", text=text) for text in (LONG, "short", other)]
    reads = [more("tool-1.0", 31), more("tool-1.2", 31), more("call_1_3", 31)]
    async with played([calls, reads, "Done."], read) as team:
        agent = await team.spawn(paging=SMALL)
        await agent.send("Go")

    texts = [text for text, _ in told(team.requests[1])]
    assert texts[0].startswith(LINES[0])
    assert texts[1] == "short"
    assert texts[2] == "".join(other.splitlines(keepends=True)[:10]) + trailer(
        1, 10, 40, "0.1", "0.3", "tool-1.2"
    )
    lasts = [text.splitlines()[0] for text, _ in told(team.requests[2])]
    assert lasts == ["line 31", "word 31", "word 31"]


async def test_a_paged_result_can_be_read_after_a_restart(played, tmp_path):
    """The model was promised the next window; a process that ended is no excuse."""
    async with played([[call("read", text=LONG)], "Done."], read, path=tmp_path) as team:
        agent = await team.spawn(paging=SMALL)
        await agent.send("Go")
    turns = ["", "", [more("tool-1.0", 40)], "Done."]
    async with played(turns, read, path=tmp_path) as team:
        agent = await team.runtime.agent("lead")
        await agent.send("Read on")

    assert told(team.requests[1]) == [("line 40\n…[end of result]", False)]

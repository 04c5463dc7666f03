"""What a tool asks of a subagent: checked before one is made, and the same by the same name."""

import anyio
import pytest

from mentra_actors import ToolContext, call, tool
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import ToolResultsMessage
from mentra_actors.providers.scripted import position

pytestmark = pytest.mark.anyio


def is_subagent(request):
    return bool(request.system)


def results(request):
    """What the model was told of calls."""
    told = [one for one in request.messages if isinstance(one, ToolResultsMessage)]
    return [(result.content, result.is_error) for one in told for result in one.results]


def playing(*turns):
    """The turns of the lead; a subagent repeats its prompt."""

    def play(request):
        if is_subagent(request):
            return f"Answer to {request.messages[0].text}"
        return turns[position(request)]

    return play


@tool(retry="safe")
def look() -> str:
    """Look."""
    return "Nothing."


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (
            {"max_rounds": "5"},
            "TypeError: run_subagent: `max_rounds` must be a whole number, found",
        ),
        ({"max_rounds": True}, "`max_rounds` must be a whole number, found a flag"),
        ({"max_rounds": 2**70}, "ValueError: run_subagent: a number of more than 64 bits"),
        ({"max_rounds": -5}, "Subagent failed: max_rounds must not be negative, found -5"),
        ({"model": 5}, "TypeError: run_subagent: `model` must be a string"),
        ({"model": "nothing"}, "Subagent failed: a model is provider:name, found 'nothing'"),
        ({"tools": [5]}, "TypeError: tools are names of tools, and 5 is none"),
        (
            {"tools": [look]},
            "tools are names of tools, and look is none: a subagent has tools of",
        ),
        ({"tools": "look"}, "TypeError: tools are a list of names, not one string"),
        ({"hidden_tools": "look"}, "TypeError: hidden_tools are a list of names"),
        ({"tools": 5}, "TypeError: tools are a list of names of tools, not 5"),
        ({"hidden_tools": [5]}, "TypeError: hidden_tools are names of tools, and 5 is none"),
        ({"system": "\ud800"}, "ValueError: run_subagent: what is no Unicode text"),
        ({"system": 5}, "TypeError: run_subagent: `system` must be a string"),
        ({"name": "n" * 300}, "ValueError: 'nnn"),
        ({"name": "a b"}, "ValueError: 'a b' is no name of a subagent: use 1 to 100"),
        ({"name": "tool-1.0"}, "ValueError: 'tool-1.0' is no name of a subagent"),
        ({"name": 5}, "TypeError: run_subagent: `name` must be a string, found a whole number"),
    ],
)
async def test_a_subagent_that_cannot_be_is_told_to_the_tool(played, request_, told):
    """A slip of a tool ends its call, and never the agent."""

    @tool(retry="idempotent")
    async def delegate(context: ToolContext) -> str:
        """Ask a subagent."""
        return (await context.run_subagent("Say.", **request_)).text

    async with played(playing([call("delegate")], "I see."), delegate) as team:
        reply = await (await team.spawn()).send("Go.")
        [(text, is_error)] = results(team.requests[-1])

    assert reply.text == "I see."
    assert is_error
    assert told in text
    assert not team.events(e.SubagentSpawned)


async def test_a_subagent_whose_id_is_too_long_for_the_store_is_refused(played):
    """Names are put together on the way down: each may be good, and all of them too many."""

    @tool(retry="idempotent")
    async def deeper(context: ToolContext) -> str:
        """Ask a subagent."""
        return (await context.run_subagent("Go.", name="n" * 100)).text

    def play(request):
        told = results(request)
        return told[0][0] if told else [call("deeper")]

    async with played(play, deeper) as team:
        reply = await (await team.spawn("l" * 100)).send("Go.")
        made = team.events(e.SubagentSpawned)

    assert len(made) == 1
    assert reply.text.startswith("Subagent failed: the id of the subagent would have ")


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ({"prompt": "A"}, "Answer to A, Answer to A"),
        ({"prompt": "B"}, "ValueError: two subagents of this call are named 'n'"),
        ({"prompt": "A", "system": "Be brief."}, "ValueError: two subagents of this call"),
    ],
)
async def test_one_name_is_one_subagent(played, second, told):
    """Whoever asks something else must not be given the answer to the first question."""

    @tool(retry="idempotent")
    async def twice(context: ToolContext) -> str:
        """Ask two subagents."""
        first = await context.run_subagent("A", name="n")
        return f"{first.text}, {(await context.run_subagent(**second, name='n')).text}"

    async with played(playing([call("twice")], "I see."), twice) as team:
        await (await team.spawn()).send("Go.")
        [(text, _)] = results(team.requests[-1])

    assert told in text


async def test_a_number_that_is_given_already_is_no_name(played):
    """The second subagent without a name is called 2."""

    @tool(retry="idempotent")
    async def thrice(context: ToolContext) -> str:
        """Ask three subagents."""
        for prompt, name in (("A", ""), ("B", ""), ("C", "2")):
            answer = await context.run_subagent(prompt, name=name)
        return answer.text

    async with played(playing([call("thrice")], "I see."), thrice) as team:
        await (await team.spawn()).send("Go.")
        [(text, _)] = results(team.requests[-1])

    assert "ValueError: two subagents of this call are named '2'" in text


async def test_a_later_attempt_finds_a_subagent_by_its_name(played, tmp_path):
    """What it has answered stands, and what was not asked yet is asked."""

    @tool(retry="idempotent")
    async def both(context: ToolContext) -> str:
        """Ask two subagents."""
        first = await context.run_subagent("A", name="a")
        if context.attempt == 1:
            await anyio.sleep_forever()
        return f"{first.text}, {(await context.run_subagent('B', name='b')).text}"

    def play(request):
        if is_subagent(request):
            asked.append(request.messages[0].text)
            return f"Answer to {asked[-1]}"
        return [[call("both")], "I see."][position(request)]

    asked, path = [], tmp_path / "store"
    async with played(play, both, path=path, close_grace_s=0) as team:
        await team.runtime.spawn("lead", model="scripted:lead", prompt="Go.")
        await team.until(e.SubagentFinished)
    async with played(play, both, path=path) as team:
        await team.runtime.until_idle()
        [(text, is_error)] = results(team.requests[-1])

    assert asked == ["A", "B"]
    assert (text, is_error) == ("Answer to A, Answer to B", False)

"""What a model writes a megabyte of is checked aside: nobody else's answer waits for it."""

import threading

import pytest

from mentra_actors import Allow, ScriptedModel, call, open_runtime
from mentra_actors.tools.contract import Tool

pytestmark = pytest.mark.anyio

ANY_OBJECT = '{"type": "object"}'


class Watched:
    """A tool that remembers on which threads its arguments were checked, and where it ran."""

    def __init__(self):
        self.checked_on = []
        self.loop = ""

    def check(self, _arguments):
        self.checked_on.append(threading.current_thread().name)
        return ""

    async def run(self, _context, _arguments):
        self.loop = threading.current_thread().name
        return "looked"

    @property
    def tool(self):
        return Tool(
            name="look",
            description="Look.",
            input_schema=ANY_OBJECT,
            run=self.run,
            check=self.check,
        )


async def allow(_call):
    return Allow()


@pytest.mark.parametrize("authorizer", [None, allow], ids=["planned", "reviewed"])
@pytest.mark.parametrize(("size_chars", "is_aside"), [(10, False), (60_000, True)])
async def test_large_arguments_are_checked_on_another_thread(authorizer, size_chars, is_aside):
    """A schema takes seconds for a megabyte; the loop streams the answers of all agents."""
    watched = Watched()
    turns = [[call("look", text="x" * size_chars)], "Done."]
    async with open_runtime(
        ":memory:",
        providers=[ScriptedModel(turns)],
        tools=[watched.tool],
        authorizer=authorizer,
    ) as runtime:
        lead = await runtime.spawn("lead", model="scripted:x")
        assert (await lead.send("Go")).text == "Done."

    [where] = watched.checked_on
    assert (where != watched.loop) == is_aside

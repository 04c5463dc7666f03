"""What a program adds to a runtime that is open, and a team that a script plays."""

import pytest

from mentra_actors import (
    ConfigurationError,
    RunFailed,
    ScriptedModel,
    ToolContext,
    call,
    open_runtime,
    open_runtime_sync,
    tool,
)

pytestmark = pytest.mark.anyio


class Shop:
    """Something of the program."""

    name = "corner shop"


@tool(retry="safe")
async def where(context: ToolContext) -> str:
    """Say where we are."""
    return context.app(Shop).name


async def test_tools_find_what_the_program_gives_them_later(played):
    """A program may have to open its team before it has all that its tools need."""
    async with played([[call("where")], "Done."] * 2, where) as team:
        agent = await team.spawn()
        await agent.send("Where are we?")
        [(before, is_error)] = team.results()
        team.runtime.register_context(Shop())
        with pytest.raises(ConfigurationError, match="type Shop already"):
            team.runtime.register_context(Shop())
        await agent.send("And now?")

    assert (before, is_error) == ("the program has given its tools no Shop", True)
    assert team.results() == [("corner shop", False)]


async def test_a_provider_that_comes_later_is_asked_and_closed_with_the_others(played):
    """A plugin that knows another server is loaded when it is needed."""
    closed = []

    class Late(ScriptedModel):
        async def aclose(self):
            closed.append(self.name)

    async with played([]) as team:
        assert "late" not in team.runtime.providers
        late = Late(["I am late."], name="late")
        team.runtime.register_provider(late)
        with pytest.raises(ConfigurationError, match="'late' is registered already"):
            team.runtime.register_provider(late)
        agent = await team.runtime.spawn("lead", model="late:x")
        assert (await agent.send("Hello")).text == "I am late."

    assert closed == ["late"]


# --- a team for tests ---------------------------------------------------------------------------


def test_a_scripted_team_keeps_what_was_asked_and_writes_nothing(tmp_path, monkeypatch):
    """A test of a program needs no network, no key and no place on the disk."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("HOME", str(tmp_path))
    refused = RuntimeError("no such luck")
    model = ScriptedModel([[call("where")], "Hello there.", refused], delta_chars=3)
    pieces = []
    with open_runtime_sync(":memory:", providers=[model], tools=[where], context=[Shop()]) as team:
        team.on_live(pieces.append)
        agent = team.spawn("lead", model="scripted:x")
        assert agent.send("Hi").text == "Hello there."
        with pytest.raises(RunFailed, match="no such luck"):
            agent.send("Again")

    assert len(pieces) > 3
    assert [len(one.messages) for one in model.asked] == [1, 3, 5]
    assert "where" in {spec.name for spec in model.asked[0].tools}
    assert list(tmp_path.iterdir()) == []


async def test_teams_in_memory_know_nothing_of_one_another():
    """What one test has left must not reach the next one."""
    for _ in range(2):
        async with open_runtime(":memory:", providers=[ScriptedModel(["Yes."])]) as team:
            agent = await team.spawn("lead", model="scripted:x")
            assert (await agent.send("Are you there?")).text == "Yes."
            assert [one.name for one in await team.agents()] == ["lead"]

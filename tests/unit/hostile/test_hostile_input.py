"""Hostile or careless input at every edge: refused with a word, or told to the model."""

import subprocess
import sys
from pathlib import Path

import pytest

import mentra_actors as mentra
from mentra_actors.cli.output import Output
from mentra_actors.codec.event_codec import CODEC
from mentra_actors.domain.agent.events import CallPlan, ToolCallsPlanned
from mentra_actors.errors import InvalidTool
from mentra_actors.providers.scripted import ScriptedModel
from mentra_actors.tools.contract import Tool
from mentra_actors.tools.registry import ToolRegistry
from projections import projection

WAIT_S = 10.0


def team(*turns, tools=(), path=":memory:"):
    model = ScriptedModel(turns=list(turns))
    return mentra.open_runtime_sync(
        path, tools=list(tools), providers=[model], durability="volatile"
    )


def results(agent):
    return [
        one.content for one in agent.transcript() if type(one.content).__name__ == "ToolResult"
    ]


@pytest.mark.parametrize("name", ["team.mentra/data.mdb", "team.mentra/STORE.json"])
def test_no_tool_may_touch_a_store(tmp_path: Path, name: str):
    """One injected call must not be able to destroy the log of all agents."""
    turns = [[mentra.call("write", path=name, content="oops")], "done"]
    store = tmp_path / "team.mentra"
    with team(*turns, tools=mentra.file_tools(tmp_path, profile="split"), path=store) as runtime:
        agent = runtime.spawn("lead", model="scripted:x")
        agent.send("tidy up", timeout_s=WAIT_S)
        told = results(agent)
    with team("still here", path=store) as runtime:
        assert "lead" in runtime.team().members

    assert told[0].is_error
    assert "belongs to a store" in told[0].content


def test_an_error_without_words_is_told_once():
    """A broken exception class must not make a payment run again and again."""
    ran = []

    class Speechless(Exception):
        def __str__(self) -> str:
            raise ValueError

    @mentra.tool
    def pay() -> str:
        """Pay."""
        ran.append(1)
        raise Speechless

    with team([mentra.call("pay")], "done", tools=[pay]) as runtime:
        agent = runtime.spawn("lead", model="scripted:x")
        reply = agent.send("pay", timeout_s=WAIT_S)

    assert reply.text == "done"
    assert len(ran) == 1


def test_what_could_not_be_read_again_is_not_stored():
    """A value of a wrong type would be an unknown event after the next restart."""
    wrong = ToolCallsPlanned(calls=(CallPlan(key="k", parallel=None),))  # type: ignore[arg-type]

    with pytest.raises(TypeError, match="cannot be stored"):
        CODEC.encode(wrong)


@pytest.mark.parametrize(
    "change",
    [{"retry": "Never"}, {"retry": "probe"}, {"timeout_s": 0}, {"input_schema": "not json"}],
)
def test_a_tool_that_could_not_be_recovered_is_not_offered(change):
    """The first time that its declaration matters would be after a crash."""

    async def run(_arguments, _context):
        return ""

    declared = {"name": "t", "description": "", "input_schema": "{}", "run": run, **change}

    with pytest.raises(InvalidTool, match="'t'"):
        ToolRegistry([Tool(**declared)])


def test_a_durability_that_nobody_knows_is_refused(tmp_path: Path):
    """A typing error must not switch off what protects from a power loss."""
    with (
        pytest.raises(ValueError, match="sync, relaxed, volatile"),
        mentra.open_runtime_sync(tmp_path / "s", durability="Sync"),  # type: ignore[arg-type]
    ):
        pass


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"max_round": 3}, TypeError),
        ({"tools": "files"}, TypeError),
        ({"prompt": 5}, TypeError),
        ({"prompt": "x" * 300_000}, mentra.CommandRejected),
    ],
)
def test_a_slip_in_spawn_records_nothing(options, error):
    """An option that is ignored, or a prompt that never arrives, is found days later."""
    with team("hi") as runtime:
        with pytest.raises(error):
            runtime.spawn("lead", model="scripted:x", **options)

        assert runtime.team().members == {}


def test_a_forgotten_runtime_does_not_keep_the_process():
    """A script without `with` must still end."""
    code = (
        "import mentra_actors as m\n"
        "cm = m.open_runtime_sync(':memory:', providers=[m.ScriptedModel(turns=['hi'])])\n"
        "runtime = cm.__enter__()\n"
        "print(runtime.spawn('a', model='scripted:x').send('hi').text)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )

    assert ended.stdout == "hi\n"


def test_words_of_models_do_not_reach_the_terminal_as_commands(capsys):
    """An answer must not be able to clear a screen or write the clipboard."""
    Output(as_json=False).show("a\x1b[2J\x1b]52;c;eA==\x07b\u202ec")

    assert not set(capsys.readouterr().out) & {"\x1b", "\x07", "\u202e"}


def test_waiting_for_a_failed_view_says_so():
    """A program that relies on a view must not be told that it is up to date."""

    @projection(name="broken", initial=int, view_type=int)
    def broken(view, recorded):
        raise ZeroDivisionError

    with team("hi") as runtime:
        kept = runtime.project(broken)
        runtime.spawn("lead", model="scripted:x")

        assert not kept.wait(timeout_s=WAIT_S)


def test_projections_can_be_imported_first():
    """The read side is a package of its own."""
    code = "from projections import projection; import mentra_actors"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)

"""`mentra context`: what a request consists of, read off a store that nobody has to open."""

import re

import msgspec
import pytest

from mentra_actors import (
    CompactionOptions,
    ScriptedModel,
    Sealing,
    call,
    forget_subject,
    open_runtime_sync,
    tool,
)
from mentra_actors.cli.output import Output
from mentra_actors.cli.render.render_context import context_lines, show_context
from mentra_actors.effects.context.context_report import (
    ContextMessage,
    ContextPart,
    ContextReport,
    ContextTool,
    CountedCall,
    ToldStubs,
)


@tool(retry="safe")
async def look(place: str) -> str:
    """Look at a place."""
    return f"found {place} " * 40


@pytest.fixture(scope="module")
def looked_store(tmp_path_factory):
    """A store whose lead has called a tool that `mentra run` does not have."""
    path = tmp_path_factory.mktemp("store") / "team.mentra"
    model = ScriptedModel([[call("look", place="a")], [call("look", place="b")], "Done."])
    options = CompactionOptions(keep_recent_tool_results=1, stub_at_least_tokens=1)
    with open_runtime_sync(
        path, tools=[look], providers=[model], durability="volatile"
    ) as runtime:
        lead = runtime.spawn("lead", model="scripted:x", system="Be kind.", compaction=options)
        lead.send("Look around.", timeout_s=20)
    return path


def test_the_next_request_by_part(mentra, looked_store):
    report = mentra.json("context", "lead", "--store", looked_store)
    parts = {part["name"]: part["tokens"] for part in report["parts"]}

    assert report["call"] == 0
    assert report["is_estimate"]
    assert sum(parts.values()) == report["tokens"]
    assert list(parts.values()) == sorted(parts.values(), reverse=True)
    assert {"system", "tools", "people", "calls", "results", "stubs", "answers"} == set(parts)
    assert report["stubs"]["count"] == 1
    assert report["unknown_tools"] == ["look"]
    assert "files" in {one["name"] for one in report["tools"]}
    fewer = mentra.json("context", "lead", "--no-files", "--store", looked_store)
    assert "files" not in {one["name"] for one in fewer["tools"]}


def test_a_person_reads_it_and_is_told_what_is_not_known(mentra, looked_store):
    assert mentra("context", "lead", "--store", looked_store) == 0

    assert "lead, the next request of scripted:x" in mentra.out
    assert "1 result told as stubs; whole: " in mentra.out
    assert "call 3: " in mentra.out
    assert mentra.out.endswith("nobody here knows these tools: look\n")
    assert "Tokens are estimated." in mentra.err


@pytest.mark.parametrize(("at", "call"), [("1", 1), ("3", 3), ("e2", 1), ("e6", 3)])
def test_a_past_call_by_its_number_or_its_answer(mentra, looked_store, at, call):
    report = mentra.json("context", "lead", "--at", at, "--entries", "--store", looked_store)

    assert report["call"] == report["last_counted"]["number"] == call
    assert [one["entry_id"] for one in report["messages"]] == list(range(1, 2 * call))


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("4", "there is no model call 4; there are 3"),
        ("e1", "entry 1 is no answer of a model"),
        ("0", "--at is the number of a model call, or eN of an entry, not '0'"),
    ],
)
def test_a_call_that_is_not_there_is_named(mentra, looked_store, at, words):
    assert mentra("context", "lead", "--at", at, "--store", looked_store) == 2
    assert words in mentra.err


REPORT = ContextReport(
    agent="lead",
    model="anthropic:claude-opus-9-2",
    call=0,
    tokens=1_234_567,
    chars=4_000_000,
    parts=(
        ContextPart(name="recalled", tokens=1_200_000, chars=3_900_000, pieces=1),
        ContextPart(name="tools", tokens=34_567, chars=100_000, pieces=1),
    ),
    tools=(ContextTool(name="x" * 64, tokens=34_567, chars=100_000),),
    messages=(
        ContextMessage(
            entry_id=0, part="recalled", tokens=1_200_000, chars=9, words="[bold]many words " * 9
        ),
    ),
    stubs=ToldStubs(count=2, tokens=20, whole_tokens=50_000),
    entries=0,
    context_window=1_000_000,
    compacted_at_tokens=None,
    last_counted=CountedCall(number=7, counted_tokens=1_000, estimated_tokens=900),
)


def test_of_an_agent_that_has_stopped_no_request_is_promised():
    """And one entry is one entry."""
    report = msgspec.structs.replace(REPORT, is_stopped=True, entries=1)
    head = [line.plain for line, _ in context_lines(report)][:2]

    assert head[0].startswith("lead, which has stopped: it makes no request any more")
    assert head[1].endswith("in 1 message; the conversation has 1 entry")


@pytest.mark.parametrize("width", [40, 80])
def test_no_line_is_wider_than_the_terminal(width, monkeypatch, capsys):
    """A bar that wraps is no bar."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    show_context(Output(as_json=False), REPORT, ["other"], has_all=False)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()

    assert max(map(len, lines)) <= width
    assert any("123.5% of the window of 1,000,000" in line for line in lines)
    assert any(line.startswith("recalled memory") and "█" in line for line in lines)
    assert any(line.startswith("xxxxx") and "34,567   2.8% █" in line for line in lines)


def test_an_agent_that_was_forgotten_is_not_told_to_be_spawned(mentra, tmp_path):
    """It was there; who looks for it must not think that the name is wrong."""
    path, key = tmp_path / "team.mentra", tmp_path / "key"
    key.write_bytes(bytes(range(32)))
    sealing = Sealing(key=bytes(range(32)))
    with open_runtime_sync(path, durability="volatile", sealing=sealing) as runtime:
        runtime.spawn("ann", model="ollama:x")
    forget_subject(path, "ann", sealing=sealing)

    assert mentra("context", "ann", "--store", path, "--key-file", key) == 2
    assert "nobody can say what ann would be sent: its first event cannot be read" in mentra.err
    assert mentra("log", "ann", "--store", path, "--key-file", key) == 0
    assert "forgotten" in mentra.out

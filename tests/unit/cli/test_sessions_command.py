"""`mentra sessions`: which conversations there are, also while no process has the store open."""

import contextlib
import os
import shutil

import pytest
from recorded import until_recorded
from rich.console import Console

from mentra_actors import ScriptedModel, open_runtime_sync
from mentra_actors.cli import output
from mentra_actors.domain.agent.events import ModelCallRequested
from mentra_actors.ids import agent_stream
from mentra_actors.providers.scripted import NEVER_ENDS


@pytest.fixture(scope="module")
def talks(tmp_path_factory):
    """A store with three conversations, one of them broken off in the middle."""
    path = tmp_path_factory.mktemp("store") / "team.mentra"
    answers = {"a": "The gates are shut.", "b": "No.", "c": NEVER_ENDS}
    model = ScriptedModel(lambda request: answers[request.model], name="scripted")
    with open_runtime_sync(
        path, providers=[model], durability="volatile", close_grace_s=0
    ) as runtime:
        start = runtime.sessions.start
        start(name="gates", model="scripted:a").append_turn("Repair the gates, and say when")
        start(name="rain", model="scripted:b", title="Weather").append_turn("Will it rain?")
        begin_turn(runtime, start(name="left", model="scripted:c"))
    return path


def begin_turn(runtime, session):
    """Ask a model that never answers; the turn is on the log when this returns."""
    with contextlib.suppress(TimeoutError):
        session.append_turn("Go", timeout_s=0.05)
    stream_id = agent_stream(session.session_id)
    until_recorded(runtime, stream_id, lambda events: ModelCallRequested in map(type, events))


def test_sessions_are_listed_the_newest_first(mentra, talks):
    """A person finds what they talked about, and what was broken off."""
    listed = mentra.json("sessions", "--store", talks)

    assert [(one["agent"], one["status"], one["turn_count"]) for one in listed] == [
        ("left", "interrupted", 0),
        ("rain", "idle", 1),
        ("gates", "idle", 1),
    ]
    assert {"session_id", "title", "model", "created_at", "updated_at"} <= set(listed[0])
    assert mentra("sessions", "--store", talks, "--limit", 2) == 0
    assert "Weather" in mentra.out
    assert "Repair" not in mentra.out


def test_sessions_are_searched(mentra, talks):
    """In titles, and in the words of both sides; the line is shown."""
    (found,) = mentra.json("sessions", "--search", "SHUT gates", "--store", talks)

    assert (found["session"]["agent"], found["found_in"]) == ("gates", "assistant")
    assert mentra("sessions", "--search", "weather", "--store", talks) == 0
    assert mentra.out.splitlines()[1].endswith("title: Weather")
    assert mentra("sessions", "--search", "fire", "--store", talks) == 0
    assert mentra.out == "No session has all of these words.\n"


def test_sessions_fit_into_eighty_columns(mentra, talks, monkeypatch):
    """A long title goes on in the next line, and no word of it is cut."""
    narrow = Console(width=80, force_terminal=True, color_system=None)
    monkeypatch.setattr(output, "_console", lambda **_options: narrow)
    monkeypatch.setattr(output.Output, "spinner", lambda *_arguments: contextlib.nullcontext())
    with narrow.capture() as shown:
        mentra("sessions", "--store", talks)
    text = shown.get()

    assert max(map(len, text.splitlines())) <= 80
    assert {*["Repair", "the", "gates,", "and", "say", "when"]} <= {*text.split()}


def test_no_id_breaks_in_forty_columns(mentra, talks, monkeypatch):
    """An id is there to be copied."""
    narrow = Console(width=40, force_terminal=True, color_system=None)
    monkeypatch.setattr(output, "_console", lambda **_options: narrow)
    monkeypatch.setattr(output.Output, "spinner", lambda *_arguments: contextlib.nullcontext())
    with narrow.capture() as shown:
        mentra("sessions", "--store", talks)
    text = shown.get()

    assert max(map(len, text.splitlines())) <= 40
    assert {"gates", "left", "rain"} <= {*text.splitlines()}
    assert {"interrupted", "Weather", "Repair"} <= {*text.split()}


@pytest.fixture
def killed(tmp_path):
    """A store in which a turn is open, and its copy, which is as after a kill."""
    path, copy = tmp_path / "team.mentra", tmp_path / "copy.mentra"
    model = ScriptedModel([NEVER_ENDS])
    with open_runtime_sync(
        path, providers=[model], durability="volatile", close_grace_s=0
    ) as runtime:
        session = runtime.sessions.start(name="lead", model="scripted:x")
        begin_turn(runtime, session)
        shutil.copytree(path, copy)
        yield path, copy


def test_a_turn_whose_process_was_killed_is_interrupted_at_once(mentra, killed):
    """The lease of a dead process goes on for a minute; its lock does not."""
    path, copy = killed

    assert [one["status"] for one in mentra.json("sessions", "--store", path)] == ["active"]
    assert [one["status"] for one in mentra.json("sessions", "--store", copy)] == ["interrupted"]
    assert mentra("agents", "--store", path) == 0
    assert "No process" not in mentra.err
    assert mentra("agents", "--store", copy) == 0
    assert "No process works on this store" in mentra.err
    assert mentra("health", "--store", path) == 0
    assert mentra("health", "--store", copy) == 1
    assert "which wrote, has died" in mentra.out


def test_sessions_are_read_where_nothing_can_be_written(mentra, talks, tmp_path, monkeypatch):
    """On a read-only medium, or in the directory of another user."""
    path = tmp_path / "team.mentra"
    shutil.copytree(talks, path, ignore=shutil.ignore_patterns("views*"))
    before = sorted(path.iterdir())
    may = os.access
    monkeypatch.setattr(os, "access", lambda one, mode: mode != os.W_OK and may(one, mode))

    listed = mentra.json("sessions", "--search", "shut", "--store", path)

    assert [one["session"]["agent"] for one in listed] == ["gates"]
    assert sorted(path.iterdir()) == before


def test_a_store_without_sessions_says_so(mentra, tmp_path):
    """Nothing would look like a failure."""
    path = tmp_path / "team.mentra"
    with open_runtime_sync(path, providers=[ScriptedModel([])], durability="volatile"):
        pass

    assert mentra("sessions", "--store", path) == 0
    assert mentra.out == "No session was begun yet.\n"
    assert mentra("sessions", "--store", tmp_path / "none") != 0
    assert "none" in mentra.err

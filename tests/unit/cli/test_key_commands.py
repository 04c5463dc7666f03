"""Commands for owners of keys, and every other command on an encrypted store."""

import io
import sys

import pytest

from mentra_actors import ScriptedModel, open_runtime_sync
from mentra_actors.store.sealing.options import Sealing


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in ("MENTRA_KEY", "MENTRA_KEY_FILE", "MENTRA_KEYS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def key_file(mentra, tmp_path):
    assert mentra("new-key", tmp_path / "team.key") == 0
    return tmp_path / "team.key"


@pytest.fixture
def team(key_file, tmp_path):
    """An encrypted store in which one agent has worked."""
    model = ScriptedModel(turns=["It is a secret."], repeat=True)
    path = tmp_path / "team.mentra"
    with open_runtime_sync(path, providers=[model], sealing=Sealing(key_file=key_file)) as runtime:
        runtime.spawn("ann", model="scripted:x").send("What is it?")
    return path


class Terminal(io.StringIO):
    """Standard input with somebody at it."""

    def isatty(self):
        return True


def test_a_key_is_made_once(mentra, key_file):
    """A key that is overwritten is a store that is lost."""
    before = key_file.read_text()
    assert len(bytes.fromhex(before)) == 32

    assert mentra("new-key", key_file) == 2
    assert "never overwritten" in mentra.err
    assert key_file.read_text() == before


@pytest.mark.parametrize(
    "command",
    [["agents"], ["log"], ["transcript", "ann"], ["board"], ["forget", "ann", "--yes"]],
    ids=lambda command: command[0],
)
def test_every_command_needs_the_key(mentra, team, key_file, tmp_path, command):
    """Looking is reading; and a wrong key is told as one, with what to do."""
    assert mentra(*command, "--store", team) == 2
    assert "is encrypted: give its key" in mentra.err
    assert "--key-file" in mentra.err
    mentra("new-key", tmp_path / "other.key")
    assert mentra(*command, "--store", team, "--key-file", tmp_path / "other.key") == 2
    assert "another key" in mentra.err
    assert "Nothing was changed" in mentra.err

    assert mentra(*command, "--store", team, "--key-file", key_file) == 0


def test_the_key_may_come_from_the_environment(mentra, team, key_file, monkeypatch):
    """Services are given their keys this way."""
    monkeypatch.setenv("MENTRA_KEY", key_file.read_text())
    assert mentra("transcript", "ann", "--store", team) == 0
    assert "It is a secret." in mentra.out
    monkeypatch.delenv("MENTRA_KEY")
    monkeypatch.setenv("MENTRA_KEY_FILE", str(key_file))
    assert mentra("transcript", "ann", "--store", team) == 0
    # What is said on the command line counts more.
    monkeypatch.setenv("MENTRA_KEY", "00" * 32)
    assert mentra("agents", "--store", team, "--key-file", key_file) == 0


def test_a_plain_store_takes_no_key(mentra, team_store, key_file):
    """Who gives a key believes that the store is encrypted; it is better to be told."""
    assert mentra("agents", "--store", team_store, "--key-file", key_file) == 2
    assert "open it without a key" in mentra.err


def test_forget_says_what_it_did(mentra, team, key_file):
    """Who has promised to forget somebody wants it in writing."""
    at = ("--store", team, "--key-file", key_file)
    told = mentra.json("forget", "ann", "--yes", *at)

    assert told["subject"] == "ann"
    assert told["forgotten"]["events"] > 3
    assert mentra("log", "agent-ann", *at) == 0
    assert "forgotten: its key was destroyed" in mentra.out
    assert "secret" not in mentra.out
    assert "cannot be read by this release" not in mentra.err
    assert mentra("forget", "ann", "--yes", *at) == 2
    assert "no key for 'ann'" in mentra.err


def test_forget_asks_before(mentra, team, key_file, monkeypatch):
    """It cannot be undone: a slip of the finger must not be enough."""
    at = ("--store", team, "--key-file", key_file)
    assert mentra("forget", "ann", *at) == 2
    assert "--yes" in mentra.err
    for typed in ("an\n", "\n" * 9):
        monkeypatch.setattr(sys, "stdin", Terminal(typed))
        assert mentra("forget", "ann", *at) != 0
    assert mentra("transcript", "ann", *at) == 0
    assert "secret" in mentra.out

    monkeypatch.setattr(sys, "stdin", Terminal("ann\n"))
    assert mentra("forget", "ann", *at) == 0
    assert "unreadable for ever" in mentra.err
    assert "ann is forgotten" in mentra.out


def test_forget_needs_the_store_for_itself(mentra, team, key_file):
    """A team that runs would write again what it remembers."""
    with open_runtime_sync(team, sealing=Sealing(key_file=key_file)):
        assert mentra("forget", "ann", "--yes", "--store", team, "--key-file", key_file) == 1
    assert "is written by" in mentra.err


def test_a_key_can_be_changed(mentra, team, key_file, tmp_path):
    """A key that leaked is worth nothing afterwards."""
    new = tmp_path / "new.key"
    mentra("new-key", new)
    at = ("--store", team)
    assert mentra("rotate-key", *at, "--key-file", key_file, "--new-key-file", new) == 0

    assert mentra("transcript", "ann", *at, "--key-file", new) == 0
    assert "It is a secret." in mentra.out
    assert mentra("transcript", "ann", *at, "--key-file", key_file) == 2


def test_a_dictionary_can_be_trained(mentra, tmp_path, team, key_file):
    """A store that was compressed from a few events on fits what came later."""
    path = tmp_path / "small.mentra"
    model = ScriptedModel(turns=["An answer like any other answer here."], repeat=True)
    with open_runtime_sync(path, providers=[model], sealing=Sealing()) as runtime:
        agent = runtime.spawn("ann", model="scripted:x")
        for number in range(9):
            agent.send(f"A question like any other question here, number {number}?")

    assert mentra.json("train-dictionary", "--store", path)["dictionary"] == 1
    assert mentra("train-dictionary", "--store", path) == 0
    assert "Dictionary 2" in mentra.err
    assert mentra("train-dictionary", "--store", team, "--key-file", key_file) == 2
    assert "forgotten" in mentra.err


def test_run_makes_an_encrypted_store(mentra, key_file, tmp_path):
    """Who gives a key for a store that is not there yet wants it encrypted."""
    path = tmp_path / "new.mentra"
    model = ("--model", "offline:survey")
    mentra("run", "SECRETWORD", *model, "--store", path, "--key-file", key_file)

    assert mentra("log", "--store", path) == 2
    assert "is encrypted" in mentra.err
    assert b"SECRETWORD" not in (path / "data.mdb").read_bytes()
    assert mentra("log", "--store", path, "--key-file", key_file) == 0
    assert "SECRETWORD" in mentra.out


def test_an_agent_that_was_forgotten_still_has_a_log(mentra, team, key_file):
    """What is left of somebody who was forgotten has to be found by the same name."""
    key = ("--store", team, "--key-file", key_file)
    assert mentra("forget", "ann", "--yes", *key) == 0

    assert mentra("log", "ann", *key) == 0
    by_name = mentra.out
    assert mentra("log", "agent-ann", *key) == 0
    assert mentra.out == by_name != ""
    assert mentra("log", "bob", *key) == 2
    assert "agent-ann" in mentra.err

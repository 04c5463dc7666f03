"""An import of many facts that is killed at any step goes on when it is asked for again."""

import contextlib
import io
import json
import os
import shutil

import pytest

from mentra_actors import open_runtime_sync
from mentra_actors.cli.main import exit_code_of
from mentra_actors.ids import AgentId, memory_stream
from mentra_actors.store.care import verify_store
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import open_journal_reader

EVERY = {"by_program": 9, "by_command": 37}
if os.environ.get("MENTRA_CRASH_CAMPAIGN") == "full":
    EVERY = dict.fromkeys(EVERY, 1)
FACTS = 600
"""Of one memory: more than one append holds."""
NUMBERS = range(FACTS)


def by_program(path, facts):
    """The import of a program."""
    with open_runtime_sync(path, durability="volatile") as runtime, open(facts) as lines:
        runtime.agent("ann").memory.import_facts(lines)


def by_command(path, facts):
    """The import of a shell, which writes petitions where nobody writes the store."""
    with contextlib.redirect_stdout(io.StringIO()):
        exit_code_of(["memory", "ann", "--import", facts, "--store", path])


@pytest.fixture
def begin(tmp_path):
    path = tmp_path / "begin"
    with open_runtime_sync(path, durability="volatile") as runtime:
        runtime.spawn("ann", model="ollama:x")
    return path


@pytest.fixture
def facts(tmp_path):
    lines = (
        {"id": f"f{number}", "kind": "fact", "content": f"Fact {number}.", "scope": "agent"}
        for number in NUMBERS
    )
    path = tmp_path / "facts.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    return path


def kept(path):
    """The facts of the memory, in the order of the log."""
    reader = open_journal_reader(path)
    try:
        recorded = Journal(reader).events(memory_stream(AgentId("ann")))
        return [one.record.record_id for one in recorded]
    finally:
        reader.close()


@pytest.mark.crash
@pytest.mark.timeout(600)
@pytest.mark.parametrize("task", [by_program, by_command])
def test_a_killed_import_has_kept_a_beginning_and_goes_on(killer, tmp_path, begin, facts, task):
    """Each fact is there once in the end, and never was one there without those before it."""
    place, expected = tmp_path / "place", [f"f{number}" for number in NUMBERS]

    def fresh():
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(begin, place)
        return [place, facts]

    lengths, kills = set(), 0
    for _, is_killed in killer.steps(task.__name__, fresh, every=EVERY[task.__name__]):
        kills += is_killed
        found = kept(place)
        lengths.add(len(found))
        assert found == expected[: len(found)]
        by_program(place, facts)
        assert kept(place) == expected
        assert verify_store(place).is_sound
    assert kills > 5
    assert {0, FACTS} <= lengths

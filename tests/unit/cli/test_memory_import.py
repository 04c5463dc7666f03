"""`mentra memory --import`: facts of a file, pinned by whoever writes the store."""

import json
import re
import subprocess
import sys

import pytest

from mentra_actors import open_runtime_sync
from mentra_actors.cli.times import shown_minute
from mentra_actors.runtime.clock import SystemClock
from mentra_actors.runtime.writing.lone_writer import lone_writer
from projections.memory.lines import facts_in

LINE = '{"id": "%s", "kind": "fact", "content": "%s", "scope": "%s"}\n'


def test_facts_of_an_export_are_pinned_once_each_in_its_scope(mentra, tmp_path):
    path, facts = tmp_path / "team.mentra", tmp_path / "facts.jsonl"
    with open_runtime_sync(path, durability="volatile") as runtime:
        runtime.spawn("ann", model="ollama:x")
    facts.write_text(LINE % ("f1", "Ann likes tea.", "agent") + LINE % ("f2", "Closed.", "team"))
    line = ("memory", "ann", "--import", facts, "--by", "sue", "--store", path)

    for added, there in ((["f1", "f2"], []), ([], ["f1", "f2"])):
        assert mentra.json(*line) == {
            "agent": "ann",
            "facts": 2,
            "state": "recorded",
            "added": added,
            "there": there,
            "forgotten": [],
            "differing": [],
        }
    records = mentra.json("memory", "ann", "--store", path)
    assert [(one["id"], one["scope"], one["by"]) for one in records] == [
        ("f1", "agent", "sue"),
        ("f2", "team", "sue"),
    ]


def test_a_file_that_is_none_says_which_line_and_records_nothing(mentra, tmp_path):
    path, facts = tmp_path / "team.mentra", tmp_path / "facts.jsonl"
    with open_runtime_sync(path, durability="volatile") as runtime:
        runtime.spawn("ann", model="ollama:x")

    for words, said in (
        (LINE % ("f1", "Good.", "agent") + "{}", "line 2 is no record of a memory"),
        (LINE % ("f1", "Good.", "agent") + LINE % ("f2", " ", "agent"), "of the fact 'f2'"),
    ):
        facts.write_text(words)
        assert mentra("memory", "ann", "--import", facts, "--store", path) == 2
        assert said in mentra.err
        assert "nothing was recorded" in mentra.err
    assert mentra.json("memory", "ann", "--store", path) == []
    assert mentra("memory", "ann", "--import", tmp_path / "none", "--store", path) == 2


def test_a_line_with_a_known_id_and_other_words_is_named_and_left_alone(mentra, tmp_path):
    path, facts = tmp_path / "team.mentra", tmp_path / "facts.jsonl"
    with open_runtime_sync(path, durability="volatile") as runtime:
        memory = runtime.spawn("ann", model="ollama:x").memory
        for words in ("Tea.", "Coffee.", "Milk."):
            memory.pin(words, record_id=words)
        memory.forget("Milk.")
    facts.write_text(
        LINE % ("Tea.", "Two teas.", "agent")
        + LINE % ("Milk.", "Milk.", "agent")
        + LINE % ("other", "Coffee.", "agent")
        + LINE % ("new", "Water.", "agent")
        + LINE % ("new", "Wine.", "agent")
    )

    assert mentra("memory", "ann", "--import", facts, "--store", path) == 1
    assert "1 is added to what ann remembers, 1 there already." in mentra.out
    assert "Forgotten, and stays so: Milk." in mentra.out
    assert "for another fact has the id (give it a new one): Tea., new" in mentra.out
    records = mentra.json("memory", "ann", "--store", path)
    assert {one["content"] for one in records} == {"Tea.", "Coffee.", "Water."}


def test_of_two_imports_at_once_one_says_that_it_has_added(mentra, tmp_path):
    """What is new is decided where it is recorded, not where it was asked for."""
    path, facts = tmp_path / "team.mentra", tmp_path / "facts.jsonl"
    with open_runtime_sync(path, durability="volatile") as runtime:
        runtime.spawn("ann", model="ollama:x")
    facts.write_text(LINE % ("f1", "Tea.", "agent"))
    line = ("memory", "ann", "--import", facts, "--store", path)

    with lone_writer(path, SystemClock()):  # so nobody else can record anything for now
        early = mentra.json(*line, "--wait", 0)
    late = mentra.json(*line)

    assert (early["state"], early["added"]) == ("handed_over", ["f1"])
    assert (late["state"], late["added"], late["there"]) == ("recorded", [], ["f1"])


def test_imports_of_several_processes_add_a_fact_once(tmp_path):
    path, facts = tmp_path / "team.mentra", tmp_path / "facts.jsonl"
    facts.write_text("".join(LINE % (f"f{n}", f"Tea {n}.", "agent") for n in range(300)))
    line = ["memory", "ann", "--import", str(facts), "--store", str(path), "--json"]
    with open_runtime_sync(path, durability="volatile") as runtime:
        runtime.spawn("ann", model="ollama:x")
        command = [sys.executable, "-m", "mentra_actors.cli.main", *line]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
        told = [json.loads(one.communicate(timeout=60)[0]) for one in running]

    assert sorted(id_ for one in told for id_ in one["added"]) == sorted(
        f"f{n}" for n in range(300)
    )


def test_a_mark_of_the_encoding_at_the_beginning_is_no_part_of_a_line(mentra, tmp_path):
    """Editors of Windows write one."""
    path, facts = tmp_path / "team.mentra", tmp_path / "facts.jsonl"
    with open_runtime_sync(path, durability="volatile") as runtime:
        runtime.spawn("ann", model="ollama:x")
    facts.write_text(LINE % ("f1", "Tea.", "agent"), encoding="utf-8-sig")

    assert mentra.json("memory", "ann", "--import", facts, "--store", path)["added"] == ["f1"]


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ('"recorded_at": 1790000000000000', "$.recorded_at"),
        ('"recorded_at": -1', "$.recorded_at"),
        ('"by": "' + 256 * "x" + '"', "$.by"),
        ('"kind": "feeling"', "$.kind"),
    ],
)
def test_a_value_that_no_record_has_is_refused(field, said):
    """A fact is on the log for ever: one whose moment no calendar has could not be shown."""
    line = f'{{"id": "f1", "kind": "fact", "content": "Tea.", {field}}}'
    with pytest.raises(ValueError, match=re.escape(said)):
        facts_in(line)


@pytest.mark.parametrize("unix_s", [1e300, -1e300, 1e18])
def test_a_moment_that_no_calendar_has_is_shown_as_a_number(unix_s):
    """Earlier releases took them in."""
    assert shown_minute(unix_s) == f"at {unix_s:g} s"

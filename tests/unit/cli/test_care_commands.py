"""`mentra doctor`, `backup`, `export`, `import` and `compact`: what people and programs see."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from forked_python import ForkedPython, run_forked
from store_damage import flip_bit

from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.testing.full_store import make_full_store
from projections.stores.lmdb_views import LmdbViews
from projections.stores.view_store import ViewCommit, ViewId


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return make_full_store(tmp_path_factory.mktemp("sound") / "store", appends=80)


@pytest.fixture
def store(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "store")


@pytest.fixture
def damaged(store):
    """A store with one bit flipped in the payload of an event."""
    reader = LmdbEventStore.open(store)
    payload = reader.read_journal(limit=80)[-1].payload
    reader.close()
    flip_bit(store / "data.mdb", payload)
    return store


def test_doctor_says_that_a_store_is_sound(mentra, store):
    """The answer to the only question comes first."""
    assert mentra("doctor", store) == 0
    first, *rest = mentra.out.splitlines()
    report = mentra.json("doctor", store)

    assert first == f"{store} is sound."
    assert any("80 appends" in line for line in rest)
    assert report["sound"] is True
    assert report["last_good_position"] == report["last_position"]
    assert report["fingerprint"] in mentra.out


def test_doctor_says_if_commands_can_be_sandboxed_here(mentra, store, monkeypatch, tmp_path):
    """Whoever wants a sandbox hears why there is none before the first command fails."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", "true")
    assert mentra("doctor", store) == 0
    assert "this machine (ci): commands cannot be sandboxed: `bwrap` is not" in mentra.out
    machine = mentra.json("doctor", store)["machine"]

    assert machine["environment"] == "ci"
    assert machine["sandbox_fault"].startswith("`bwrap` is not installed")


def test_doctor_of_the_store_of_a_team(mentra, team_store, monkeypatch):
    """Without a path it is the store that every other command looks at."""
    monkeypatch.setenv("MENTRA_STORE", str(team_store))
    assert mentra("doctor") == 0
    assert mentra.out.startswith(f"{team_store} is sound.")


def test_doctor_says_where_a_store_is_damaged_and_what_to_do(mentra, damaged):
    """Somebody has to decide at night: how far is it good, and what now?"""
    assert mentra("doctor", damaged) == 1
    assert mentra("doctor", damaged, "--json") == 1
    report = json.loads(mentra.out)
    good, bad = report["last_good_position"], report["first_bad_position"]
    assert mentra("doctor", damaged) == 1

    assert 0 < good < bad < report["last_position"]
    assert report["findings"][0]["position"] == bad
    assert f"The last good position is {good}, the first bad one {bad}." in mentra.out
    assert "Restore a backup" in mentra.out
    assert f"doctor {damaged} --salvage NEW" in mentra.out
    assert f"export {damaged} FILE --through {good}" in mentra.out


def test_what_the_doctor_advises_works(mentra, damaged, tmp_path):
    """Advice that fails is worse than none."""
    assert mentra("doctor", damaged, "--json") == 1
    good = json.loads(mentra.out)["last_good_position"]

    assert mentra("doctor", damaged, "--salvage", tmp_path / "saved") == 0
    assert f"through position {good}" in mentra.out
    assert mentra("doctor", tmp_path / "saved") == 0
    assert mentra("export", damaged, tmp_path / "saved.jsonl", "--through", good) == 0
    assert mentra("import", tmp_path / "saved.jsonl", tmp_path / "imported") == 0
    imported = mentra.json("doctor", tmp_path / "imported")
    assert imported["last_position"] == good


def test_doctor_of_no_store(mentra, tmp_path):
    """A mistyped path is a misuse, and nothing is made there."""
    assert mentra("doctor", tmp_path / "nothing") == 2
    assert "there is no store" in mentra.err
    assert mentra("doctor", tmp_path) == 2
    assert list(tmp_path.iterdir()) == []


def test_doctor_finds_views_that_saw_more_than_there_is(mentra, store):
    """The end of a log that is gone leaves no gap in it; who has seen it tells."""
    views = LmdbViews.open(store / "views")
    last = mentra.json("doctor", store)["last_position"]
    view = ViewId("roster", 3)
    for before, checkpoint in ((0, last), (last, last + 5)):
        commit = ViewCommit(view=view, parts={}, expected_checkpoint=before, checkpoint=checkpoint)
        views.commit([commit])
        code = mentra("doctor", store, "--json")
        findings = json.loads(mentra.out)["findings"]
        assert (code, len(findings)) == ((0, 0) if checkpoint == last else (1, 1))
    views.close()

    assert findings[0]["where"] == "views"
    assert "roster (version 3)" in findings[0]["what"]
    (store / "views" / "data.mdb").write_bytes(b"damaged" * 1000)
    assert mentra("doctor", store) == 0  # views are made again
    assert "warning: views" in mentra.out


def test_doctor_compares_copies(mentra, store, tmp_path):
    """Which of two copies has gone on, and do they agree up to there?"""
    assert mentra("backup", store, tmp_path / "copy") == 0
    before = mentra.json("doctor", tmp_path / "copy")
    writer = LmdbEventStore.open(store)
    make_on = mentra.json("doctor", store)
    writer.close()
    then = mentra.json("doctor", store, "--fingerprint-at", before["last_position"])

    assert then["fingerprint"] == before["fingerprint"] == make_on["fingerprint"]


def test_backup_says_what_it_has_made(mentra, store, tmp_path):
    """And refuses to overwrite; a script must see that it has failed."""
    assert mentra("backup", store, tmp_path / "copy") == 0
    assert f"{tmp_path / 'copy'} is a sound copy of {store} through position" in mentra.out
    assert mentra("backup", store, tmp_path / "copy") == 2
    assert "exists already" in mentra.err
    assert mentra("backup", tmp_path / "nothing", tmp_path / "other") == 2
    made = mentra.json("backup", store, tmp_path / "other")

    assert made["sound"] is True
    assert made["files"] == ["STORE.json"]
    assert mentra("doctor", tmp_path / "other") == 0


def test_backup_of_a_damaged_store_fails(mentra, damaged, tmp_path):
    """A nightly job must not report success over a copy of damage."""
    assert mentra("backup", damaged, tmp_path / "copy") == 1
    assert "there is no copy; see `mentra doctor`" in mentra.err
    assert not (tmp_path / "copy").exists()


def test_export_goes_through_a_pipe(mentra, store, tmp_path):
    """`mentra export a - | ssh there mentra import - b` moves a team to another machine."""
    command = [sys.executable, "-m", "mentra_actors.cli.main"]
    with ForkedPython([*command, "export", store], stdout=subprocess.PIPE) as export:
        made = [*command, "import", "-", tmp_path / "copy", "--json"]
        found = run_forked(made, stdin=export.stdout, capture_output=True, check=True)
    assert mentra("export", store, tmp_path / "first") == 0
    assert mentra("export", tmp_path / "copy", tmp_path / "again") == 0
    first = (tmp_path / "first").read_bytes()

    assert json.loads(found.stdout)["lines"] == first.count(b"\n") - 1
    assert (tmp_path / "again").read_bytes() == first


def test_export_for_people(mentra, store, tmp_path):
    """One stream, readable, for a look or for a bug report."""
    file = tmp_path / "agent.jsonl"
    assert mentra("export", store, file, "--stream", "agent-1", "--readable") == 0
    assert "A part is for reading: it cannot be imported." in mentra.err
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    events = [event for line in lines for event in line.get("events", ())]

    assert {event["stream"] for event in events} == {"agent-1"}
    assert all(event["event"]["type"] == event["tag"] for event in events)
    assert mentra("import", file, tmp_path / "copy") == 2
    assert "is a part of a store" in mentra.err
    assert mentra("export", store, file) == 2
    summary = mentra.json("export", store, tmp_path / "all.jsonl.gz")
    assert summary["last_position"] > 0


def test_a_file_that_is_no_export_is_refused(mentra, tmp_path):
    """All is not well: nothing was made, and the words say which file would do."""
    (tmp_path / "notes.txt").write_text("hello\n")

    assert mentra("import", tmp_path / "notes.txt", tmp_path / "copy") == 2
    assert "notes.txt is no export of a store; no store was made\n" in mentra.err
    assert "Nothing was made." in mentra.err
    assert "intact" not in mentra.err
    assert "a file that `mentra export` has written" in mentra.err
    assert not (tmp_path / "copy").exists()


def test_import_says_which_line_is_wrong(mentra, store, tmp_path):
    """Somebody has edited the file, and must find the place."""
    assert mentra("export", store, tmp_path / "all.jsonl") == 0
    lines = (tmp_path / "all.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "all.jsonl").write_text("".join([*lines[:7], *lines[8:]]))

    assert mentra("import", tmp_path / "all.jsonl", tmp_path / "copy") == 1
    assert "all.jsonl, line 8: position" in mentra.err
    assert "no store was made" in mentra.err
    assert mentra("import", tmp_path / "missing.jsonl", tmp_path / "copy") == 1
    assert "cannot read" in mentra.err
    assert not (tmp_path / "copy").exists()


def test_compact_archives_and_restores(mentra, store, tmp_path):
    """The whole way, as the page on care describes it."""
    writer = LmdbEventStore.open(store)
    opened = {one.partition("-")[2] for one in writer.open_streams()}
    agent = next(one for one in writer.stream_ids("agent") if one.partition("-")[2] not in opened)
    assert mentra("compact", store) == 1
    assert "written by this process" in mentra.err
    writer.close()
    archive = tmp_path / "old.jsonl.gz"

    assert mentra("compact", store) == 0
    assert "takes" in mentra.out
    assert mentra("compact", store, "--archive", archive, "--stream", agent) == 0
    assert f"of 1 stream went to {archive}." in mentra.out
    assert mentra("log", agent, "--store", store) == 0
    assert f"is archived in {archive.name}" in mentra.out
    assert mentra.err == ""
    assert mentra("doctor", store) == 0
    assert "of these events are in archives" in mentra.out
    assert mentra("compact", store, "--restore", archive) == 0
    assert f"came back from {archive}" in mentra.out
    assert mentra.json("doctor", store)["archived_events"] == 0
    assert mentra("compact", store, "--restore", archive) == 2
    assert mentra("compact", store, "--restore", tmp_path / "none.jsonl") == 1
    assert mentra("compact", store, "--stream", agent) == 2
    assert mentra("compact", store, "--restore", archive, "--stream", agent) == 2


def test_compact_by_age(mentra, store, tmp_path):
    """The streams of the test store end in September 2001."""
    early = mentra.json(
        "compact", store, "--archive", tmp_path / "a.jsonl", "--before", "2001-01-01"
    )
    late = mentra.json(
        "compact", store, "--archive", tmp_path / "b.jsonl", "--before", "2002-01-01"
    )

    assert early["streams"] == []
    assert len(late["streams"]) > 0
    assert late["report"]["archived_events"] == late["events"] > 0
    assert not (tmp_path / "a.jsonl").exists()


def test_progress_is_shown_to_people_only(mentra, store, tmp_path):
    """A log file of a nightly job must not be full of bars."""
    pty = pytest.importorskip("pty")
    command = [sys.executable, "-m", "mentra_actors.cli.main", "doctor", str(store)]
    assert mentra("doctor", store) == 0
    piped = mentra.err
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "100"}
    with ForkedPython(command, stdout=subprocess.PIPE, stderr=theirs, env=environment) as process:
        os.close(theirs)
        seen = read_all(ours)
        process.communicate()
    os.close(ours)

    assert piped == ""
    assert f"Looking at {store}".encode()[:40] in seen.replace(b"\r\n", b"")
    assert b"\x1b[3" not in seen


def read_all(descriptor):
    seen = b""
    while True:
        try:
            piece = os.read(descriptor, 4096)
        except OSError:  # the other side is closed
            return seen
        if not piece:
            return seen
        seen += piece

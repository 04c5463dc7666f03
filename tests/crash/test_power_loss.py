"""A loss of power at any moment leaves what each durability promises.

Writers are run with every system call that changes the store recorded (`record_writes.c`). The
recording is cut at many places; for each, a disk is drawn on which what was flushed is there and
the rest is there in part (`mentra_actors.testing.power_loss`), and another process opens it.

The short version draws some dozens of disks per durability; `make crash` draws more than 1,000,
with all places beside a flush or a meta page among them, and prints the figures.
"""

import collections
import contextlib
import os
import random
import sys
from pathlib import Path

import msgspec
import pytest

from mentra_actors.testing.power_loss import (
    CreateFile,
    Cut,
    Disk,
    FlushFile,
    FlushFolder,
    Loss,
    WriteBytes,
    disks_at,
)

sys.path.insert(0, str(Path(__file__).parent))
from power_loss_cases import WORDS, Reopener, cases
from power_loss_recording import (
    DATA,
    SESSIONS,
    Recording,
    compiled_recorder,
    is_meta_page,
    record,
)

FULL = os.environ.get("MENTRA_CRASH_CAMPAIGN") == "full"
SEED = 20
BATCHES = 60 if FULL else 20
ANYWHERE = 400 if FULL else 16
BESIDE = 10_000 if FULL else 24
OF_A_FAULT = 150 if FULL else 20
"""Cuts at any moment; beside what makes durable, full: all of those; and of both for a fault."""
MAPPED = {"store/lock.mdb", "store/bell"}
"""Files that are written through a mapping; nothing that must survive is in them."""

pytestmark = [pytest.mark.crash, pytest.mark.timeout(1800 if FULL else 120)]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Recordings by their name in `SESSIONS`, each made once."""
    recorder = compiled_recorder(tmp_path_factory.mktemp("recorder"))
    if isinstance(recorder, str):
        pytest.skip(recorder)
    made = {}

    def recording(name):
        if name not in made:
            scratch = tmp_path_factory.mktemp(name)
            made[name] = record(recorder, scratch, SESSIONS[name], seed=SEED, batches=BATCHES)
        return made[name]

    return recording


@pytest.fixture(scope="module")
def reopener(tmp_path_factory):
    batches = BATCHES * max(sum(map(len, processes)) for processes in SESSIONS.values())
    with Reopener(tmp_path_factory.mktemp("reopened"), seed=SEED, batches=batches) as running:
        yield running


@pytest.fixture(scope="module")
def campaign(recorded, reopener):
    """What came of the losses of power over a recording, each campaign made once."""
    made = {}

    def found(name):
        if name not in made:
            made[name] = losses_of_power(recorded(name), reopener, ANYWHERE, BESIDE)
        return made[name]

    return found


def losses_of_power(recording, reopener, anywhere, beside, **how):
    """The same ones each time."""
    chance = random.Random(SEED)
    cuts = recording.cuts(chance, anywhere=anywhere, beside=beside)
    return cases(recording, cuts, reopener, chance, **how)


def report(what, found, capsys):
    counts = collections.Counter(case.word for case in found)
    figures = ", ".join(f"{word} {counts[word]}" for word in WORDS)
    broken = sum(not case.is_kept for case in found)
    with capsys.disabled() if FULL else contextlib.nullcontext():
        print(f"\npower loss, {what}: cuts {len(found)}: {figures}; promises broken {broken}")


@pytest.mark.parametrize("name", SESSIONS)
def test_a_recording_is_complete(recorded, name):
    """A write that the recording does not have would be missing from every disk drawn of it."""
    recording = recorded(name)
    [(_, disk)] = disks_at(recording.operations, [Cut(len(recording.operations))])
    live = disk.live()
    commits = sum(map(is_meta_page, recording.operations))

    assert live.keys() == recording.files.keys()
    for file in live.keys() - MAPPED:
        assert live[file] == recording.files[file], file
    assert commits > recording.batches


@pytest.mark.parametrize("name", SESSIONS)
def test_a_power_loss_breaks_no_promise(campaign, capsys, name):
    """Who was told that an answer is on disk finds it there, and no damage goes unnoticed."""
    found = campaign(name)
    report(name, found, capsys)

    assert [case for case in found if not case.is_kept] == []


def test_a_store_is_marked_before_a_write_is_not_flushed(recorded, reopener):
    """A store that was safe must not be ruined unnoticed by the opening of a volatile writer."""
    recording = recorded("volatile")
    only_the_last = Loss(survival=0.0, keeps_last_write=True)
    cuts = cuts_while_opening(recording, "volatile")
    found = cases(recording, cuts, reopener, random.Random(SEED), loss=only_the_last)

    assert [case for case in found if not case.is_kept] == []


def test_an_opening_flushes_what_was_left_before_it_takes_the_mark_away(recorded, reopener):
    """Who opens a store after a volatile writer died must not vouch for what is not on disk."""
    recording = recorded("mixed")
    cuts = cuts_while_opening(recording, "sync") * 3
    found = cases(recording, cuts, reopener, random.Random(SEED))

    assert [case for case in found if not case.is_kept] == []


def cuts_while_opening(recording, durability):
    """In each operation by which a store that holds something is opened."""
    return [
        Cut(number, in_the_next=True)
        for number, promise in enumerate(recording.promises)
        if promise.opening == durability and promise.done
    ]


def test_what_relaxed_gives_up_is_seen(campaign):
    """A test that never sees the last commit lost could not tell relaxed from sync."""
    assert "lost" in {case.word for case in campaign("relaxed")}


def test_without_the_mark_volatile_is_ruined(recorded, reopener, capsys):
    """A test that finds no ruin where nothing is flushed would find none anywhere."""
    found = losses_of_power(
        recorded("volatile"), reopener, OF_A_FAULT, OF_A_FAULT, finds_mark=False
    )
    report("volatile, unchecked", found, capsys)
    ruined = [case for case in found if case.word != "intact"]

    assert len(ruined) > len(found) / 4


def without_data_flushes(operation):
    return None if operation == FlushFile(DATA) else operation


def without_meta_flushes(operation):
    return (
        msgspec.structs.replace(operation, is_flushed=False)
        if is_meta_page(operation)
        else operation
    )


@pytest.mark.parametrize("fault", [without_data_flushes, without_meta_flushes])
def test_a_flush_that_sync_leaves_out_is_found(recorded, reopener, capsys, fault):
    """The promise of sync is as good as this test, which must see each of its two flushes."""
    changed = map(fault, recorded("sync").operations)
    faulty = Recording([operation for operation in changed if operation is not None])
    found = losses_of_power(faulty, reopener, OF_A_FAULT, OF_A_FAULT)
    report(f"sync {fault.__name__}", found, capsys)

    assert [case for case in found if not case.is_kept]


def disk_with(*operations):
    disk = Disk()
    for operation in operations:
        disk.begin(operation)
        disk.finish(operation)
    return disk


def drawn(disk, **loss):
    """Every content of the file `a` that a hundred losses of power leave."""
    chance = random.Random(SEED)
    disks = (disk.after_power_loss(chance, Loss(**loss)) for _ in range(100))
    return {files.get("f/a") for files in disks}


NEW, OLD = b"new " * 256, b"old " * 256
WRITTEN = (CreateFile("f/a"), WriteBytes("f/a", 0, OLD))


def test_what_was_flushed_survives():
    """A disk that forgets what it has flushed would accuse stores that are right."""
    disk = disk_with(*WRITTEN, FlushFile("f/a"), FlushFolder("f"))

    assert drawn(disk, survival=0.0) == {OLD}


def test_a_later_write_may_survive_an_earlier_one():
    """Disks reorder: a simulation that does not would acquit a store that needs the order."""
    disk = disk_with(
        *WRITTEN,
        FlushFile("f/a"),
        FlushFolder("f"),
        WriteBytes("f/a", 0, NEW[:512]),
        WriteBytes("f/a", 512, NEW[512:]),
    )

    assert drawn(disk, survival=0.5, block_bytes=512) == {
        OLD, NEW, OLD[:512] + NEW[512:], NEW[:512] + OLD[512:],
    }  # fmt: skip
    assert drawn(disk, survival=0.5, block_bytes=4096) == {OLD, NEW, NEW[:512] + OLD[512:]}


def test_a_write_that_flushes_itself_covers_no_other_page():
    """The meta page is written so; it must not vouch for the pages that it points to."""
    page = bytes(4096)
    disk = disk_with(
        CreateFile("f/a"),
        WriteBytes("f/a", 0, page + page),
        FlushFile("f/a"),
        FlushFolder("f"),
        WriteBytes("f/a", 4096, b"data"),
        WriteBytes("f/a", 0, b"meta", is_flushed=True),
    )

    assert {content[:4] for content in drawn(disk, survival=0.0)} == {b"meta"}
    assert {content[4096:4100] for content in drawn(disk, survival=0.5)} == {b"data", bytes(4)}


def test_a_file_without_a_flushed_name_may_be_missing():
    """A new file is not there because its content is flushed; its folder must be."""
    assert drawn(disk_with(*WRITTEN, FlushFile("f/a")), survival=1.0) == {None, OLD}

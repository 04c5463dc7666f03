"""Whoever takes care of a store may be killed at any instant, and the store is whole.

The short version kills at some of the steps; MENTRA_CRASH_CAMPAIGN=full at all of them.
"""

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap

import pytest
from forked_python import ForkedPython
from step_killer import StepKiller

from mentra_actors.store import care
from mentra_actors.store.care import export_store, verify_store
from mentra_actors.store.care.store_image import opened_image
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.testing.full_store import make_full_store

STEPS_BETWEEN = 1 if os.environ.get("MENTRA_CRASH_CAMPAIGN") == "full" else 3


def care_of(task, arguments, options):
    """A task of care."""
    getattr(care, task)(*arguments, **options)


def care_until(progress, task, arguments):
    """A task of care that dies when it tells of its progress the nth time."""
    told = itertools.count(1)

    def on_progress(_done, _total):
        if next(told) == progress:
            os.kill(os.getpid(), signal.SIGKILL)

    getattr(care, task)(*arguments, on_progress=on_progress)


class Killer(StepKiller):
    """Runs tasks of care in processes that kill themselves."""

    def kills(self, step, task, *arguments, **options):
        """True if the task was killed at this step, false if it ended before; 0 kills nowhere."""
        return self.is_killed(step, "care_of", task, arguments, options)

    def care_steps(self, task, make_arguments, **options):
        """Kill at one step after the other, until the task ends; True if it was killed."""
        return self.steps(
            "care_of", lambda: [task, make_arguments(), options], every=STEPS_BETWEEN
        )


@pytest.fixture(scope="module")
def killer():
    with Killer(__file__) as killer:
        yield killer


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A store with some of everything; never to be changed."""
    return make_full_store(tmp_path_factory.mktemp("sound") / "store", appends=60)


@pytest.fixture(scope="module")
def log(sound):
    return log_of(sound)


def log_of(path):
    """The records of a store, which must survive everything."""
    with opened_image(path, is_alone=True) as image:
        return list(image.rows("log"))


def settled(path):
    store = LmdbEventStore.open(path)
    marks = {one.partition("-")[2] for one in store.open_streams()}
    found = [one for one in store.stream_ids("agent") if one.partition("-")[2] not in marks]
    store.close()
    return list(found)


def sound_report(path):
    report = verify_store(path, is_alone=True)
    assert report.is_sound, report
    return report


def log_with(path, archive):
    """The log, with what was archived put back."""
    if sound_report(path).archived_events:
        care.restore_archive(path, archive)
    return log_of(path)


@pytest.mark.crash
@pytest.mark.timeout(600)
@pytest.mark.parametrize("archives", [False, True])
def test_a_killed_compaction_leaves_the_old_store_or_the_new_one(
    killer, sound, log, tmp_path, archives
):
    """The file that holds everything is replaced: there must be no instant without it."""
    store, archive = tmp_path / "store", tmp_path / "old.jsonl"
    streams = settled(shutil.copytree(sound, tmp_path / "look"))[:2]
    options = {"archive": str(archive), "streams": streams} if archives else {}
    outcomes = {"old": 0, "new": 0}

    def fresh():
        shutil.rmtree(store, ignore_errors=True)
        archive.unlink(missing_ok=True)
        return [shutil.copytree(sound, store)]

    for step, is_killed in killer.care_steps("compact_store", fresh, **options):
        report = sound_report(store)
        is_new = bool(report.archived_events) if archives else report.free_bytes == 0
        outcomes["new" if is_new else "old"] += 1
        LmdbEventStore.open(store).close()
        sound_report(store)
        assert is_new or is_killed
        if not is_new:  # the same command goes through
            assert not killer.kills(0, "compact_store", store, **options)
        assert log_with(store, archive) == log, step
        assert not (store / ".compact.new").exists() or is_new
    assert min(outcomes.values()) >= 1
    assert outcomes["old"] > 5


@pytest.mark.crash
@pytest.mark.timeout(600)
def test_a_killed_restore_leaves_the_archive_and_the_store(killer, sound, log, tmp_path):
    """What was taken out is in one place at least, at every instant."""
    archive, store = tmp_path / "old.jsonl", tmp_path / "store"
    archived = shutil.copytree(sound, tmp_path / "archived")
    care.compact_store(archived, archive=archive, streams=settled(archived)[:2])
    content = archive.read_bytes()

    def fresh():
        shutil.rmtree(store, ignore_errors=True)
        return [shutil.copytree(archived, store), archive]

    kills = 0
    for _, is_killed in killer.care_steps("restore_archive", fresh):
        kills += is_killed
        assert archive.read_bytes() == content
        assert log_with(store, archive) == log
    assert kills > 5


@pytest.mark.crash
@pytest.mark.timeout(600)
@pytest.mark.parametrize("task", ["backup_store", "import_store", "salvage_store", "export_store"])
def test_a_killed_copy_is_whole_or_not_there(killer, sound, log, tmp_path, task):
    """Half a backup that looks like one is worse than none."""
    source, target = sound, tmp_path / "target"
    if task == "import_store":
        source = tmp_path / "export.jsonl"
        export_store(sound, source)
    missing = 0
    for _ in killer.care_steps(task, lambda: [source, target]):
        if not target.exists():
            missing += 1
        elif task == "export_store":
            care.import_store(target, tmp_path / "copy")
            assert log_of(tmp_path / "copy") == log
            shutil.rmtree(tmp_path / "copy")
            target.unlink()
        else:
            sound_report(target)
            assert log_of(target) == log
            shutil.rmtree(target)
    assert missing > 1
    getattr(care, task)(source, target)  # and sweeps away what the killed ones have left
    assert [one.name for one in tmp_path.iterdir() if "unfinished" in one.name] == []


@pytest.mark.crash
def test_a_compaction_is_killed_in_the_middle_of_its_work(killer, tmp_path):
    """Between two steps there is work that takes long in a large store."""
    sound = make_full_store(tmp_path / "sound", appends=1500)
    log = log_of(sound)
    moments = random.Random("compact")
    for _ in range(6):
        store = shutil.copytree(sound, tmp_path / "store")
        moment = moments.randrange(1, 14)
        killer.is_killed(0, "care_until", moment, "compact_store", [store])

        sound_report(store)
        assert log_of(store) == log
        shutil.rmtree(store)


WRITE_ON = """
    import itertools, sys
    from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
    from mentra_actors.testing.full_store import fill_store
    store = LmdbEventStore.open(sys.argv[1], durability="volatile")
    print("open", flush=True)
    for seed in itertools.count():
        fill_store(store, appends=20, seed=seed)
"""


@pytest.mark.crash
def test_a_backup_survives_the_death_of_the_writer(tmp_path):
    """The machine that is backed up may be the one that is in trouble."""
    path = tmp_path / "store"
    for number in range(3):
        command = [sys.executable, "-c", textwrap.dedent(WRITE_ON), str(path)]
        with ForkedPython(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout.readline() == b"open\n"
            backup = care.backup_store(
                path, tmp_path / f"backup-{number}", on_progress=lambda *_: writer.kill()
            )
            writer.kill()

        assert backup.report.is_sound
        assert log_of(tmp_path / f"backup-{number}") == log_of(path)[: backup.report.records]

"""Care of sealed stores: what the doctor, a backup and a salvage make of keys."""

import shutil

import pytest

from mentra_actors.errors import ConfigurationError, StoreCorrupted, WrongKey
from mentra_actors.ids import StreamId
from mentra_actors.store.care import (
    backup_store,
    compact_store,
    export_store,
    import_store,
    salvage_store,
    verify_store,
)
from mentra_actors.store.opening import open_event_store, open_journal_reader
from mentra_actors.store.ports import AppendRequest, EncodedEvent, StreamAppend
from mentra_actors.store.sealing import offline
from mentra_actors.store.sealing.options import Sealing

SEALING = Sealing(key=bytes(range(32)))
TEXTS = [b"%d: something that nobody else may read" % number for number in range(20)]


def fill(path, sealing=SEALING):
    store = open_event_store(path, sealing=sealing)
    for number, text in enumerate(TEXTS):
        stream_id = StreamId(f"agent-{'ann' if number % 2 else 'bob'}")
        event = EncodedEvent("noted", text)
        store.append(AppendRequest(streams=(StreamAppend(stream_id=stream_id, events=(event,)),)))
    store.put_blob(b"a picture")
    store.close()
    return path


def texts(path, sealing=SEALING):
    reader = open_journal_reader(path, sealing=sealing)
    try:
        return [event.payload for event in reader.read_journal(limit=100)]
    finally:
        reader.close()


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("sealed") / "store")


@pytest.fixture
def store(sealed, tmp_path):
    return shutil.copytree(sealed, tmp_path / "store")


def damage(path, **options):
    return [one.what for one in verify_store(path, **options).findings if one.severity == "damage"]


def key_files(store):
    known = {file.name for file in (store / "sealing" / "known").iterdir()}
    return [store / "sealing" / "keys-1" / name for name in sorted(known)]


def without_manifest(store):
    (store / "STORE.json").unlink()


def with_an_empty_manifest(store):
    (store / "STORE.json").write_bytes(b"")


@pytest.mark.parametrize("harm", [without_manifest, with_an_empty_manifest])
def test_a_salvaged_store_is_sealed_as_it_was(store, tmp_path, harm):
    """A store without its manifest came back as a plain one that no key opens."""
    harm(store)
    findings = damage(store)
    salvaged = salvage_store(store, tmp_path / "saved")

    assert len(findings) == 1
    assert "STORE.json" in findings[0]
    assert salvaged.is_whole
    assert texts(tmp_path / "saved") == TEXTS
    assert damage(tmp_path / "saved") == []
    with pytest.raises(WrongKey):
        open_event_store(tmp_path / "saved")


@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_nothing_is_salvaged_that_no_key_opens(store, tmp_path, content):
    """Without the record of the sealing a new store would be worth nothing; it says what to do."""
    without_manifest(store)
    (store / "sealing" / "SEALING.json").unlink()
    if content is not None:
        (store / "sealing" / "SEALING.json").write_bytes(content)

    with pytest.raises(StoreCorrupted, match=r"SEALING\.json .*restore that file from a backup"):
        salvage_store(store, tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


def test_a_sealed_store_is_sound(store, tmp_path):
    """False alarm would send people to their backups, also after forgetting and new keys."""
    assert verify_store(store).findings == ()
    offline.forget_subject(store, "ann", sealing=SEALING)
    assert verify_store(store).findings == ()
    offline.change_key(store, Sealing(key=bytes(32)), sealing=SEALING)
    assert verify_store(store).findings == ()

    backup_store(store, tmp_path / "backup")
    compact_store(store)
    assert verify_store(store).findings == verify_store(tmp_path / "backup").findings == ()
    compressed = fill(tmp_path / "compressed", Sealing(compression="zstd", samples=TEXTS * 50))
    assert verify_store(compressed).findings == ()
    (compressed / "sealing" / "dictionary-1").unlink()
    assert "dictionary-1 is missing" in damage(compressed)[0]


HARMS = {
    "keys gone": lambda store: shutil.rmtree(store / "sealing"),
    "no record": lambda store: (store / "sealing" / "SEALING.json").unlink(),
    "empty record": lambda store: (store / "sealing" / "SEALING.json").write_bytes(b""),
    "a key gone": lambda store: key_files(store)[1].unlink(),
    "a short key": lambda store: key_files(store)[0].write_bytes(b"short"),
    "no key directory": lambda store: shutil.rmtree(store / "sealing" / "keys-1"),
    "no names": lambda store: [one.unlink() for one in (store / "sealing" / "known").iterdir()],
    "odd tombstone": lambda store: (
        store / "sealing" / "known" / key_files(store)[0].name
    ).write_bytes(b"forgo"),
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_the_doctor_misses_keys_and_no_backup_is_made_without(store, tmp_path, harm):
    """A store and a backup that nobody can read were called sound."""
    harm(store)
    report = verify_store(store)

    assert not report.is_sound
    assert {finding.where for finding in report.findings} == {"keys"}
    assert report.first_bad_position is None
    with pytest.raises(StoreCorrupted, match="there is no copy"):
        backup_store(store, tmp_path / "backup")


def test_keys_may_lie_elsewhere(tmp_path):
    """Who keeps keys away from the store has to be able to look after it all the same."""
    keys = tmp_path / "keys"
    away = Sealing(key=SEALING.key, directory=keys)
    store = fill(tmp_path / "store", away)

    assert "are not here" in damage(store)[0]
    assert "--keys" in damage(store)[0]
    assert damage(store, keys=keys) == []
    backup_store(store, tmp_path / "backup", keys=keys)
    assert texts(tmp_path / "backup", away) == TEXTS
    compact_store(store)
    without_manifest(store)
    salvage_store(store, tmp_path / "saved", keys=keys)
    assert texts(tmp_path / "saved", away) == TEXTS


def test_keys_of_another_store_are_no_keys(store, tmp_path):
    """Whoever copies the wrong directory should hear it before the right one is gone."""
    other = fill(tmp_path / "other")
    assert "another store" in damage(store, keys=other / "sealing")[0]


def test_a_plain_manifest_of_a_sealed_store_is_damage(store):
    """A store that passes for a plain one takes plain text."""
    manifest = (store / "STORE.json").read_text()
    (store / "STORE.json").write_text(manifest.replace('"sealing":"', '"sealed":"'))
    findings = damage(store)

    assert len(findings) == 1
    assert "says that it is sealed" in findings[0]


def test_no_directory_is_made_for_a_copy(store, tmp_path):
    """A copy in a directory that is made for it may lie on another disk than was meant."""
    export_store(store, tmp_path / "lines")
    nowhere = tmp_path / "not mounted"
    for make in (
        lambda: backup_store(store, nowhere / "copy"),
        lambda: salvage_store(store, nowhere / "copy"),
        lambda: export_store(store, nowhere / "lines"),
        lambda: import_store(tmp_path / "lines", nowhere / "copy"),
    ):
        with pytest.raises(ConfigurationError, match="there is no directory"):
            make()
    assert not nowhere.exists()

"""Opening sealed stores: with the right key, a wrong one, none, or one too many."""

import base64
import importlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import mentra_actors
from mentra_actors.errors import (
    ConfigurationError,
    StoreCorrupted,
    StoreError,
    StoreFormatError,
    StoreFull,
    WrongKey,
)
from mentra_actors.ids import StreamId
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.opening import MEMORY, open_event_store, open_journal_reader
from mentra_actors.store.sealing import durable_files, extras, wrapped_files
from mentra_actors.store.sealing.master_key import make_key_file, parse_key
from mentra_actors.store.sealing.offline import change_key, forget_subject, train_dictionary
from mentra_actors.store.sealing.options import Sealing
from mentra_actors.store.sealing.sealed_store import SealedEventStore
from mentra_actors.store.store_directory import find_manifest
from mentra_actors.testing.append_contract import (
    AnswerLog,
    payloads_of,
    request_for,
    stream_append,
)

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
ENCRYPTED = Sealing(key=KEY)
ANN, BOB, TEAM = (StreamId(name) for name in ("agent-ann", "agent-bob", "team-x"))


def write(path, *payloads, sealing=ENCRYPTED, stream=ANN, **options):
    store = open_event_store(path, sealing=sealing, **options)
    try:
        for payload in payloads:
            store.append(request_for(stream_append(stream, payload)))
    finally:
        store.close()


def read(path, *, sealing=ENCRYPTED, stream=ANN):
    reader = open_journal_reader(path, sealing=sealing)
    try:
        return payloads_of(reader.read_stream(stream))
    finally:
        reader.close()


def content_of(path):
    """Everything in a directory, by name."""
    files = (one for one in path.rglob("*") if one.is_file() and one.name != "lock.mdb")
    return {str(one.relative_to(path)): one.read_bytes() for one in files}


@pytest.mark.parametrize(
    "sealing", [None, Sealing(), Sealing(key=OTHER_KEY)], ids=["none", "no key", "another"]
)
def test_an_encrypted_store_opens_with_its_key_only(tmp_path, sealing):
    """A typo in a key must be told as such, and before anything is written under it."""
    write(tmp_path / "store", b"x")
    before = content_of(tmp_path)

    for opening in (open_event_store, open_journal_reader):
        with pytest.raises(WrongKey, match="encrypted"):
            opening(tmp_path / "store", sealing=sealing)
    for deed in (
        lambda: forget_subject(tmp_path / "store", "ann", sealing=sealing or Sealing()),
        lambda: change_key(tmp_path / "store", ENCRYPTED, sealing=sealing or Sealing()),
    ):
        with pytest.raises(WrongKey):
            deed()
    assert content_of(tmp_path) == before


@pytest.mark.parametrize("made_with", [None, Sealing(compression="zstd")])
def test_a_store_that_is_not_encrypted_takes_no_key(tmp_path, made_with):
    """Who gives a key believes that nobody else can read what he writes."""
    write(tmp_path / "store", b"x", sealing=made_with)

    for opening in (open_event_store, open_journal_reader):
        with pytest.raises(WrongKey, match=r"not encrypted|plain text"):
            opening(tmp_path / "store", sealing=ENCRYPTED)
    with pytest.raises(WrongKey):
        forget_subject(tmp_path / "store", "ann", sealing=made_with or Sealing())
    assert read(tmp_path / "store", sealing=None) == [b"x"]


def test_an_empty_plain_store_may_become_an_encrypted_one(tmp_path):
    """A crash right after a store was made must not keep its owner from encrypting it."""
    LmdbEventStore.open(tmp_path / "store").close()
    write(tmp_path / "store", b"x")

    assert read(tmp_path / "store") == [b"x"]


def test_a_compressed_store_opens_without_a_word(tmp_path):
    """Compression is a property of the store, not of whoever opens it."""
    write(tmp_path / "store", b"x" * 500, sealing=Sealing(compression="zstd"))
    write(tmp_path / "store", b"y" * 500, sealing=None)

    assert read(tmp_path / "store", sealing=None) == [b"x" * 500, b"y" * 500]
    raw = LmdbEventStore.open(tmp_path / "store")
    assert all(len(payload) < 100 for payload in payloads_of(raw.read_journal()))
    raw.close()


def test_a_plain_store_may_begin_to_compress(tmp_path):
    """The past stays as it was written, and readable."""
    write(tmp_path / "store", b"x" * 500, b"\x01\x00" * 40, sealing=None)
    write(tmp_path / "store", b"y" * 500, sealing=Sealing(compression="zstd"))
    write(tmp_path / "store", b"z" * 500, sealing=Sealing(compression="none"))

    assert read(tmp_path / "store", sealing=None) == [
        b"x" * 500,
        b"\x01\x00" * 40,
        b"y" * 500,
        b"z" * 500,
    ]


def test_a_plain_store_stays_plain_if_nothing_is_asked(tmp_path):
    """To name a directory of keys is no wish to begin something."""
    write(tmp_path / "store", b"x", sealing=None)
    write(tmp_path / "store", b"y", sealing=Sealing(directory=tmp_path / "keys"))

    assert find_manifest(tmp_path / "store").sealing == ""


def test_keys_may_be_kept_elsewhere(tmp_path):
    """A backup of the log without the keys is worth nothing to a thief."""
    apart = Sealing(key=KEY, directory=tmp_path / "keys")
    write(tmp_path / "store", b"x", sealing=apart)

    assert read(tmp_path / "store", sealing=apart) == [b"x"]
    assert not (tmp_path / "store" / "sealing").exists()
    with pytest.raises(WrongKey, match="name the directory"):
        read(tmp_path / "store")


def test_keys_of_one_store_are_not_taken_for_another(tmp_path):
    """Two stores over one set of keys would forget for each other."""
    apart = Sealing(key=KEY, directory=tmp_path / "keys")
    write(tmp_path / "one", b"x", sealing=apart)
    with pytest.raises(WrongKey, match="another store"):
        write(tmp_path / "other", b"y", sealing=apart)
    write(tmp_path / "third", b"y", sealing=Sealing(key=KEY, directory=tmp_path / "third-keys"))

    with pytest.raises(WrongKey, match="another store"):
        read(tmp_path / "third", sealing=apart)


@pytest.mark.parametrize("key", [None, KEY])
def test_a_sealed_store_without_its_directory_is_not_a_plain_one(tmp_path, key):
    """A restored backup that lacks the keys must not be written to in plain text."""
    write(tmp_path / "store", b"x", sealing=Sealing(key=key))
    (tmp_path / "store" / "sealing").rename(tmp_path / "gone")

    for opening in (open_event_store, open_journal_reader):
        with pytest.raises(WrongKey):
            opening(tmp_path / "store", sealing=Sealing(key=key))


def test_a_database_is_sealed_too(tmp_path):
    """It has no manifest, and must all the same never be taken for a plain one."""
    url = f"sqlite:{tmp_path / 'log.db'}"
    apart = Sealing(key=KEY, directory=tmp_path / "keys")
    write(url, b"secret text", sealing=apart)
    write(url, b"more of it", sealing=apart)

    assert read(url, sealing=apart) == [b"secret text", b"more of it"]
    assert not any(b"secret" in content for content in content_of(tmp_path).values())
    for sealing in (None, Sealing(key=KEY, directory=tmp_path / "elsewhere")):
        with pytest.raises(WrongKey):
            write(url, b"z", sealing=sealing)
    with pytest.raises(ConfigurationError, match="where its keys"):
        write(url, b"z", sealing=Sealing(key=KEY))
    assert not (tmp_path / "elsewhere").exists()


def test_a_plain_database_stays_plain(tmp_path):
    """Nobody has to know of sealing."""
    url = f"sqlite:{tmp_path / 'log.db'}"
    write(url, b"x", sealing=None)

    assert read(url, sealing=None) == [b"x"]


def test_a_store_in_memory_is_not_sealed():
    """A wish that cannot be met is refused, not ignored."""
    with pytest.raises(ConfigurationError, match="memory"):
        open_event_store(MEMORY, sealing=ENCRYPTED)


def test_a_changed_record_is_refused(tmp_path):
    """Who could change how a store is read could make it take plain text for sealed."""
    write(tmp_path / "store", b"x")
    file = tmp_path / "store" / "sealing" / "SEALING.json"
    record = msgspec.json.decode(file.read_bytes())
    for change in ({"plain_through": 10**9}, {"compression": "none"}, {"keys": "keys-7"}):
        file.write_bytes(msgspec.json.encode({**record, **change}))
        with pytest.raises(StoreCorrupted, match="changed"):
            read(tmp_path / "store")
    file.write_bytes(msgspec.json.encode({**record, "format": 2}))
    with pytest.raises(StoreFormatError, match="newer"):
        read(tmp_path / "store")
    file.write_bytes(b"{")
    with pytest.raises(StoreFormatError):
        read(tmp_path / "store")
    # Without encryption the record is signed by nobody, and a key is refused.
    file.write_bytes(msgspec.json.encode({**record, "keys": ""}))
    with pytest.raises(WrongKey, match="not encrypted"):
        read(tmp_path / "store")


def test_a_key_file_is_of_its_subject(tmp_path):
    """Who swaps the files of two subjects must not get one's text under the other's key."""
    write(tmp_path / "store", b"x", stream=ANN)
    write(tmp_path / "store", b"y", stream=BOB)
    keys = tmp_path / "store" / "sealing" / "keys-1"
    files = sorted(one for one in keys.iterdir() if one.name != "derived")
    files[0].write_bytes(files[1].read_bytes())

    with pytest.raises(StoreCorrupted, match="key file"):
        read(tmp_path / "store"), read(tmp_path / "store", stream=BOB), write(tmp_path / "store")


def test_a_lost_key_file_is_not_a_forgotten_one(tmp_path):
    """A bad restore must not look like a wish of the owner, nor be made worse by writing on."""
    write(tmp_path / "store", b"x")
    keys = tmp_path / "store" / "sealing" / "keys-1"
    known = content_of(keys)
    write(tmp_path / "store", b"y", stream=BOB)
    write(tmp_path / "store", b"z", stream=TEAM)
    (ann,) = [
        name
        for name in known
        if name != "derived" and not _is_team(tmp_path / "store", name, stream=TEAM)
    ]
    (keys / ann).unlink()

    with pytest.raises(StoreCorrupted, match="missing and was not forgotten"):
        read(tmp_path / "store")
    with pytest.raises(StoreCorrupted, match="missing"):
        write(tmp_path / "store", b"more")
    assert read(tmp_path / "store", stream=BOB) == [b"y"]
    (keys / ann).write_bytes(known[ann])
    assert read(tmp_path / "store") == [b"x"]


def _is_team(path, name, *, stream):
    raw = LmdbEventStore.open(path)
    (event,) = raw.read_stream(stream)
    raw.close()
    return event.payload[2:10].hex() == name


def test_the_key_of_a_subject_is_on_disk_before_its_first_event(tmp_path, monkeypatch):
    """An event whose key a crash has taken would be lost although it was acknowledged."""
    store = open_event_store(tmp_path / "store", sealing=ENCRYPTED)
    synced, at_submit = [], []
    real_fsync = os.fsync
    inner = store.behind
    real_submit = inner.submit

    def fsync(descriptor):
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real_fsync(descriptor)

    def submit(request, on_appended):
        at_submit.append(list(synced))
        real_submit(request, on_appended)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(inner, "submit", submit)
    answers = AnswerLog()
    store.submit(request_for(stream_append(ANN, b"x")), answers.add)
    store.submit(request_for(stream_append(ANN, b"y")), answers.add)
    answers.first(2)
    store.close()

    directory = tmp_path / "store" / "sealing"
    flushed = at_submit[0]
    assert sum(name.startswith(f"{directory}/keys-1/") for name in flushed) == 1
    assert sum(name.startswith(f"{directory}/known/") for name in flushed) == 1
    assert {f"{directory}/keys-1", f"{directory}/known"} <= set(flushed)
    assert at_submit[1] == flushed


def test_a_full_disk_refuses_the_append_that_needs_a_key(tmp_path, monkeypatch):
    """What cannot be sealed is not written, and the store goes on."""
    store = open_event_store(tmp_path / "store", sealing=ENCRYPTED)
    answers = AnswerLog()

    def full(*_args, **_options):
        raise StoreFull("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(wrapped_files, "create_durably", full)
        store.submit(request_for(stream_append(ANN, b"x")), answers.add)
        with pytest.raises(StoreFull):
            store.append(request_for(stream_append(ANN, b"x")))
        with pytest.raises(StoreFull):
            store.put_blob(b"x" * 100)
    digest = store.put_blob(b"x" * 100)
    store.append(request_for(stream_append(ANN, b"y")))

    assert isinstance(answers.first(1)[0], StoreFull)
    assert payloads_of(store.read_stream(ANN)) == [b"y"]
    assert store.read_blob(digest) == b"x" * 100
    store.close()


def test_errors_of_the_system_are_errors_of_the_store(tmp_path):
    """A missing right must end as a sentence, not as a traceback."""
    with pytest.raises(StoreError, match="cannot use"):
        durable_files.write_durably(tmp_path / "missing" / "file", b"x")
    with pytest.raises(StoreError, match="cannot use"):
        durable_files.read_if_there(tmp_path)


def test_a_changed_master_key_opens_the_same_log(tmp_path):
    """A key that leaked can be replaced without writing a terabyte anew."""
    write(tmp_path / "store", b"x")
    raw = (tmp_path / "store" / "data.mdb").read_bytes()
    old_keys = content_of(tmp_path / "store" / "sealing" / "keys-1")
    change_key(tmp_path / "store", Sealing(key=OTHER_KEY), sealing=ENCRYPTED)

    assert read(tmp_path / "store", sealing=Sealing(key=OTHER_KEY)) == [b"x"]
    with pytest.raises(WrongKey, match="another key"):
        read(tmp_path / "store")
    new_keys = content_of(tmp_path / "store" / "sealing")
    assert not set(old_keys.values()) & set(new_keys.values())
    assert len((tmp_path / "store" / "data.mdb").read_bytes()) == len(raw)
    change_key(tmp_path / "store", ENCRYPTED, sealing=Sealing(key=OTHER_KEY))
    assert read(tmp_path / "store") == [b"x"]


def test_a_reader_is_told_that_the_key_was_changed(tmp_path):
    """A process that stays open over a change must not report damage."""
    write(tmp_path / "store", b"x")
    reader = open_journal_reader(tmp_path / "store", sealing=ENCRYPTED)
    change_key(tmp_path / "store", Sealing(key=OTHER_KEY), sealing=ENCRYPTED)

    with pytest.raises(WrongKey, match="was changed"):
        reader.read_stream(ANN)
    reader.close()


def test_a_new_key_has_to_be_one(tmp_path):
    """To change a key to nothing would be to publish everything."""
    write(tmp_path / "store", b"x")
    with pytest.raises(ConfigurationError, match="new key"):
        change_key(tmp_path / "store", Sealing(), sealing=ENCRYPTED)

    assert read(tmp_path / "store") == [b"x"]


def test_a_dictionary_comes_of_itself(tmp_path):
    """Nobody should have to know of dictionaries to profit from one."""
    store = open_event_store(tmp_path / "store", sealing=Sealing(), durability="volatile")
    texts = [b"event %d of a long and very similar kind, told at length" % n for n in range(1500)]
    for start in range(0, len(texts), 50):
        store.append(request_for(stream_append(ANN, *texts[start : start + 50])))
    store._training.join()
    store.append(request_for(stream_append(ANN, texts[0])))

    assert store.seal.dictionaries.newest == 1
    sizes = [len(event.payload) for event in store.behind.read_stream(ANN)]
    assert sizes[-1] < 0.7 * sizes[0]
    assert payloads_of(store.read_stream(ANN)) == [*texts, texts[0]]
    store.close()
    again = open_event_store(tmp_path / "store")
    again.append(request_for(stream_append(ANN, texts[1])))
    assert again.seal.dictionaries.newest == 1
    again.close()
    assert train_dictionary(tmp_path / "store") == 2


def test_closing_does_not_wait_for_a_dictionary(tmp_path):
    """A program that ends must end, whatever is being trained."""
    store = open_event_store(tmp_path / "store", sealing=Sealing(), durability="volatile")
    texts = [os.urandom(20) for _ in range(1200)]
    store.submit(request_for(stream_append(ANN, *texts)), lambda answer: None)
    store.close()

    assert read(tmp_path / "store", sealing=None) == texts


def test_an_encrypted_store_trains_on_nobody(tmp_path):
    """A dictionary keeps pieces of text, and no subject could be forgotten out of it."""
    texts = [b"event %d of a long and very similar kind, told at length" % n for n in range(1500)]
    write(tmp_path / "store", *texts[:1])
    store = open_event_store(tmp_path / "store", sealing=ENCRYPTED, durability="volatile")
    store.append(request_for(stream_append(ANN, *texts)))
    with pytest.raises(ConfigurationError, match="samples"):
        store.train_dictionary()
    store.close()
    assert not list((tmp_path / "store" / "sealing").glob("dictionary*"))

    sampled = Sealing(key=KEY, samples=[text.decode() for text in texts])
    write(tmp_path / "store", texts[7], sealing=sampled)
    assert read(tmp_path / "store")[-1] == texts[7]
    (file,) = (tmp_path / "store" / "sealing").glob("dictionary*")
    assert b"similar" not in file.read_bytes()


def test_only_a_compressed_store_is_trained(tmp_path):
    """A figure that changes nothing would be a lie."""
    write(tmp_path / "store", b"x", sealing=None)
    with pytest.raises(ConfigurationError, match="not compressed"):
        train_dictionary(tmp_path / "store")


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        KEY.hex().encode(),
        KEY.hex().upper().encode() + b"\n",
        base64.b64encode(KEY) + b"\n",
        base64.urlsafe_b64encode(KEY).rstrip(b"="),
    ],
)
def test_a_key_is_read_as_it_is_usually_written(text):
    """Keys come out of openssl, Python and password stores in different dress."""
    assert parse_key(text, "a test") == KEY


@pytest.mark.parametrize(
    "text", [b"", b"short", b"a" * 32, KEY[:31], b"zz" * 32, KEY.hex()[2:].encode()]
)
def test_what_is_no_key_is_refused(text):
    """A password, or half of a key, would protect nothing."""
    with pytest.raises(ConfigurationError, match="a test holds no key") as refusal:
        parse_key(text, "a test")
    assert not text or text.decode(errors="replace") not in str(refusal.value)


def test_keys_come_from_where_the_owner_says(tmp_path, monkeypatch):
    """A key in a program text would be in every copy of it."""
    make_key_file(tmp_path / "team.key")
    text = (tmp_path / "team.key").read_text()
    monkeypatch.setenv("TEAM_KEY", text)
    by_file = Sealing(key_file=tmp_path / "team.key").master_key()

    assert by_file == Sealing(key_variable="TEAM_KEY").master_key() == bytes.fromhex(text)
    assert stat.S_IMODE((tmp_path / "team.key").stat().st_mode) == 0o600
    with pytest.raises(ConfigurationError, match="never overwritten"):
        make_key_file(tmp_path / "team.key")
    for absent in (Sealing(key_file=tmp_path / "no.key"), Sealing(key_variable="NO_KEY")):
        with pytest.raises(ConfigurationError, match=r"no\.key|NO_KEY"):
            open_event_store(tmp_path / "store", sealing=absent)
    assert not (tmp_path / "store").exists()


def test_choices_that_cannot_be_meant_are_refused():
    """A mistake is cheapest where it is made."""
    for choice in (
        {"key": b"short"},
        {"key": KEY, "key_file": "x"},
        {"compression": "zip"},
    ):
        with pytest.raises(ConfigurationError):
            Sealing(**choice)


def test_no_key_is_shown(tmp_path):
    """Settings end up in logs and in tickets."""
    write(tmp_path / "store", b"x")
    store = open_event_store(tmp_path / "store", sealing=ENCRYPTED)
    shown = [repr(ENCRYPTED), repr(store.seal.ring.own()), repr(vars(store.seal))]
    store.close()

    assert not any(repr(KEY)[2:-1] in text or KEY.hex() in text for text in shown)


def test_missing_libraries_are_named(tmp_path, monkeypatch):
    """Who has not installed the extra must read how to, before a store is made."""

    really = importlib.import_module

    def missing(name):
        if name.startswith("mentra_actors"):
            return really(name)
        raise ImportError(name)

    monkeypatch.setattr(extras.importlib, "import_module", missing)
    for sealing in (Sealing(), ENCRYPTED):
        with pytest.raises(ConfigurationError, match=r"pip install 'mentra-actors\[sealing\]'"):
            open_event_store(tmp_path / "store", sealing=sealing)

    assert not (tmp_path / "store").exists()


def test_nobody_needs_what_he_does_not_use(tmp_path):
    """The libraries are an extra; a plain store has to open without them."""
    code = """
import sys
sys.modules["cryptography"] = sys.modules["zstandard"] = None  # as if not installed
import mentra_actors, mentra_actors.cli.main
for path in (":memory:", sys.argv[1]):
    with mentra_actors.open_runtime_sync(path) as runtime: runtime.board()
"""
    command = [sys.executable, "-c", code, str(tmp_path / "store")]
    subprocess.run(command, check=True, timeout=60)


def test_there_is_no_second_way_to_a_store():
    """A command that opened the file by itself would write plain text beside the sealed."""
    package = Path(mentra_actors.__file__).parent
    sources = [*package.glob("runtime/*.py"), *package.glob("cli/*.py")]
    names = ("LmdbEventStore", "open_sql_store", "open_sql_reader", "MemoryEventStore")

    assert [file for file in sources if any(name in file.read_text() for name in names)] == []


def test_a_sealed_store_is_one(tmp_path):
    """`open_event_store` gives what it was asked for."""
    store = open_event_store(tmp_path / "store", sealing=ENCRYPTED)
    assert isinstance(store, SealedEventStore)
    store.close()

"""A process that is killed anywhere between two durable steps of sealing has lost nothing.

A child process dies of SIGKILL before its Nth flush, naming or removal of a file, for every N
until it gets through. What is left must open, and say what it said before.
"""

import signal
import subprocess
import sys
import textwrap

import pytest
from forked_python import run_forked

from mentra_actors.envelope import FORGOTTEN_PAYLOAD
from mentra_actors.errors import StoreError, WrongKey
from mentra_actors.ids import StreamId
from mentra_actors.store.opening import open_event_store, open_journal_reader
from mentra_actors.store.ports import StateSnapshot
from mentra_actors.store.sealing.offline import change_key, forget_subject
from mentra_actors.store.sealing.options import Sealing
from mentra_actors.testing.append_contract import payloads_of, request_for, stream_append

KEY, NEW_KEY = bytes(range(32)), bytes(range(32, 64))
ENCRYPTED, CHANGED = Sealing(key=KEY), Sealing(key=NEW_KEY)
ANN, BOB = StreamId("agent-ann"), StreamId("agent-bob")
BLOB = b"a long report on ann " * 100

DIE_AT_EACH_STEP = """
    import os, shutil, signal, sys
    from mentra_actors.ids import StreamId
    from mentra_actors.store.opening import open_event_store
    from mentra_actors.store.sealing.offline import change_key, forget_subject
    from mentra_actors.store.sealing.options import Sealing
    from mentra_actors.testing.append_contract import request_for, stream_append

    encrypted, changed = Sealing(key=bytes(range(32))), Sealing(key=bytes(range(32, 64)))

    def write(path):
        for name in ("ann", "bob"):
            store = open_event_store(path, sealing=encrypted)
            store.append(request_for(stream_append(StreamId(f"agent-{name}"), name.encode())))
            with open(path + ".acknowledged", "a") as file:
                file.write(name + " ")
            store.close()

    def forget(path):
        assert forget_subject(path, "ann", sealing=encrypted)

    def rotate(path):
        change_key(path, changed, sealing=encrypted)

    def compress(path):
        store = open_event_store(path, sealing=Sealing(compression="zstd"))
        store.append(request_for(stream_append(StreamId("agent-bob"), b"new")))
        store.close()

    def die_before(number):
        steps = 0
        def counted(real):
            def call(*args, **kwargs):
                nonlocal steps
                steps += 1
                if steps == number:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **kwargs)
            return call
        for name in ("fsync", "replace", "link", "unlink", "rmdir"):
            setattr(os, name, counted(getattr(os, name)))

    deed, start, directory = sys.argv[1:]
    number = 0
    while True:
        number += 1
        path = os.path.join(directory, str(number))
        if os.path.exists(start):
            shutil.copytree(start, path)
        child = os.fork()
        if not child:
            die_before(number)
            globals()[deed](path)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(number, os.waitstatus_to_exitcode(status), flush=True)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            break
"""


def stores_after(deed, start, directory):
    """The path of what each kill has left, and last of what a whole run has."""
    directory.mkdir()
    command = [sys.executable, "-c", textwrap.dedent(DIE_AT_EACH_STEP)]
    lines = run_forked(
        [*command, deed, str(start), str(directory)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=300,
    ).stdout.splitlines()
    ends = [tuple(map(int, line.split())) for line in lines]
    assert ends[-1][1] == 0
    assert {code for _, code in ends[:-1]} == {-signal.SIGKILL}
    assert len(ends) > 5
    return [directory / str(number) for number, _ in ends]


@pytest.fixture
def start(tmp_path):
    """A store with events, a snapshot and a blob of two subjects, and the blob's digest."""
    path = tmp_path / "start"
    store = open_event_store(path, sealing=ENCRYPTED)
    digest = store.put_blob(BLOB)
    store.append(
        request_for(stream_append(ANN, b"ann", digest.encode()), stream_append(BOB, b"bob"))
    )
    store.save_snapshot(
        StateSnapshot(stream_id=ANN, stream_version=1, fold_version=1, payload=b"ann was here")
    )
    store.close()
    return path, digest


def events_of(path, sealing):
    """What the log says, by whoever opens it next."""
    open_event_store(path, sealing=sealing).close()
    reader = open_journal_reader(path, sealing=sealing)
    try:
        return payloads_of(reader.read_journal())
    finally:
        reader.close()


@pytest.mark.crash
@pytest.mark.timeout(600)
def test_a_first_event_never_outlives_its_key(tmp_path):
    """An acknowledged event that nobody can decrypt is a lost one."""
    for path in stores_after("write", tmp_path / "nothing", tmp_path / "killed"):
        said = path.with_name(f"{path.name}.acknowledged")
        acknowledged = said.read_text().split() if said.exists() else []

        found = [payload.decode() for payload in events_of(path, ENCRYPTED)]
        assert found[: len(acknowledged)] == acknowledged
        assert found == ["ann", "bob"][: len(found)]


@pytest.mark.crash
@pytest.mark.timeout(600)
def test_a_forgetting_is_not_begun_or_gets_done(tmp_path, start):
    """Half a forgetting would show in a view what the log denies."""
    outcomes = set()
    path, digest = start
    for killed in stores_after("forget", path, tmp_path / "killed"):
        if was_interrupted(killed):
            outcomes.add("interrupted")
        ann, named, bob = events_of(killed, ENCRYPTED)
        store = open_event_store(killed, sealing=ENCRYPTED)
        snapshot, blob = store.load_snapshot(ANN), store.read_blob(digest)
        store.close()

        assert bob == b"bob"
        if ann == b"ann":
            assert named == digest.encode()
            assert snapshot.payload == b"ann was here"
            assert blob == BLOB
            assert forget_subject(killed, "ann", sealing=ENCRYPTED).events == 2
        else:
            assert ann == named == FORGOTTEN_PAYLOAD
            assert snapshot is None
            assert blob is None
            assert forget_subject(killed, "ann", sealing=ENCRYPTED) is None
        assert events_of(killed, ENCRYPTED) == [FORGOTTEN_PAYLOAD] * 2 + [b"bob"]
        outcomes.add(ann)
    assert outcomes == {"interrupted", b"ann", FORGOTTEN_PAYLOAD}


def was_interrupted(path):
    """True if a reader is told so."""
    try:
        open_journal_reader(path, sealing=ENCRYPTED).close()
    except StoreError as error:
        return "a forgetting was interrupted" in str(error)
    return False


@pytest.mark.crash
@pytest.mark.timeout(600)
def test_one_of_two_keys_opens_at_any_instant(tmp_path, start):
    """A change of the key that locks the owner out would be the end of the store."""
    opened_by = []
    path, digest = start
    for killed in stores_after("rotate", path, tmp_path / "killed"):
        good = [key for key in (ENCRYPTED, CHANGED) if opens(killed, key)]
        assert len(good) == 1
        opened_by.extend(good)
        assert events_of(killed, good[0]) == [b"ann", digest.encode(), b"bob"]
        assert [one.name for one in (killed / "sealing").glob("keys-*")] == [
            "keys-1" if good[0] is ENCRYPTED else "keys-2"
        ]
        if good[0] is ENCRYPTED:
            change_key(killed, CHANGED, sealing=ENCRYPTED)
        assert events_of(killed, CHANGED) == [b"ann", digest.encode(), b"bob"]
        store = open_event_store(killed, sealing=CHANGED)
        assert store.load_snapshot(ANN).payload == b"ann was here"
        assert store.read_blob(digest) == BLOB
        store.close()
    assert opened_by.count(ENCRYPTED) > 3
    assert opened_by.count(CHANGED) > 3
    assert opened_by == sorted(opened_by, key=lambda sealing: sealing is CHANGED)


def opens(path, sealing):
    """True if this key opens the store."""
    try:
        open_journal_reader(path, sealing=sealing).close()
    except WrongKey:
        return False
    return True


@pytest.mark.crash
@pytest.mark.timeout(600)
def test_a_store_begins_to_compress_at_one_instant(tmp_path):
    """What was written before is never taken for compressed, and nothing after it for plain."""
    start = tmp_path / "start"
    store = open_event_store(start)
    store.append(request_for(stream_append(ANN, b"\x01\x00plain", b"old")))
    store.close()
    for path in stores_after("compress", start, tmp_path / "killed"):
        assert events_of(path, None)[:2] == [b"\x01\x00plain", b"old"]
        store = open_event_store(path, sealing=Sealing(compression="zstd"))
        store.append(request_for(stream_append(BOB, b"z" * 500)))
        store.close()
        found = events_of(path, None)
        assert found[:2] + found[-1:] == [b"\x01\x00plain", b"old", b"z" * 500]

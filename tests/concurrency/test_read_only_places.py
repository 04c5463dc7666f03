"""Reading a store where one may not write, and stores that grow under the eyes of others."""

import subprocess

import pytest

from mentra_actors.errors import StoreError, StoreLocked
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore, LmdbJournalReader
from mentra_actors.testing.append_contract import A, B, request_for, stream_append


@pytest.fixture
def path(tmp_path):
    """A closed store with three events."""
    path = tmp_path / "store"
    store = LmdbEventStore.open(path)
    for number in range(3):
        store.append(request_for(stream_append(A, b"%d" % number)))
    store.close()
    return path


def run_or_skip(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip(f"there is no {command[0]} here")
    if done.returncode:
        pytest.skip(f"{command[0]} is refused here: {done.stderr.strip()}")


@pytest.fixture
def mounted(tmp_path, path):
    """The directory of the store, seen through a mount that nobody can write."""
    place = tmp_path / "mounted"
    place.mkdir()
    run_or_skip("mount", "--bind", str(path), str(place))
    try:
        run_or_skip("mount", "-o", "remount,bind,ro", str(place))
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def immutable(path):
    """The directory of the store, which has become one that nobody can change."""
    run_or_skip("chattr", "-R", "+i", str(path))
    yield path
    subprocess.run(["chattr", "-R", "-i", str(path)], check=True)


def test_a_store_on_a_read_only_medium_can_be_read(mounted):
    """An archive on a medium that nobody writes is there to be read."""
    for _ in range(2):
        reader = LmdbJournalReader.open(mounted)
        assert [event.payload for event in reader.read_journal()] == [b"0", b"1", b"2"]
        assert reader.wait_for_position(4, timeout_s=0.05) == 3
        reader.close()
    with pytest.raises(StoreError, match="Read-only file system"):
        LmdbEventStore.open(mounted)


def test_files_that_may_not_be_written_can_be_read(immutable):
    """A colleague's store, without the right to write it, is there to be read as well."""
    reader = LmdbJournalReader.open(immutable)
    assert reader.last_position() == 3
    reader.close()
    with pytest.raises(StoreError, match="not permitted"):
        LmdbEventStore.open(immutable)


def test_nobody_writes_while_one_reads_without_page_locks(path, mounted, worker):
    """Its pages would be reused under its eyes: the writer has to wait, and is told for whom."""
    reader, other = LmdbJournalReader.open(mounted), LmdbJournalReader.open(mounted)
    writer = worker(path)
    told = f"StoreLocked: {path} is read by a process that may not write lock.mdb; end that first"
    assert writer.do("open") == told
    reader.close()
    assert writer.do("open") == told
    assert writer.do("take", 1) == told
    other.close()

    assert writer.do("open").isdecimal()
    assert writer.do("append") == "4"


def test_nobody_reads_without_page_locks_while_one_writes(path, mounted, worker):
    """Wrong bytes, or a crash, would be what it sees; the refusal says what to do."""
    writer = worker(path)
    writer.do("open")
    with pytest.raises(StoreLocked, match=f"written by process {writer.pid}, and who may not"):
        LmdbJournalReader.open(mounted)
    writer.do("close")

    reader = LmdbJournalReader.open(mounted)
    assert reader.last_position() == 3
    reader.close()


def test_a_copy_without_its_lock_files_can_be_read(path, tmp_path, mounted, worker):
    """A backup is the data and the manifest; only when a writer comes it is no backup any more."""
    for name in ("writer.lock", "opening.lock", "lock.mdb", "bell"):
        (path / name).unlink(missing_ok=True)
    reader = LmdbJournalReader.open(mounted)
    assert reader.last_position() == 3
    assert worker(path).do("open").isdecimal()

    with pytest.raises(StoreLocked, match="was opened for writing"):
        reader.last_position()
    reader.close()


def test_a_reader_of_another_user_follows_without_the_bell(path, worker):
    """Who may lock pages and not ring looks from time to time, and sees everything too."""
    (path / "bell").unlink()
    (path / "bell").mkdir()
    writer, reader = worker(path), worker(path)
    writer.do("open")
    for position in range(4, 8):
        reader.tell("wait", position)
        assert writer.do("append") == str(position)
        assert reader.answer() == str(position)


def test_a_map_that_another_process_has_grown_is_followed(path, worker):
    """A reader that mapped a small file must see what comes behind its end, in any transaction."""
    store = LmdbEventStore.open(path, durability="volatile", map_size=1 << 16)
    readers = [worker(path) for _ in range(3)]
    for reader in readers:
        assert reader.do("scan") == "3"
    for _ in range(30):
        for reader in readers:
            reader.tell("scan")
        for _ in range(5):
            store.append(request_for(stream_append(B, b"x" * 100_000)))
        for reader in readers:
            assert 3 <= int(reader.answer()) <= 200
    store.close()

    assert {reader.do("scan") for reader in readers} == {"153"}


def test_a_writer_adopts_a_map_that_its_predecessor_has_grown(path, worker):
    """A store reopened beside an old reader must not begin with a map that is too small."""
    reader = LmdbJournalReader.open(path, map_size=1 << 16)
    other = worker(path)
    other.do("open")
    for position in range(4, 14):
        assert other.do("append", 100_000) == str(position)
    other.do("close")
    assert len(reader.read_journal()) == 13

    store = LmdbEventStore.open(path, map_size=1 << 16)
    store.append(request_for(stream_append(A, b"x" * 100_000)))
    assert len(reader.read_journal()) == 14
    store.close()
    reader.close()


def test_a_place_without_space_for_a_store_is_said_so(tmp_path):
    """A store that could not be made must not look like one, and must be made when it fits."""
    place = tmp_path / "disk"
    place.mkdir()
    run_or_skip("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place))
    try:
        ballast = place / "ballast"
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        with pytest.raises(StoreError):
            LmdbEventStore.open(place / "store")
        ballast.unlink()
        subprocess.run(["mount", "-o", "remount,size=2m", str(place)], check=True)
        store = LmdbEventStore.open(place / "store")
        assert store.append(request_for(stream_append(A, b"x"))).last_position == 1
        store.close()
    finally:
        subprocess.run(["umount", str(place)], check=True)

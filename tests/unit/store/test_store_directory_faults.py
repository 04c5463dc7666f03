"""What is wrong with a store directory is said when it is opened, and left as it is."""

import os

import pytest

from mentra_actors.errors import (
    StoreCorrupted,
    StoreError,
    StoreFormatError,
    StoreLocked,
    StoreNotFound,
)
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore, LmdbJournalReader
from mentra_actors.testing.append_contract import (
    A,
    request_for,
    stream_append,
)

HOLD_THE_STORE = """
    import sys
    from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
    store = LmdbEventStore.open(sys.argv[1])
    print("open", flush=True)
    sys.stdin.read()
    store.close()
"""


def test_a_store_written_by_another_process_is_refused(path, run_python):
    """Two writers would each believe to be alone; the message must say whom to ask."""
    with run_python(HOLD_THE_STORE, path) as holder:
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(StoreLocked, match=f"process {holder.pid}; close it there"):
            LmdbEventStore.open(path)
        reader = LmdbJournalReader.open(path)
        assert reader.last_position() == 3
        reader.close()
        holder.communicate("")

    LmdbEventStore.open(path).close()


def test_a_store_is_opened_for_writing_once_in_a_process(path):
    """Two runtimes in one program are two writers as well."""
    store = LmdbEventStore.open(path)
    with pytest.raises(StoreLocked, match=r"this process"):
        LmdbEventStore.open(path)
    assert store.append(request_for(stream_append(A, b"on"))).versions == (4,)
    store.close()


@pytest.mark.parametrize("open_store", [LmdbEventStore.open, LmdbJournalReader.open])
def test_a_newer_format_is_refused_and_left_alone(path, open_store):
    """An old release must say that it is old, not misread a newer store."""
    manifest = path / "STORE.json"
    manifest.write_text(manifest.read_text().replace('"format":1', '"format":2'))
    before = {file.name: file.read_bytes() for file in path.iterdir()}

    with pytest.raises(StoreFormatError, match="newer release"):
        open_store(path)
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before


def test_what_is_not_a_store_is_left_alone(tmp_path):
    """A wrong path must not be filled with our files, nor must a data file lose its owner."""
    (tmp_path / "file").write_text("text")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "data.mdb").write_text("text")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "STORE.json").write_text("{")

    for name in ("file", "folder", "broken"):
        for open_store in (LmdbEventStore.open, LmdbJournalReader.open):
            with pytest.raises(StoreFormatError):
                open_store(tmp_path / name)
    assert [file.name for file in (tmp_path / "folder").iterdir()] == ["data.mdb"]


def test_a_missing_store_is_not_made_by_accident(tmp_path):
    """Who mistypes a path to look at a store must not get an empty one."""
    for missing in (tmp_path / "missing", tmp_path):
        with pytest.raises(StoreNotFound):
            LmdbEventStore.open(missing, create=False)
        with pytest.raises(StoreNotFound):
            LmdbJournalReader.open(missing)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_made_is_said_so(tmp_path):
    """An error of the system comes as our error, with the path in it."""
    (tmp_path / "file").write_text("text")

    for open_store in (LmdbEventStore.open, LmdbJournalReader.open):
        with pytest.raises(StoreError, match="store at"):
            open_store(tmp_path / "file" / "store")
    with pytest.raises(StoreError, match="/proc/none"):
        LmdbEventStore.open("/proc/none")


def test_an_unfinished_creation_is_begun_again(tmp_path):
    """A crash while a store is made must not leave a path that never opens."""
    (tmp_path / "STORE.json.new").write_text("half")
    (tmp_path / "data.mdb").write_bytes(b"")
    with pytest.raises(StoreNotFound):
        LmdbJournalReader.open(tmp_path)

    store = LmdbEventStore.open(tmp_path)
    assert store.last_position() == 0
    store.close()


@pytest.mark.parametrize("damage", ["missing", "empty"])
@pytest.mark.parametrize("open_store", [LmdbEventStore.open, LmdbJournalReader.open])
def test_a_lost_data_file_is_not_replaced(path, damage, open_store):
    """LMDB would begin a new empty log in silence; a team would have lost its memory."""
    data = path / "data.mdb"
    if damage == "missing":
        data.unlink()
    else:
        data.write_bytes(b"")

    with pytest.raises(StoreCorrupted, match="missing or empty"):
        open_store(path)


@pytest.mark.parametrize("open_store", [LmdbEventStore.open, LmdbJournalReader.open])
@pytest.mark.parametrize("pages", [1, 2, 4, -1])
def test_a_truncated_file_is_found_before_it_kills_us(path, pages, open_store):
    """LMDB maps the file; a page that is not there ends the process by a signal."""
    data = path / "data.mdb"
    size = data.stat().st_size
    os.truncate(data, pages * 4096 if pages > 0 else size + pages * 4096)

    with pytest.raises(StoreCorrupted, match="restore a backup"):
        open_store(path)
    assert data.stat().st_size < size


def test_a_data_file_of_another_store_is_refused(path, tmp_path):
    """A backup copied over the wrong store must not look like history."""
    other = tmp_path / "other"
    LmdbEventStore.open(other).close()
    (other / "data.mdb").write_bytes((path / "data.mdb").read_bytes())

    with pytest.raises(StoreCorrupted, match="another data file"):
        LmdbEventStore.open(other)

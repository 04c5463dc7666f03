"""A full disk stops appends and nothing else."""

import errno
import os
import resource
import subprocess
from pathlib import Path

import pytest

from mentra_actors.errors import (
    StoreFull,
)
from mentra_actors.store.embedded.data_file import LOCK_FILE
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.ports import Appended, AppendRequest
from mentra_actors.testing.append_contract import (
    A,
    request_for,
    stream_append,
)
from projections.stores.lmdb_views import LmdbViews

FILL_THE_DISK = """
    import resource, sys
    from mentra_actors.errors import StoreFull
    from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
    from mentra_actors.testing.append_contract import A, request_for, stream_append

    store = LmdbEventStore.open(sys.argv[1], durability=sys.argv[2])
    version = store.stream_version(A)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
    while True:
        try:
            store.append(request_for(stream_append(A, b"x" * 50_000, expected=version)))
        except StoreFull as error:
            print("full:", error)
            break
        version += 1
    blob = b"y" * 500_000
    digest = store.put_blob(blob)
    try:
        store.append(request_for(stream_append(A, b"names the blob", expected=version)))
        sys.exit("an event is durable and its blob is not")
    except StoreFull:
        assert store.read_blob(digest) is None
    assert store.stream_version(A) == version == len(store.read_stream(A))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    store.append(request_for(stream_append(A, b"x" * 50_000, expected=version)))
    assert store.read_blob(digest) == blob
    store.close()
    print(version + 1)
"""


@pytest.mark.parametrize("durability", ["sync", "volatile"])
def test_a_quota_stops_appends_and_nothing_else(path, durability, run_python):
    """A full disk is found by the appends that need it; all else stays, and work goes on later."""
    with run_python(FILL_THE_DISK, path, durability) as filler:
        output, _ = filler.communicate()
    said, version = output.splitlines()

    assert filler.returncode == 0
    assert "is it full?" in said
    store = LmdbEventStore.open(path)
    assert store.stream_version(A) == len(store.read_stream(A)) == int(version)
    store.close()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_stops_appends_and_nothing_else(small_disk):
    """Space that comes back is used at once, with no restart; what was acknowledged is there."""
    ballast: Path = small_disk / "ballast"
    ballast.write_bytes(b"\0" * 1_000_000)
    store = LmdbEventStore.open(small_disk / "store")
    store.append(request_for(stream_append(A, b"x" * 100_000, expected=0)))
    version = 1
    while version < 100:
        try:
            store.append(request_for(stream_append(A, b"x" * 100_000, expected=version)))
        except StoreFull:
            break
        version += 1

    assert 1 < version < 100
    assert store.stream_version(A) == len(store.read_stream(A)) == version
    assert store.append(AppendRequest()).last_position == version
    ballast.unlink()
    appended = store.append(request_for(stream_append(A, b"x" * 100_000, expected=version)))
    assert appended == Appended(version + 1, version + 1, (version + 1,))
    store.close()

    store = LmdbEventStore.open(small_disk / "store")
    assert len(store.read_journal()) == version + 1
    store.close()


def test_a_limit_of_file_size_exists_here():
    """The quota test above proves nothing where the system ignores the limit."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY


def test_the_table_of_readers_has_no_hole_into_which_a_full_disk_could_fall(tmp_path):
    """LMDB maps it: where a page of it is on no disk, and the disk is full, the process dies."""
    LmdbEventStore.open(tmp_path / "store").close()
    LmdbViews.open(tmp_path / "views").close()

    for place in ("store", "views"):
        locks = (tmp_path / place / LOCK_FILE).stat()
        assert locks.st_blocks * 512 >= locks.st_size


def test_views_beside_a_log_on_a_full_disk_are_refused_and_there_is_space_later(
    tmp_path, monkeypatch
):
    def full(_descriptor, _offset, _length):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", full)
        with pytest.raises(StoreFull, match=r"no space for lock\.mdb"):
            LmdbViews.open(tmp_path / "views")
    LmdbViews.open(tmp_path / "views").close()

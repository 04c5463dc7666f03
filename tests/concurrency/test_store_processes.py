"""One process writes, others follow; the right to write passes on when its holder dies."""

import subprocess
import sys
import textwrap
import threading
import zlib

import pytest
from forked_python import ForkedPython

from mentra_actors.errors import StoreLocked
from mentra_actors.store.lmdb_store import LmdbEventStore, LmdbJournalReader
from mentra_actors.testing.append_contract import A, B, request_for, stream_append

FOLLOW = """
    import sys
    import zlib
    from mentra_actors.store.lmdb_store import LmdbJournalReader

    reader = LmdbJournalReader.open(sys.argv[1], map_size=1 << 16)
    print("open", flush=True)
    last, crc, position, pages = int(sys.argv[2]), 0, 0, 0
    while position < last:
        if reader.wait_for_position(position + 1, timeout_s=20) <= position:
            sys.exit("nothing came")
        for event in reader.read_journal(after=position, limit=50):
            assert event.global_position == position + 1
            position = event.global_position
            crc = zlib.crc32(event.payload, crc)
        pages += 1
        if pages == 1:
            print("following", flush=True)
    reader.close()
    print(crc)
"""
WRITE_UNTIL_KILLED = """
    import sys
    from mentra_actors.store.lmdb_store import LmdbEventStore
    from mentra_actors.testing.append_contract import A, request_for, stream_append

    store = LmdbEventStore.open(sys.argv[1])
    print("open", flush=True)
    while True:
        store.append(request_for(stream_append(A, b"x")))
"""
APPENDS = 400


def run_python(code, *arguments):
    return ForkedPython(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
    )


def follow_here(path, last, positions):
    reader = LmdbJournalReader.open(path)
    while len(positions) < last:
        reader.wait_for_position(len(positions) + 1, timeout_s=20)
        events = reader.read_journal(after=len(positions), limit=50)
        positions.extend(event.global_position for event in events)
    reader.close()


@pytest.mark.parametrize("durability", ["sync", "volatile"])
def test_readers_follow_the_writer_live(tmp_path, durability):
    """A user interface in another process shows a team while it works, each event once."""
    path = tmp_path / "store"
    store = LmdbEventStore.open(path, durability=durability, map_size=1 << 16)
    positions = []
    here = threading.Thread(target=follow_here, args=(path, 2 * APPENDS, positions), daemon=True)
    here.start()
    with run_python(FOLLOW, path, 2 * APPENDS) as follower:
        assert follower.stdout.readline() == "open\n"
        for number in range(APPENDS):
            if number == APPENDS // 2:  # the rest is written while it follows for sure
                assert follower.stdout.readline() == "following\n"
            payload = b"%d " % number * (number * 5)
            store.append(request_for(stream_append(A, payload), stream_append(B, b"mail")))
        output, _ = follower.communicate()
    here.join()
    store.close()

    expected = 0
    with_reader = LmdbJournalReader.open(path)
    for event in with_reader.read_journal(limit=2 * APPENDS):
        expected = zlib.crc32(event.payload, expected)
    with_reader.close()
    assert follower.returncode == 0
    assert int(output) == expected
    assert positions == list(range(1, 2 * APPENDS + 1))


def test_a_dead_writer_leaves_its_place(tmp_path):
    """Nobody should have to delete a lock file after a crash."""
    path = tmp_path / "store"
    with run_python(WRITE_UNTIL_KILLED, path) as writer:
        assert writer.stdout.readline() == "open\n"
        reader = LmdbJournalReader.open(path)
        last = reader.wait_for_position(50, timeout_s=20)
        with pytest.raises(StoreLocked, match=str(writer.pid)):
            LmdbEventStore.open(path)
        writer.kill()

    store = LmdbEventStore.open(path)
    version = store.stream_version(A)
    assert version >= last >= 50
    appended = store.append(request_for(stream_append(A, b"next", expected=version)))
    assert reader.wait_for_position(version + 1, timeout_s=20) == appended.last_position
    reader.close()
    store.close()

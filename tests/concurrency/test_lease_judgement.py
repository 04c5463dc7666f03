"""Who is taken for one that hangs: the holder of an old lease, while nothing is written."""

import threading
import time

import pytest

from mentra_actors.errors import StoreLocked
from mentra_actors.runtime.clock import SystemClock
from mentra_actors.runtime.writing import take_over
from mentra_actors.runtime.writing.take_over import open_or_take_over
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore, LmdbJournalReader
from mentra_actors.testing.append_contract import A, request_for, stream_append


@pytest.fixture
def holder(tmp_path, worker):
    """A process that holds the store."""
    holder = worker(tmp_path / "store")
    holder.do("open")
    return holder


@pytest.fixture
def opened(tmp_path):
    """Opens the store as a runtime does."""
    path = tmp_path / "store"
    stores = []

    def open_it(allowed="expired"):
        stores.append(
            open_or_take_over(
                path,
                lambda epoch: LmdbEventStore.open(path, take_over_from=epoch),
                lambda: LmdbJournalReader.open(path),
                clock=SystemClock(),
                take_over=allowed,
            )
        )
        return stores[-1]

    yield open_it
    for store in stores:
        store.close()


def test_a_lease_that_runs_is_respected(holder, opened):
    """A runtime that works must not be thrown out by one that is started beside it."""
    holder.do("lease", 30)
    with pytest.raises(StoreLocked) as refusal:
        opened()

    said = str(refusal.value)
    assert f"is written by process {holder.pid}" in said
    assert "its lease, as last renewed, ends at 20" in said
    assert time.time() + 40 < refusal.value.free_at < time.time() + 60


def test_a_lease_that_is_just_over_is_respected(holder, opened):
    """A renewal may be late: a busy machine, a slow disk. A third of the term is left for that."""
    holder.do("lease", -15)
    with pytest.raises(StoreLocked, match="it may be taken over at"):
        opened()


def test_a_lease_that_is_long_over_is_taken(holder, opened):
    """A process that hangs must not keep a team from working until somebody looks."""
    holder.do("lease", -21)
    holder.do("renew", 500, -21)

    store = opened()
    assert store.append(request_for(stream_append(A, b"x"))).last_position == 502
    assert holder.do("append").startswith("Fenced")


def test_a_lease_that_was_renewed_long_after_it_was_taken_is_respected(holder, opened):
    """The last renewal counts, and not one of thousands before."""
    holder.do("lease", -1000)
    holder.do("renew", 300, -500)
    holder.do("renew", 1, 30)
    with pytest.raises(StoreLocked, match="it may be taken over at"):
        opened()


def test_it_may_be_forbidden(holder, opened):
    """Where a person watches over the processes, nothing is to happen by itself."""
    holder.do("lease", -1000)
    with pytest.raises(StoreLocked, match="end that process, or allow to take over"):
        opened("never")

    assert holder.do("append") == "2"


def test_who_still_writes_does_not_hang(holder, opened, monkeypatch):
    """After a sleep of the machine every lease is over, and its holder is awake as well."""
    monkeypatch.setattr(take_over, "_WATCH_S", 20.0)
    holder.do("lease", -1000)
    refusals = []

    def try_it():
        with pytest.raises(StoreLocked) as refusal:
            opened()
        refusals.append(str(refusal.value))

    trying = threading.Thread(target=try_it, daemon=True)
    trying.start()
    while trying.is_alive():
        assert holder.do("append").isdecimal()
    trying.join()

    assert refusals[0].endswith("; but it still writes")


@pytest.mark.parametrize("lease", [(), ("release",), ("lease", -1000, 60, "host/1/other")])
def test_who_has_no_lease_is_not_judged_by_one(holder, opened, lease):
    """A program that uses the store directly, or just begins, has no term that could be over."""
    if lease:
        holder.do("lease", -1000)
        holder.do(*lease)
    with pytest.raises(StoreLocked, match=r"close it there, or read it without writing$"):
        opened()

    assert holder.do("append").isdecimal()

"""How a lease changes hands, by example."""

from mentra_actors.domain.lease import (
    LEASE,
    AcquireLease,
    LeaseAcquired,
    LeaseReleased,
    LeaseRenewed,
    ReleaseLease,
    RenewLease,
)
from mentra_actors.testing.given_when_then import given

HELD = LeaseAcquired(holder="a", epoch=1, term_s=9.0, acquired_at=0.0, expires_at=9.0)


def take(now, *, holder="b", gone=False):
    return AcquireLease(holder=holder, term_s=9.0, now=now, holder_is_gone=gone)


def test_the_first_holder_gets_epoch_one():
    """Epoch 0 is a stream that nobody ever held."""
    assert given(LEASE).when(take(0.0, holder="a")) == [HELD]


def test_a_running_term_is_respected():
    """Two writers on one stream would lose events."""
    assert given(LEASE, HELD).when(take(8.9)).rejects("held by a for another")


def test_a_lease_is_taken_over_when_its_term_is_over():
    """A holder that hangs must not lock the team for ever; the epoch fences it off."""
    taken = given(LEASE, HELD).when(take(9.0))

    assert taken.state.epoch == 2
    assert taken.events[0].taken_from == "a"
    assert taken.when(RenewLease(epoch=1, now=9.1)).rejects("no longer holds")
    assert taken.when(ReleaseLease(epoch=1)).rejects("now 2")


def test_a_lease_of_the_dead_is_taken_at_once():
    """After a crash the team comes back without waiting for a term to end."""
    assert given(LEASE, HELD).when(take(1.0, gone=True)).state.holder == "b"


def test_a_released_lease_is_free_and_its_epoch_is_spent():
    """The number of a holder that left is never given to another."""
    released = given(LEASE, HELD).when(ReleaseLease(epoch=1))

    assert released == [LeaseReleased(epoch=1)]
    assert released.pending == {}
    assert released.when(take(1.0)).state.epoch == 2
    assert released.when(ReleaseLease(epoch=1)).rejects("no longer holds")


def test_a_holder_renews_after_a_third_of_its_term():
    """Two renewals may fail before the lease is lost."""
    (timer,) = given(LEASE, HELD).pending.values()
    renewed = given(LEASE, HELD).when(RenewLease(epoch=1, now=3.0))

    assert (timer.at, timer.then) == (3.0, "renew-lease:1")
    assert renewed == [LeaseRenewed(epoch=1, expires_at=12.0)]
    assert [timer.at for timer in renewed.pending.values()] == [6.0]

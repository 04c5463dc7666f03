"""What holds of a lease whoever wants it, and whenever."""

from typing import get_args

from hypothesis import given as forall

from mentra_actors.domain.lease import (
    LEASE,
    AcquireLease,
    LeaseAcquired,
    LeaseEvent,
    ReleaseLease,
    RenewLease,
)
from mentra_actors.testing.decider_laws import (
    check_pure,
    check_restart,
    check_snapshots,
    check_total,
)
from mentra_actors.testing.given_when_then import given, play
from mentra_actors.testing.strategies import any_history, lease_histories


@forall(lease_histories())
def test_a_lease_keeps_the_laws_of_deciders(commands):
    """Two processes that read one lease must agree on who holds it."""
    check_pure(LEASE, [], commands)
    check_restart(LEASE, [], commands)
    check_snapshots(LEASE, [], commands)


@forall(any_history(get_args(LeaseEvent)))
def test_no_history_makes_a_lease_raise(events):
    """A lease that does not open locks everybody out."""
    check_total(LEASE, events)


@forall(lease_histories())
def test_the_epoch_rises_with_each_holder_and_never_falls(commands):
    """The epoch fences off older writers; one number for two holders lets both write."""
    answers = play(given(LEASE), commands)
    acquired = [
        event.epoch
        for answer in answers
        for event in answer.events
        if isinstance(event, LeaseAcquired)
    ]

    assert acquired == list(range(1, len(acquired) + 1))
    epochs = [answer.state.epoch for answer in answers]
    assert epochs == sorted(epochs)


@forall(lease_histories())
def test_a_running_term_is_taken_only_from_the_dead(commands):
    """At most one holder: a live one loses the lease by time, release or proof of death only."""
    before = LEASE.initial
    for command, answer in zip(commands, play(given(LEASE), commands), strict=True):
        if isinstance(command, AcquireLease) and answer.events:
            free = not before.holder or command.now >= before.expires_at

            assert free or command.holder_is_gone
            assert answer.state.holder == command.holder
        before = answer.state


@forall(lease_histories())
def test_an_old_epoch_changes_nothing(commands):
    """A holder that slept through its term must not renew or release what is another's now."""
    before = LEASE.initial
    for command, answer in zip(commands, play(given(LEASE), commands), strict=True):
        if isinstance(command, RenewLease | ReleaseLease):
            is_holder = bool(before.holder) and command.epoch == before.epoch
            assert is_holder == (answer.rejection is None)
            assert is_holder or answer.state == before
        before = answer.state


@forall(lease_histories())
def test_a_renewal_counts_once_and_never_shortens_the_term(commands):
    """A timer that fires twice, or late, must not grow the log or give the lease away."""
    before = LEASE.initial
    for command, answer in zip(commands, play(given(LEASE), commands), strict=True):
        if isinstance(command, RenewLease) and answer.rejection is None:
            assert answer.state.expires_at >= before.expires_at
            assert answer.when(command) == []
        before = answer.state


@forall(lease_histories())
def test_a_held_lease_waits_for_its_renewal_in_time(commands):
    """A holder that forgets its renewal loses the lease in the middle of its work."""
    for answer in play(given(LEASE), commands):
        timers = list(answer.pending.values())

        assert len(timers) == (1 if answer.state.holder else 0)
        assert all(timer.at < answer.state.expires_at for timer in timers)

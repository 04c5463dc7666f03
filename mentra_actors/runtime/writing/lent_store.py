"""The store of a running team, for sessions of other frameworks that are kept in it."""

import msgspec

from mentra_actors.effects.ports import Clock
from mentra_actors.runtime.registrations import Registrations
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import EventStore, Fence

__all__ = ["LentStore", "lent_store"]


class LentStore(msgspec.Struct, frozen=True, kw_only=True):
    """An open store, and the epoch that every append to it carries."""

    store: EventStore
    journal: Journal
    clock: Clock
    fence: Fence


def lent_store(runtime: Registrations) -> LentStore:
    """The store of a runtime, of either face. It belongs to the runtime, which closes it.

    Streams that an actor owns take no appends from here.
    """
    core = runtime._operations.core  # noqa: SLF001 - the inside of the runtime, seen from inside
    return LentStore(store=core.store, journal=core.journal, clock=core.clock, fence=core.fence)

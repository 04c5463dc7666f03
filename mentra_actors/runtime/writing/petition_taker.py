"""The side of the owner: while a runtime is open it takes the petitions of other processes."""

import contextlib
import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Protocol

from mentra_actors.actors.messages import Accepted
from mentra_actors.domain.team import AddMember
from mentra_actors.effects.ports import Clock
from mentra_actors.errors import (
    ActorQuarantined,
    CommandRejected,
    ConfigurationError,
    Fenced,
    MentraError,
    RuntimeClosed,
    StoreError,
    VersionConflict,
)
from mentra_actors.ids import StreamId
from mentra_actors.runtime.settings import RuntimeSettings
from mentra_actors.runtime.writing.petitions import take_petitions
from mentra_actors.store.opening import part_seal_of
from mentra_actors.store.ownership.petition_box import PetitionBox
from mentra_actors.store.ownership.petition_opening import open_box
from mentra_actors.store.ports import EventStore, Fence

__all__ = ["taking_petitions"]

_log = logging.getLogger(__name__)

_REST_S = 60.0
_RETRY_S = 2.0
_JOIN_S = 5.0


class Owner(Protocol):
    """What takes petitions: the part of a runtime that they need."""

    settings: RuntimeSettings
    store: EventStore
    clock: Clock

    @property
    def fence(self) -> Fence:
        """See `RuntimeCore.fence`."""
        ...

    @property
    def ended(self) -> MentraError | None:
        """See `RuntimeCore.ended`."""
        ...

    def ask(self, stream_id: StreamId, command: object) -> Future[Accepted]:
        """See `RuntimeCore.ask`."""
        ...


@contextmanager
def taking_petitions(owner: Owner) -> Iterator[None]:
    """Take petitions for the length of a block, on a thread of its own.

    A store that can have none is no error, and neither is a directory that cannot be made: then
    nobody else can ask, and the log says why.
    """
    box = _box_of(owner)
    if box is None:
        yield
        return
    taker = _Taker(owner, box)
    thread = threading.Thread(target=taker.run, name="mentra-petitions", daemon=True)
    thread.start()
    try:
        yield
    finally:
        taker.stop()
        thread.join(_JOIN_S)


def _box_of(owner: Owner) -> PetitionBox | None:
    path = owner.settings.path
    try:
        return open_box(path, part_seal_of(owner.store, path))
    except ConfigurationError:
        return None
    except StoreError as error:
        _log.warning("no other process can ask anything of this one: %s", error)
        return None


class _Taker:
    def __init__(self, owner: Owner, box: PetitionBox) -> None:
        self._owner = owner
        self._box = box
        self._is_stopped = False
        self._is_in_trouble = False

    def run(self) -> None:
        """Take what waits, then sleep until the bell rings. On its own thread.

        It looks once however short its life is: what the dead have left is cleared away.
        """
        with contextlib.closing(self._box) as box:
            box.attend()
            with contextlib.suppress(StoreError):  # the next owner removes it
                box.remove_old()
            while True:
                number = box.number()
                rest_s = _RETRY_S if self._has_left() else _REST_S
                if self._is_stopped or self._owner.ended is not None:
                    return
                box.sleep(number, rest_s)

    def stop(self) -> None:
        """Take nothing any more; what waits, waits for the next owner."""
        self._is_stopped = True
        self._box.ring()

    def _has_left(self) -> bool:
        owner = self._owner
        try:
            has_left = take_petitions(self._box, self._apply, owner.clock.now, owner.fence)
        except Fenced:
            self._is_stopped = True
            return True
        except StoreError as error:
            if not self._is_in_trouble:
                _log.warning("petitions cannot be taken now, and are tried again: %s", error)
            self._is_in_trouble = True
            return True
        self._is_in_trouble = False
        return has_left

    def _apply(self, stream_id: StreamId, command: object) -> Sequence[object] | None:
        if self._is_stopped:
            return None
        try:
            return self._owner.ask(stream_id, command).result().events
        except CommandRejected:
            raise
        except ActorQuarantined as error:
            raise CommandRejected(str(error)) from error
        except (RuntimeClosed, Fenced):
            self._is_stopped = True
            return None
        except MentraError as error:
            if isinstance(error, VersionConflict) and isinstance(command, AddMember):
                raise  # another agent has the id, now and for ever
            _log.warning("a petition to %s has to wait: %s", stream_id, error)
            return None

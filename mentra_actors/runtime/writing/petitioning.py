"""The side of whoever asks: leaves a petition, and waits until somebody has taken it.

If no process writes the store, this one does for a moment, and takes all petitions in their order:
its own among them. So there is one way to apply a petition, whoever is there.
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from mentra_actors.effects.ports import Clock
from mentra_actors.errors import (
    CommitOutcomeUnknown,
    ConnectionLost,
    Fenced,
    StoreForbidden,
    StoreLocked,
    VersionConflict,
)
from mentra_actors.runtime.writing.lone_writer import lone_writer
from mentra_actors.runtime.writing.petitions import (
    Petition,
    PetitionAnswer,
    Wish,
    decode_answer,
    encode_petition,
    take_petitions,
)
from mentra_actors.store.opening import open_journal_reader, part_seal_of
from mentra_actors.store.ownership.petition_box import PetitionBox, new_petition_name
from mentra_actors.store.ownership.petition_opening import open_box
from mentra_actors.store.sealing.options import Sealing

__all__ = ["petition"]

_LOOK_S = 1.0
_NOT_OURS_TO_TAKE = (
    *(StoreLocked, VersionConflict, Fenced),  # somebody else takes it
    *(StoreForbidden, ConnectionLost, CommitOutcomeUnknown),  # it is left all the same
)


def petition(
    path: str | Path,
    wish: Wish,
    clock: Clock,
    *,
    by: str,
    wait_s: float,
    sealing: Sealing | None = None,
) -> PetitionAnswer | None:
    """Have a wish recorded by whoever writes the store; None if nobody has answered in time.

    Then it stays where it is, and the writer takes it when it comes to it, or the next one.
    Blocks; Ctrl-C ends the waiting and nothing else.

    Raises:
        ConfigurationError: a store of this kind takes no petitions.
        StoreError: the petition could not be left, or its answer cannot be read. A database that
            goes away while it waits is waited for.
    """
    name = new_petition_name()
    asked = Petition(wish=wish, by=by, asked_at=clock.now())
    with _opened_box(path, sealing) as box:
        box.put(name, encode_petition(asked))
        deadline = time.monotonic() + wait_s
        while True:
            number = box.number()
            answer = _fetched(box, name)
            if answer is None:
                _take_if_alone(path, box, clock, sealing)
                answer = _fetched(box, name)
            left_s = deadline - time.monotonic()
            if answer is not None or left_s <= 0:
                return answer
            box.sleep(number, min(left_s, _LOOK_S))


@contextlib.contextmanager
def _opened_box(path: str | Path, sealing: Sealing | None) -> Iterator[PetitionBox]:
    reader = open_journal_reader(path, sealing=sealing)
    try:
        box = open_box(path, part_seal_of(reader, path))
    finally:
        reader.close()
    with contextlib.closing(box):
        yield box


def _fetched(box: PetitionBox, name: str) -> PetitionAnswer | None:
    try:
        content = box.answer_to(name)
    except ConnectionLost:
        return None
    if content is None:
        return None
    with contextlib.suppress(ConnectionLost):  # it is removed when it is old
        box.remove_answer(name)
    return decode_answer(content)


def _take_if_alone(
    path: str | Path, box: PetitionBox, clock: Clock, sealing: Sealing | None
) -> None:
    with contextlib.suppress(*_NOT_OURS_TO_TAKE):
        if box.is_attended():
            return
        with lone_writer(path, clock, sealing=sealing) as writer:
            take_petitions(box, writer.record, clock.now, writer.fence)

"""Petitions as small files beside a store, for all processes of one machine.

    NAME.petition   written by whoever asks: whole, or not at all
    NAME.answer     written by the owner, before it removes the petition
    .mentra-actors  says to file tools whose directory this is

Names sort by time, so the owner takes petitions in the order in which they were made. A petition
without an answer is one to be taken, whoever died meanwhile; one with an answer was taken, and is
only still to be removed. Whoever asked removes the answer. Both sides sleep beside a bell in the
directory; where there is none they look from time to time.

Only the process that holds the lock of the store answers, so no answer is fenced.
"""

import contextlib
import re
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from mentra_actors.domain.own_directories import OWN_MARK
from mentra_actors.errors import StoreCorrupted, StoreError
from mentra_actors.store.ownership.bell import open_bell
from mentra_actors.store.ownership.petition_box import (
    ANSWER,
    DAY_S,
    MAX_PETITION_BYTES,
    PETITION,
    PETITION_NAME,
    closed_note,
    opened_note,
)
from mentra_actors.store.ports import Fence
from mentra_actors.store.sealing.durable_files import (
    DRAFT,
    create_durably,
    file_errors,
    write_durably,
)
from mentra_actors.store.sealing.part_seal import PartSeal

__all__ = ["PetitionFiles", "open_petition_files"]

_LEFT = re.compile(
    rf"{PETITION_NAME.pattern}(\{ANSWER}|(\{PETITION}|\{ANSWER})\.[0-9a-f]{{8}}\{DRAFT})", re.ASCII
)
"""What may be removed when it is old."""
_LOOK_S = 0.25


class PetitionFiles:
    """See `PetitionBox`."""

    def __init__(self, directory: Path, seal: PartSeal | None) -> None:
        """Use `open_petition_files`."""
        self.directory = directory
        self._seal = seal
        self._bell = open_bell(directory, create=True)
        self._rung = threading.Event()

    def put(self, name: str, content: bytes) -> None:
        """See `PetitionBox.put`.

        Raises:
            StoreFull, StoreError: it was not left.
        """
        note = closed_note(self._seal, name, PETITION, content)
        create_durably(self._file(name, PETITION), note)
        self.ring()

    def answer_to(self, name: str) -> bytes | None:
        """See `PetitionBox.answer_to`."""
        return self._read(name, ANSWER)

    def remove_answer(self, name: str) -> None:
        """See `PetitionBox.remove_answer`."""
        with file_errors(self.directory):
            self._file(name, ANSWER).unlink(missing_ok=True)

    def is_attended(self) -> bool:
        """False: the lock of the store tells."""
        return False

    def attend(self) -> None:
        """Nothing: the lock of the store tells."""

    def waiting(self) -> Sequence[str]:
        """See `PetitionBox.waiting`."""
        with file_errors(self.directory):
            files = [one.name for one in self.directory.iterdir() if one.is_file()]
        answered = {name.removesuffix(ANSWER) for name in files if name.endswith(ANSWER)}
        asked = {name.removesuffix(PETITION) for name in files if name.endswith(PETITION)}
        for name in asked & answered:
            self._remove(name)
        return sorted(name for name in asked - answered if PETITION_NAME.fullmatch(name))

    def petition(self, name: str) -> bytes | None:
        """See `PetitionBox.petition`."""
        return self._read(name, PETITION)

    def answer(self, name: str, content: bytes, fence: Fence) -> None:  # noqa: ARG002
        """See `PetitionBox.answer`.

        Raises:
            StoreFull, StoreError: the petition is still there, unless it can never be answered:
                something that is no file has the name of the answer.
        """
        file = self._file(name, ANSWER)
        try:
            write_durably(file, closed_note(self._seal, name, ANSWER, content))
        except StoreError:
            if file.is_dir():
                self._remove(name)
            raise
        self._remove(name)
        self.ring()

    def remove_old(self) -> None:
        """See `PetitionBox.remove_old`; what cannot be removed stays. By the owner's clock."""
        oldest = time.time() - DAY_S
        with contextlib.suppress(OSError):
            for file in list(self.directory.iterdir()):
                with contextlib.suppress(OSError):  # what is no file cannot be removed, and stays
                    if _LEFT.fullmatch(file.name) and file.lstat().st_mtime < oldest:
                        file.unlink(missing_ok=True)

    def number(self) -> int:
        """See `PetitionBox.number`."""
        self._rung.clear()
        return 0 if self._bell is None else self._bell.number()

    def sleep(self, number: int, timeout_s: float) -> None:
        """See `PetitionBox.sleep`."""
        if self._bell is None:
            self._rung.wait(min(timeout_s, _LOOK_S))
        elif not self._rung.is_set():
            self._bell.sleep(number, timeout_s)

    def ring(self) -> None:
        """See `PetitionBox.ring`."""
        self._rung.set()
        if self._bell is not None:
            self._bell.ring()

    def close(self) -> None:
        """Nothing: no file is open."""

    def _file(self, name: str, suffix: str) -> Path:
        return self.directory / f"{name}{suffix}"

    def _remove(self, name: str) -> None:
        with file_errors(self.directory):
            self._file(name, PETITION).unlink(missing_ok=True)

    def _read(self, name: str, suffix: str) -> bytes | None:
        file = self._file(name, suffix)
        with file_errors(file):
            try:
                with file.open("rb") as opened:
                    content = opened.read(MAX_PETITION_BYTES + 1)
            except FileNotFoundError:
                return None
        if len(content) > MAX_PETITION_BYTES:
            raise StoreCorrupted(f"{file} has more than {MAX_PETITION_BYTES} bytes")
        return opened_note(self._seal, name, suffix, content)


def open_petition_files(directory: Path, seal: PartSeal | None) -> PetitionFiles:
    """The petitions in a directory; made if it is not there yet.

    Raises:
        StoreError: it cannot be made.
    """
    if directory.is_symlink():
        raise StoreError(f"{directory} is a link; petitions are left in a directory")
    with file_errors(directory):
        directory.mkdir(exist_ok=True)
        (directory / OWN_MARK).touch(mode=0o600)
    return PetitionFiles(directory, seal)

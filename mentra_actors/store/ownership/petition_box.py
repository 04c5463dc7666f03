"""Where other processes leave petitions for the one that writes a store: small files beside it.

    NAME.petition   written by whoever asks: whole, or not at all
    NAME.answer     written by the owner, before it removes the petition
    .mentra-actors  says to file tools whose directory this is

Names sort by time, so the owner takes petitions in the order in which they were made. A petition
without an answer is one to be taken, whoever died meanwhile; one with an answer was taken, and is
only still to be removed. Whoever asked removes the answer. Both sides sleep beside a bell in the
directory (`store.bell`); where there is none they look from time to time.

What is inside is bytes; what it means is the caller's. In an encrypted store they are sealed with
the key of its views.
"""

import contextlib
import os
import re
import secrets
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from mentra_actors.domain.own_directories import OWN_MARK
from mentra_actors.errors import ConfigurationError, StoreCorrupted, StoreError
from mentra_actors.store.opening import MEMORY
from mentra_actors.store.ownership.bell import open_bell
from mentra_actors.store.sealing.durable_files import (
    DRAFT,
    create_durably,
    file_errors,
    write_durably,
)
from mentra_actors.store.sealing.part_seal import PartSeal
from mentra_actors.store.sql.opening import PETITIONS_ENDING, files_of_database, is_sql_url

__all__ = ["MAX_PETITION_BYTES", "PETITIONS", "PetitionBox", "new_petition_name", "open_box"]

PETITIONS = "petitions"
MAX_PETITION_BYTES = 1 << 20
_PETITION, _ANSWER = ".petition", ".answer"
_NAME = re.compile(r"[0-9]{20}-[0-9]+-[0-9a-f]{8}", re.ASCII)
_LEFT = re.compile(
    rf"{_NAME.pattern}(\{_ANSWER}|(\{_PETITION}|\{_ANSWER})\.[0-9a-f]{{8}}\{DRAFT})", re.ASCII
)
"""What may be removed when it is old."""
_LOOK_S = 0.25
_DAY_S = 86_400.0


class PetitionBox:
    """The petitions of one store. Safe from any thread and any process."""

    def __init__(self, directory: Path, seal: PartSeal | None) -> None:
        """Use `open_box`."""
        self.directory = directory
        self._seal = seal
        self._bell = open_bell(directory, create=True)
        self._rung = threading.Event()

    # --- who asks -------------------------------------------------------------------------

    def put(self, name: str, content: bytes) -> None:
        """Leave a petition; it is durable when this returns.

        Raises:
            StoreFull, StoreError: it was not left.
        """
        create_durably(self._file(name, _PETITION), self._closed(name, _PETITION, content))
        self.ring()

    def answer_to(self, name: str) -> bytes | None:
        """What the owner has said; None as long as it has said nothing.

        Raises:
            StoreError: it cannot be read.
        """
        return self._read(name, _ANSWER)

    def remove_answer(self, name: str) -> None:
        """Forget what was said, once it was read."""
        with file_errors(self.directory):
            self._file(name, _ANSWER).unlink(missing_ok=True)

    # --- who owns the store ---------------------------------------------------------------

    def waiting(self) -> Sequence[str]:
        """Names of petitions that nobody has taken, the oldest first. Other files are nobody's.

        Raises:
            StoreError: the directory cannot be read.
        """
        with file_errors(self.directory):
            files = [one.name for one in self.directory.iterdir() if one.is_file()]
        answered = {name.removesuffix(_ANSWER) for name in files if name.endswith(_ANSWER)}
        asked = {name.removesuffix(_PETITION) for name in files if name.endswith(_PETITION)}
        for name in asked & answered:
            self._remove(name)
        return sorted(name for name in asked - answered if _NAME.fullmatch(name))

    def petition(self, name: str) -> bytes | None:
        """What is asked for; None if it is gone.

        Raises:
            StoreCorrupted: it is not what anybody has written here.
            StoreError: it cannot be read.
        """
        return self._read(name, _PETITION)

    def answer(self, name: str, content: bytes) -> None:
        """Say what came of a petition, and take it away.

        Raises:
            StoreFull, StoreError: the petition is still there, unless it can never be answered:
                something that is no file has the name of the answer.
        """
        file = self._file(name, _ANSWER)
        try:
            write_durably(file, self._closed(name, _ANSWER, content))
        except StoreError:
            if file.is_dir():
                self._remove(name)
            raise
        self._remove(name)
        self.ring()

    def remove_old(self) -> None:
        """Remove answers that nobody has fetched for a day, and what the dead have left undone."""
        oldest = time.time() - _DAY_S
        with contextlib.suppress(OSError):
            for file in list(self.directory.iterdir()):
                with contextlib.suppress(OSError):  # what is no file cannot be removed, and stays
                    if _LEFT.fullmatch(file.name) and file.lstat().st_mtime < oldest:
                        file.unlink(missing_ok=True)

    # --- both -----------------------------------------------------------------------------

    def number(self) -> int:
        """Changes with each ring; read it before you look for what you wait for."""
        self._rung.clear()
        return 0 if self._bell is None else self._bell.number()

    def sleep(self, number: int, timeout_s: float) -> None:
        """Sleep until the box is rung again after `number`, or a little less. Blocks."""
        if self._bell is None:
            self._rung.wait(min(timeout_s, _LOOK_S))
        elif not self._rung.is_set():
            self._bell.sleep(number, timeout_s)

    def ring(self) -> None:
        """Wake all who sleep beside this box."""
        self._rung.set()
        if self._bell is not None:
            self._bell.ring()

    def _file(self, name: str, suffix: str) -> Path:
        return self.directory / f"{name}{suffix}"

    def _remove(self, name: str) -> None:
        with file_errors(self.directory):
            self._file(name, _PETITION).unlink(missing_ok=True)

    def _closed(self, name: str, suffix: str, content: bytes) -> bytes:
        row = f"{name}{suffix}".encode()
        return content if self._seal is None else self._seal.closed(row, content)

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
        row = f"{name}{suffix}".encode()
        return content if self._seal is None else self._seal.opened(row, content)


def new_petition_name() -> str:
    """A name after all earlier ones, and no other process's."""
    return f"{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}"


def open_box(path: str | Path, seal: PartSeal | None) -> PetitionBox:
    """The box of the store at `path`, which must exist; made if it is not there yet.

    Raises:
        ConfigurationError: a store of this kind can have none.
        StoreError: it cannot be made.
    """
    directory = _directory_of(path)
    if directory.is_symlink():
        raise StoreError(f"{directory} is a link; petitions are left in a directory")
    with file_errors(directory):
        directory.mkdir(exist_ok=True)
        (directory / OWN_MARK).touch(mode=0o600)
    return PetitionBox(directory, seal)


def _directory_of(path: str | Path) -> Path:
    if path == MEMORY:
        raise ConfigurationError("a store in memory is of one process: nobody else can ask it")
    if files := files_of_database(path):
        return Path(f"{files[0]}{PETITIONS_ENDING}")
    if is_sql_url(path):
        raise ConfigurationError(
            "a store on a database server takes no petitions: decide in the process that runs "
            "the team, with `agent.allow` and `agent.deny`"
        )
    return Path(path) / PETITIONS

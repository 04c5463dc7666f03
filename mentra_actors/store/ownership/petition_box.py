"""Where other processes leave petitions for the one that writes a store.

A petition without an answer is one to be taken, whoever died meanwhile. What is inside is bytes;
what it means is the caller's. In an encrypted store petitions and answers are sealed with the key
of its views, each for its name.
"""

import os
import re
import secrets
import time
from collections.abc import Sequence
from typing import Protocol

from mentra_actors.store.ports import Fence
from mentra_actors.store.sealing.part_seal import PartSeal

__all__ = [
    "ANSWER",
    "DAY_S",
    "MAX_PETITION_BYTES",
    "PETITION",
    "PETITION_NAME",
    "PetitionBox",
    "closed_note",
    "new_petition_name",
    "opened_note",
]

MAX_PETITION_BYTES = 1 << 20
DAY_S = 86_400.0
"""How long an answer is kept that nobody fetches."""
PETITION, ANSWER = ".petition", ".answer"
PETITION_NAME = re.compile(r"[0-9]{20}-[0-9]+-[0-9a-f]{8}", re.ASCII)


class PetitionBox(Protocol):
    """The petitions of one store. Safe from any thread and any process until it is closed."""

    # --- who asks -------------------------------------------------------------------------

    def put(self, name: str, content: bytes) -> None:
        """Leave a petition; it is durable when this returns.

        Raises:
            CommitOutcomeUnknown: nobody could be asked whether it was left.
            StoreError: it was not left.
        """
        ...

    def answer_to(self, name: str) -> bytes | None:
        """What the owner has said; None as long as it has said nothing.

        Raises:
            StoreError: it cannot be read.
        """
        ...

    def remove_answer(self, name: str) -> None:
        """Forget what was said, once it was read.

        Raises:
            StoreError: it is still there; it is removed when it is old.
        """
        ...

    def is_attended(self) -> bool:
        """True if an owner is known to be there; False also where only its lock could tell.

        Raises:
            StoreError: nobody can be asked.
        """
        ...

    # --- who owns the store ---------------------------------------------------------------

    def attend(self) -> None:
        """Be known as an owner until the box is closed. Never blocks."""
        ...

    def waiting(self) -> Sequence[str]:
        """Names of petitions that nobody has taken, the oldest first. Other notes are nobody's.

        Raises:
            StoreError: it cannot be read.
        """
        ...

    def petition(self, name: str) -> bytes | None:
        """What is asked for; None if it is gone.

        Raises:
            StoreCorrupted: it is not what anybody has written here.
            StoreError: it cannot be read.
        """
        ...

    def answer(self, name: str, content: bytes, fence: Fence) -> None:
        """Say what came of a petition, and take it away; `fence` is that of the owner.

        Raises:
            Fenced: another process owns the store by now; the petition is its.
            StoreError: the petition is still there, unless it can never be answered.
        """
        ...

    def remove_old(self) -> None:
        """Remove answers that nobody has fetched for a day, and what the dead have left undone.

        Raises:
            StoreError: they are still there.
        """
        ...

    # --- both -----------------------------------------------------------------------------

    def number(self) -> int:
        """Changes with each ring; read it before you look for what you wait for."""
        ...

    def sleep(self, number: int, timeout_s: float) -> None:
        """Sleep until the box is rung again after `number`, or a little less. Blocks.

        `put` and `answer` ring, in whatever process.
        """
        ...

    def ring(self) -> None:
        """Wake all who sleep beside this box in this process; other ones may wake as well."""
        ...

    def close(self) -> None:
        """Let go of it; what is in it stays. Calling it twice is allowed."""
        ...


def new_petition_name() -> str:
    """A name after all earlier ones of this machine, and no other process's."""
    return f"{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}"


def closed_note(seal: PartSeal | None, name: str, suffix: str, content: bytes) -> bytes:
    """A petition or an answer as it is kept."""
    row = f"{name}{suffix}".encode()
    return content if seal is None else seal.closed(row, content)


def opened_note(seal: PartSeal | None, name: str, suffix: str, content: bytes) -> bytes:
    """A petition or an answer as it was written.

    Raises:
        StoreCorrupted: it was sealed with another key or for another name, or is no such thing.
    """
    row = f"{name}{suffix}".encode()
    return content if seal is None else seal.opened(row, content)

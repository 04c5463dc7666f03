"""Keeps a commit of a store as it is while its pages are read, with LMDB in a child process.

As long as a reader of LMDB somewhere holds on to a commit, no writer uses its pages again. The
child is such a reader: LMDB may kill its process over a damaged file, and forbids to open a file
twice in one process.
"""

import json
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from mentra_actors.errors import StoreError

__all__ = ["HeldCommit"]

_PROGRAM = Path(__file__).with_name("held_commit_main.py")


class _Held(msgspec.Struct, frozen=True):
    txn_id: int
    meta_pages: tuple[str, str]


class HeldCommit:
    """The present commit of a store, held until `release`."""

    def __init__(self, path: Path) -> None:
        """Begin to hold it.

        Raises:
            StoreError: nothing is held; LMDB cannot open the file, or died of it.
        """
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_PROGRAM), str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            self._held = self._answer(path)
        except BaseException:
            self.release()
            raise

    @property
    def txn_id(self) -> int:
        """Its number."""
        return self._held.txn_id

    @property
    def meta_pages(self) -> list[bytes]:
        """The beginnings of both meta pages, as they were when it was taken hold of."""
        return [bytes.fromhex(one) for one in self._held.meta_pages]

    def release(self) -> None:
        """Hold it no more. Calling it twice is allowed."""
        if self._process.returncode is None:
            self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def _answer(self, path: Path) -> _Held:
        line = self._process.stdout.readline() if self._process.stdout else b""
        if not line:
            raise StoreError(f"LMDB cannot open the store at {path}: {self._death()}")
        answer = json.loads(line)
        if "error" in answer:
            raise StoreError(f"LMDB cannot open the store at {path}: {answer['error']}")
        return msgspec.convert(answer, _Held)

    def _death(self) -> str:
        _, words = self._process.communicate()
        code = self._process.returncode
        if code < 0:
            return f"it dies of {signal.Signals(-code).name}"
        return words.decode(errors="replace").strip().rpartition("\n")[2] or f"exit code {code}"

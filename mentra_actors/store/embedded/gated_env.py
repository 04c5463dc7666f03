"""An LMDB environment behind a gate, so that it is never pulled away from under a transaction.

LMDB forbids to resize or close a map under a transaction of the process, and to use an
environment after a fork. So each transaction passes a gate; who resizes, reopens, closes or forks
is alone behind it, and a forked child finds the environment closed.

No thread may begin a transaction while it is in one, or wait for anything inside of it.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import lmdb

from mentra_actors.errors import StoreBusy, StoreClosed
from mentra_actors.store.embedded.transaction_gate import TransactionGate

__all__ = ["GatedEnv"]


class GatedEnv:
    """Holds one environment or none. `name` is what errors call it: "the store at /x"."""

    def __init__(self, name: str, env: lmdb.Environment | None = None) -> None:
        self._name = name
        self._env = env
        self._gate = TransactionGate()

    @property
    def is_open(self) -> bool:
        """True while there is an environment."""
        return self._env is not None

    @property
    def live(self) -> lmdb.Environment:
        """The environment, for one who is inside or alone.

        Raises:
            StoreClosed: there is none.
        """
        if self._env is None:
            raise self.closed()
        return self._env

    def closed(self) -> StoreClosed:
        """Why it cannot be used."""
        return StoreClosed(f"{self._name} is closed, or was opened before a fork")

    def begin(self, *, write: bool, buffers: bool = False) -> "lmdb.Transaction[Any]":
        """A transaction, inside; the caller owes a `leave` after its end.

        Raises:
            StoreClosed, StoreBusy, lmdb.Error: the caller is not inside.
        """
        while True:
            self._gate.enter()
            try:
                return self._begin(write=write, buffers=buffers)
            except lmdb.MapResizedError:
                self._gate.leave()
                with self._gate.alone():
                    self.live.set_mapsize(0)
            except BaseException:
                self._gate.leave()
                raise

    def leave(self) -> None:
        """Undo what `begin` did to the gate."""
        self._gate.leave()

    @contextlib.contextmanager
    def inside(self) -> Iterator[lmdb.Environment]:
        """The environment for a question that needs no transaction."""
        self._gate.enter()
        try:
            yield self.live
        finally:
            self._gate.leave()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """No transaction runs or begins while the body does."""
        with self._gate.alone():
            yield

    def grow(self, to_bytes: int = 0) -> None:
        """Map at least `to_bytes`, and not less than twice of before."""
        with self._gate.alone():
            self.live.set_mapsize(max(to_bytes, 2 * self.live.info()["map_size"]))

    def put(self, env: lmdb.Environment) -> None:
        """Hold `env`. The caller is alone, or the only one who knows this object."""
        self._env = env

    def close(self) -> None:
        """Close what is held. The caller is alone."""
        env, self._env = self._env, None
        if env is not None:
            env.close()

    def before_fork(self) -> None:
        """Wait until no transaction runs, and let none begin."""
        self._gate.close()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._gate.open()

    def after_fork_in_child(self) -> None:
        """Close what was inherited; the child has to open it for itself."""
        self.close()
        self._gate = TransactionGate()  # the lock of the old one may be held by nobody's thread

    def _begin(self, *, write: bool, buffers: bool) -> "lmdb.Transaction[Any]":
        env = self.live
        try:
            return _begin(env, write=write, buffers=buffers)
        except lmdb.ReadersFullError:
            env.reader_check()  # of the dead
        try:
            return _begin(env, write=write, buffers=buffers)
        except lmdb.ReadersFullError as error:
            raise StoreBusy(
                f"{self._name}: {env.max_readers()} reads are open at once, and no more can be; "
                "try again when some have ended"
            ) from error


def _begin(env: lmdb.Environment, *, write: bool, buffers: bool) -> "lmdb.Transaction[Any]":
    if buffers:
        return env.begin(write=write, buffers=True)
    return env.begin(write=write)

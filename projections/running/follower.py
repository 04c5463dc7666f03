"""A thread that keeps doing the next step of something, and waits when there is none."""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from mentra_actors.errors import ConnectionLost, StoreBusy, StoreFull

__all__ = ["Follower"]

_RETRY_S = 1.0
_LOG = logging.getLogger(__name__)


class Follower:
    """Runs until `stop`, which must be called; leaving a `with` block does it.

    `step` does some work and says whether there may be more; `wait` blocks for a moment, at most
    until there is. A full disk, a lock of another program and a server that is away make it try
    again; any other error ends the thread and is kept
    as `failure`. `on_end` is called on the thread when it ends.
    """

    def __init__(
        self,
        step: Callable[[], bool],
        wait: Callable[[], None],
        on_end: Callable[[], None],
        *,
        name: str = "projections",
    ) -> None:
        self.failure: Exception | None = None
        self._step = step
        self._wait = wait
        self._on_end = on_end
        self._stopping = threading.Event()
        self._has_ended = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """True until `stop`, or until an error ended it."""
        return not self._has_ended and not self._stopping.is_set()

    def stop(self, *, timeout_s: float | None = None) -> None:
        """End the thread after its present step. Calling it twice is allowed.

        One that takes longer than `timeout_s` is left behind (None: never). On the thread itself
        it ends after this.

        Raises:
            Exception: the `failure` that had ended it before.
        """
        self._stopping.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._step_or_wait()
        except Exception as error:  # noqa: BLE001 - kept for whoever stops the thread
            _LOG.exception("following the journal ended")
            self.failure = error
        finally:
            self._has_ended = True
            self._on_end()

    def _step_or_wait(self) -> None:
        try:
            if not self._step():
                self._wait()
        except (StoreFull, StoreBusy, ConnectionLost):
            _LOG.warning("views cannot be written, trying again in %s s", _RETRY_S, exc_info=True)
            self._stopping.wait(_RETRY_S)

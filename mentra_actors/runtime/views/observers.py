"""Observers: functions that are told what the runtime has done, in the order of the log.

Each has a thread of its own that reads the log, so none is in the way of the work or of another
one, and nothing has to be dropped: one that is slow, or was away, reads on from its place.
"""

import inspect
import logging
import threading
import time
from itertools import chain, groupby
from types import TracebackType
from typing import Self

import msgspec

from mentra_actors.domain.agent.commands import CancelRun
from mentra_actors.domain.lease import LeaseAcquired
from mentra_actors.errors import ConfigurationError
from mentra_actors.ids import agent_stream
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.views.observed_place import KeptPlace, ObservedPlace
from mentra_actors.runtime.views.observer import Observer, OnHookEvent
from mentra_actors.runtime.writing.writer_lease import WRITER_LEASE
from mentra_actors.tools.results.rendering import named_words_of
from projections.hooks.hook_event import HookEvent
from projections.hooks.hook_history import HookFold
from projections.running.follower import Follower

__all__ = ["Observation", "ObserverStatus", "Observers"]

_PAGE_EVENTS = 50
_WAKE_S = 0.2
_CLOSE_S = 5.0
_CANCEL_S = 10.0
_NEAR_OPENING = 16
_log = logging.getLogger(__name__)


class ObserverStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How an observer is. `lag` is the number of events of the log that it has still to read.

    `errors` counts what it has raised, `last_error` says what that was. One that is not running
    was removed, or the log could not be read: `failure` then says why.
    """

    name: str
    position: int
    lag: int
    errors: int
    last_error: str
    is_running: bool
    failure: str


class Observation:
    """An observer that is told events. Safe from any thread; also a context manager."""

    def __init__(self, core: RuntimeCore, observer: Observer, place: ObservedPlace) -> None:
        """Made by `Runtime.observe`; it begins at once."""
        self.observer = observer
        self._core = core
        self._place = place
        self._fold = HookFold(core.journal)
        self._failure: Exception | None = None
        self._errors = 0
        self._last_error = ""
        self._next_told = 10
        self._is_over = False
        self._moved = threading.Condition()
        name = f"mentra-observer {self.name}"
        self._follower = Follower(self._step, self._wait, self._end, name=name)

    @property
    def name(self) -> str:
        """The name of the observer, or of its function."""
        call = self.observer.call
        return self.observer.name or str(getattr(call, "__name__", type(call).__name__))

    def status(self) -> ObserverStatus:
        """How far it is, and what has gone wrong.

        Raises:
            StoreClosed: the runtime was closed.
        """
        failure, position = self._failure, self._place.position
        return ObserverStatus(
            name=self.name,
            position=position,
            lag=max(0, self._core.store.last_position() - position),
            errors=self._errors,
            last_error=self._last_error,
            is_running=self._follower.is_running,
            failure="" if failure is None else named_words_of(failure),
        )

    def wait(self, *, timeout_s: float = 10.0) -> bool:
        """Wait until it was told everything recorded so far; False if that took too long.

        Never call it on an event loop, nor from the observer.
        """
        target = self._core.store.last_position()
        with self._moved:
            self._moved.wait_for(
                lambda: self._place.position >= target or not self._follower.is_running, timeout_s
            )
        return self._place.position >= target

    def remove(self) -> None:
        """Tell it nothing more. Returns at once, also while it is being told something."""
        self._stop(timeout_s=0.0)

    def close(self, *, timeout_s: float) -> None:
        """Tell it what is recorded by now, for so long at most, and end; what is left is logged.

        One that does not come back in time is left behind on its thread, which keeps no process.
        """
        until = time.monotonic() + timeout_s
        was_told = self.wait(timeout_s=timeout_s)
        self._stop(timeout_s=max(until - time.monotonic(), 0.0) if was_told else 0.0)
        if not was_told and self._failure is None:
            self._log_left(timeout_s)

    def _log_left(self, waited_s: float) -> None:
        left = self._core.store.last_position() - self._place.position
        kept = "the next runtime tells it them" if self.observer.name else "it is never told them"
        _log.warning(
            "observer %s did not come back within %.1f s, and the runtime closes without it: "
            "of the last %d events it knows nothing, %s",
            *(self.name, waited_s, left, kept),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()

    def _stop(self, *, timeout_s: float) -> None:
        self._is_over = True
        try:
            self._follower.stop(timeout_s=timeout_s)
        except Exception:  # noqa: BLE001 - logged when it happened, and part of the status
            return

    # --- on the thread of the observer ----------------------------------------------------

    def _step(self) -> bool:
        try:
            return self._tell_page()
        except Exception as error:
            self._failure = error
            raise

    def _tell_page(self) -> bool:
        place = self._place
        page = self._core.journal.read_journal(after=place.position, limit=_PAGE_EVENTS)
        try:
            for position, parts in groupby(page, lambda recorded: recorded.global_position):
                for event in chain.from_iterable(map(self._fold.told, parts)):
                    if self._is_over:
                        return False
                    self._tell(event)
                place.position = position
        finally:
            place.save()
            with self._moved:
                self._moved.notify_all()
        return bool(page)

    def _tell(self, event: HookEvent) -> None:
        try:
            self.observer.call(event)
        except BaseException as error:  # noqa: BLE001 - whatever it raises, the work goes on
            self._errors += 1
            self._last_error = named_words_of(error)
            self._log_error(event)
            if self.observer.may_stop_runs and event.run_id:
                self._stop_run(event)

    def _log_error(self, event: HookEvent) -> None:
        """The first one with its traceback; then how many, each time that is ten times more."""
        if self._errors == 1:
            _log.exception("observer %s raised at position %d", self.name, event.position)
        elif self._errors == self._next_told:
            self._next_told *= 10
            _log.error(
                "observer %s has raised %d times, now at position %d: %s",
                *(self.name, self._errors, event.position, self._last_error),
            )

    def _stop_run(self, event: HookEvent) -> None:
        """End the run that the event is about, if it is still the open one."""
        core, stream_id = self._core, agent_stream(event.agent_id)
        reason = f"stopped by observer {self.name}: {self._last_error}"
        try:
            run = core.look(stream_id).result(_CANCEL_S).state.run
            if run is not None and run.run_id == event.run_id:
                cancel = CancelRun(now=core.clock.now(), reason=reason)
                core.ask(stream_id, cancel).result(_CANCEL_S)
        except Exception:  # noqa: BLE001 - the runtime is closing, or the agent is set aside
            _log.exception("observer %s could not stop run %s", self.name, event.run_id)

    def _wait(self) -> None:
        store = self._core.store
        store.wait_for_position(self._place.position + 1, timeout_s=_WAKE_S)

    def _end(self) -> None:
        self._place.close()
        with self._moved:
            self._moved.notify_all()


class Observers:
    """The observers of a runtime. Leaving the context tells them what is recorded, and ends them.

    That takes some seconds for all of them together at most.

    Those of the settings are told from the moment on at which the runtime was opened.
    """

    def __init__(self, core: RuntimeCore) -> None:
        """Begin with those of the settings.

        Raises:
            ConfigurationError: two have one name, or one cannot be kept.
            TypeError, ValueError: one is no observer, or begins where the log is not yet.
        """
        self._core = core
        self._lock = threading.Lock()
        self._all: tuple[Observation, ...] = ()
        core.keep_open(self)
        begin = _position_before_opening(core) if core.settings.observers else 0
        for one in core.settings.observers:
            self.add(one, begin=begin)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        until = time.monotonic() + _CLOSE_S
        for one in self._all:
            one.close(timeout_s=max(until - time.monotonic(), 0.0))

    def add(self, call: OnHookEvent | Observer, *, begin: int | None = None) -> Observation:
        """Tell this one as well; see `Runtime.observe`. `begin` is for one that names no place."""
        observer = _checked(call if isinstance(call, Observer) else Observer(call))
        last = self._core.store.last_position()
        after = observer.after
        if after is not None and not 0 <= after <= last:
            raise ValueError(f"the log has positions 1 to {last}, so none begins after {after}")
        if after is None:
            after = last if begin is None else begin
        with self._lock:
            running = [one for one in self._all if one.status().is_running]
            if observer.name and observer.name in {one.observer.name for one in running}:
                raise ConfigurationError(f"there is an observer named {observer.name!r} already")
            place = ObservedPlace(after)
            if observer.name:
                place = KeptPlace(self._core, observer.name, after)
            added = Observation(self._core, observer, place)
            self._all = (*running, added)
        return added

    def status(self) -> tuple[ObserverStatus, ...]:
        """How each is, in the order in which they came; those that were removed are left out."""
        found = [one.status() for one in self._all]
        return tuple(one for one in found if one.is_running or one.failure)


def _checked(observer: Observer) -> Observer:
    if not callable(observer.call):
        raise TypeError(f"an observer is a function, not {observer.call!r}")
    if inspect.iscoroutinefunction(observer.call):
        raise TypeError(
            "an observer is a plain function: it has a thread of its own, and may block"
        )
    return observer


def _position_before_opening(core: RuntimeCore) -> int:
    """Where the log ended when this runtime took the lease."""
    version = core.store.stream_version(WRITER_LEASE)
    near = core.journal.read_stream(WRITER_LEASE, after=max(0, version - _NEAR_OPENING))
    mine = [
        one.global_position - 1
        for one in near
        if isinstance(one.event, LeaseAcquired) and one.event.epoch == core.fence.epoch
    ]
    return mine[0] if mine else core.store.last_position()

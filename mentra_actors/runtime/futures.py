"""Futures that are made of futures."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TypeVar

from mentra_actors.errors import RuntimeClosed

__all__ = ["chained", "mapped", "performed", "recovered", "retold"]

T = TypeVar("T")
R = TypeVar("R")


def mapped(
    future: "Future[T]", convert: Callable[[T], R], *, on: Executor | None = None
) -> "Future[R]":
    """A future of what `convert` makes of the result.

    It runs on the thread that completes, or, where it may take a while, `on` one of these.
    """
    converted: Future[R] = Future()

    def convert_now(done: "Future[T]") -> None:
        try:
            converted.set_result(convert(done.result()))
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it
            converted.set_exception(error)

    if on is None:
        future.add_done_callback(convert_now)
    else:
        future.add_done_callback(
            lambda done: performed(on, lambda: convert_now(done), converted.set_exception)
        )
    return converted


def chained(future: "Future[T]", begin: "Callable[[T], Future[R]]") -> "Future[R]":
    """The future that `begin` makes of the result; it is called on the thread that completes."""
    last: Future[R] = Future()

    def go_on(done: "Future[T]") -> None:
        try:
            begin(done.result()).add_done_callback(lambda one: _pass_on(one, last))
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it
            last.set_exception(error)

    future.add_done_callback(go_on)
    return last


def retold(future: "Future[T]", error_of: Callable[[BaseException], BaseException]) -> "Future[T]":
    """A future of the same result, or of what `error_of` makes of the error."""
    told: Future[T] = Future()

    def tell(done: "Future[T]") -> None:
        error = done.exception()
        if error is None:
            told.set_result(done.result())
        else:
            told.set_exception(error_of(error))

    future.add_done_callback(tell)
    return told


def recovered(
    future: "Future[T]", instead: "Callable[[BaseException], Future[T] | None]"
) -> "Future[T]":
    """A future of the result, or of the future that `instead` makes of an error.

    It makes None of an error that stays.
    """
    last: Future[T] = Future()

    def go_on(done: "Future[T]") -> None:
        error = done.exception()
        other = instead(error) if error is not None else None
        (other or done).add_done_callback(lambda one: _pass_on(one, last))

    future.add_done_callback(go_on)
    return last


def _pass_on(done: "Future[T]", last: "Future[T]") -> None:
    error = done.exception()
    if error is None:
        last.set_result(done.result())
    else:
        last.set_exception(error)


def performed(
    on: Executor, work: Callable[[], None], fail: Callable[[RuntimeClosed], object]
) -> None:
    """Let the work be done on a thread of `on`; `fail` is told if it never will be."""
    closed = RuntimeClosed("the runtime was closed; what was asked is recorded")
    try:
        done = on.submit(work)
    except RuntimeError:  # it is shut down
        fail(closed)
        return
    done.add_done_callback(lambda one: fail(closed) if one.cancelled() else None)

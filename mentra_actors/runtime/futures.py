"""Futures that are made of futures."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

__all__ = ["mapped"]

T = TypeVar("T")
R = TypeVar("R")


def mapped(future: "Future[T]", convert: Callable[[T], R]) -> "Future[R]":
    """A future of what `convert` makes of the result; it runs on the thread that completes."""
    converted: Future[R] = Future()

    def on_done(done: "Future[T]") -> None:
        try:
            converted.set_result(convert(done.result()))
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it
            converted.set_exception(error)

    future.add_done_callback(on_done)
    return converted

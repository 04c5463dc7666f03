"""Stops actors, and waits for that."""

import time
from collections.abc import Sequence
from typing import Any

import pykka

__all__ = ["all_stopped"]


def all_stopped(refs: Sequence[pykka.ActorRef[Any]], timeout_s: float) -> bool:
    """Stop actors after what waits for them; True if all have stopped in time. Blocks."""
    stops = [ref.stop(block=False) for ref in refs]
    deadline = time.monotonic() + timeout_s
    stopped = [_is_stopped(stop, deadline) for stop in stops]
    return all(stopped)


def _is_stopped(stop: pykka.Future[bool], deadline: float) -> bool:
    try:
        stop.get(timeout=max(0.0, deadline - time.monotonic()))
    except pykka.Timeout:
        return False
    return True

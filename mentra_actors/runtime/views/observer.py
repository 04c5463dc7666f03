"""Who is told what the runtime does."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import TypeAlias

from projections.hooks.hook_event import HookEvent

__all__ = ["Observer", "OnHookEvent"]

OnHookEvent: TypeAlias = Callable[[HookEvent], None]


@dataclass(frozen=True, slots=True)
class Observer:
    """A function that is told every event of `projections.hooks.hook_event`, and how.

    `call` runs on a thread of its own and may block. What it raises is logged and counted, and it
    is told the next event; with `may_stop_runs` it also ends the run of the agent that the event
    is about, if that is still open. One with a `name` is durable: the next process with an
    observer of this name goes on after the last event of this one; after a crash it may be told
    the last ones again. `after` is the global position at which one begins that is not: 0 tells
    all of history, None what is recorded from now on.
    """

    call: OnHookEvent
    _: KW_ONLY
    name: str = ""
    after: int | None = None
    may_stop_runs: bool = False

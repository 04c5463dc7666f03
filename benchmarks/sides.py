"""The sides of a comparison: programs of `peers`, each in a process of its own."""

import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.environments import PeerMissing, PeerProcess

__all__ = ["Side", "started"]


@dataclass(frozen=True)
class Side:
    """A program of `peers` with its words, and its environment (None: ours)."""

    name: str
    program: str
    environment: str | None = None


def started(
    stack: ExitStack, folder: Path, sides: Iterable[Side], warm_up: Callable[[PeerProcess], object]
) -> dict[str, PeerProcess]:
    """The sides that run here, by their names; the others are named on stderr."""
    running = {}
    for side in sides:
        try:
            process = PeerProcess(side.program, side.environment, folder / f"{side.name}.stderr")
            running[side.name] = stack.enter_context(process)
            warm_up(process)
        except PeerMissing as missing:
            running.pop(side.name, None)
            print(f"left out: {missing}", file=sys.stderr)
    return running

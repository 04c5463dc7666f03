"""Cheap comparisons with floors that need no installation: ratios of CPU time, round by round.

CPU time of the whole process is hardly disturbed by what else the machine does, and the two sides
of a ratio are run in turn, so a bound of a few times the usual figure holds on any machine.
"""

import asyncio
import os
import queue
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import deltas, turn
from benchmarks.peers import requests_mentra, requests_plain
from benchmarks.peers.conversation import Turn
from benchmarks.peers.request_rounds import AddTurn, Request
from benchmarks.store_appends import BATCH, order, several
from benchmarks.store_folder import folder, our_store
from benchmarks.store_peers import RawLmdb, record_of
from benchmarks.store_workload import Requests

__all__ = ["COMPARISONS", "Ratios"]

Ratios = Callable[[], Sequence[float]]
"""Runs both sides in turn; a ratio for each round."""


def cpu_s(work: Callable[[], object]) -> float:
    """CPU seconds of all threads of this process while the work is done."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def least(seconds: Sequence[float]) -> float:
    """What the cheapest tenth costs: what a busy machine does to the others is not in it."""
    return sorted(seconds)[len(seconds) // 10]


def turn_over_plain() -> list[float]:
    """A turn of one agent, log in memory, over that of a plain asyncio loop."""
    ratios = []
    for _ in range(5):
        ours = turn.run_kind("mentra, memory", 1, 80).cpu_seconds
        plain = turn.run_kind(turn.PLAIN, 1, 300).cpu_seconds
        ratios.append(least(ours[30:]) / least(plain))
    return ratios


def late_turns() -> list[float]:
    """Turns 250 to 300 of one conversation over turns 30 to 80."""
    ratios = []
    for _ in range(3):
        seconds = turn.run_kind("mentra, volatile", 1, 300).cpu_seconds
        ratios.append(least(seconds[-50:]) / least(seconds[30:80]))
    return ratios


def delta_over_httpx() -> list[float]:
    """A piece of a streamed answer, over a bare httpx loop that reads the same stream."""
    ratios = []
    with deltas.server(deltas.DELTAS, 0.0) as many, deltas.server(deltas.FEW, 0.0) as few:
        for _ in range(3):
            taken = asyncio.run(deltas.all_taken(many, few, 10))
            ratios.append(_of_pieces(taken["ours"]) / _of_pieces(taken["bare httpx"]))
    return ratios


def _of_pieces(taken: deltas.Taken) -> float:
    """What a message of many pieces costs more than one of few."""
    return least([cpu for _, cpu in taken.many]) - least([cpu for _, cpu in taken.few])


def append_over_lmdb() -> list[float]:
    """Appends of one event, 100 together and not flushed, over rows put by a bare LMDB loop."""
    return [_our_appends(40) / _raw_appends(40) for _ in range(7)]


def _our_appends(batches: int) -> float:
    with folder() as path, our_store(path, "volatile") as store:
        requests, numbers = Requests(), order()
        answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

        def write() -> None:
            for _ in range(batches):
                for number in several(numbers, BATCH):
                    store.submit(requests.take(number), answers.put)
                for _ in range(BATCH):
                    answers.get()

        return cpu_s(write)


def _raw_appends(batches: int) -> float:
    values = [record_of(number, 1, number, 1) for number in range(256)]
    with folder() as path:
        peer, numbers = RawLmdb(path, flush=False), order()

        def write() -> None:
            for _ in range(batches):
                peer.write([(one, values[one % 256]) for one in several(numbers, BATCH)])

        try:
            return cpu_s(write)
        finally:
            peer.close()


def request_over_plain() -> list[float]:
    """A request of 10,000 entries that is made again after a turn, over plain JSON of all."""
    sides = [requests_mentra.begin("chat_completions"), requests_plain.begin()]
    for add, request in sides:
        for number in range(1, 2_501):
            add(Turn(number))
        asyncio.run(request())
    ratios = []
    for number in range(2_501, 2_508):
        ours, plain = (_request_s(add, request, number) for add, request in sides)
        ratios.append(ours / plain)
    return ratios


def _request_s(add: AddTurn, request: Request, number: int) -> float:
    add(Turn(number))

    async def made() -> float:
        begun = time.process_time()
        await request()
        return time.process_time() - begun

    return asyncio.run(made())


def import_over_bare() -> list[float]:
    """A process that imports mentra_actors over one that does nothing."""
    _process_s("import mentra_actors")  # compiles what is not compiled yet
    return [_process_s("import mentra_actors") / _process_s("pass") for _ in range(9)]


def _process_s(code: str) -> float:
    root = Path(__file__).parents[1]
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=root, env={**kept, "PYTHONPATH": str(root)}
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


COMPARISONS: Mapping[str, Ratios] = {
    "turn_over_plain": turn_over_plain,
    "late_turns": late_turns,
    "delta_over_httpx": delta_over_httpx,
    "append_over_lmdb": append_over_lmdb,
    "request_over_plain": request_over_plain,
    "import_over_bare": import_over_bare,
}
"""By the name that a bound in gate.toml has."""

"""Runs tool calls on demand, with a clock around each run.

A side of the tools benchmark gives `served` a way to run a new conversation. Requests come as JSON
lines on standard input, answers go to standard output:

    {"rounds": 50, "at_once": 1}     one run with 50 rounds of one call
    {"rounds": 1, "at_once": 50}     one run with one round of 50 calls

Each answer has the seconds and CPU seconds of the run, all threads together, and how often the
tool was called. The tool does nothing; the model is a script in the same process, which looks at
nothing but the number of its call.
"""

import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

__all__ = ["ANSWER", "PROMPT", "TOOL", "Job", "served"]

PROMPT = "Count, please."
ANSWER = "That is all."
TOOL = "count"


@dataclass
class Job:
    """One run: so many rounds, each with so many calls. It counts what has happened."""

    rounds: int
    at_once: int
    asked: int = 0
    called: int = 0

    def calls(self) -> list[tuple[str, str]]:
        """Ids and arguments of the next round's calls; none, and the answer follows."""
        self.asked += 1
        if self.asked > self.rounds:
            return []
        numbers = range(self.at_once)
        return [(f"call_{self.asked}_{number}", f'{{"number":{number}}}') for number in numbers]

    def call(self, number: int) -> str:
        """All that the tool does."""
        self.called += 1
        return str(number)


Open = Callable[[Job], AbstractAsyncContextManager[Callable[[], Awaitable[object]]]]


async def served(opened: Open) -> None:
    """Answer requests until standard input ends. Making a conversation is not measured."""
    for line in iter(sys.stdin.readline, ""):
        job = Job(**json.loads(line))
        async with opened(job) as run:
            started, cpu = time.perf_counter(), time.process_time()
            await run()
            wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
        print(json.dumps({"wall_s": wall_s, "cpu_s": cpu_s, "called": job.called}), flush=True)

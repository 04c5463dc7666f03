"""How long a process waits before it can begin: imports, the help, a store that is opened.

Each figure is the wall time of a whole process, in turn with all others; that of an empty program
is given beside. Bytecode is compiled before the clock runs. Who imports us pays for what is used
only: the names of `mentra_actors` are imported when they are first asked for, so that *import* is
little and *open* is what a program pays that has agents. Our peers are imported with what the
smallest program of their documentation needs, and open nothing.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.harness import Goal, interleaved, median, parsed_arguments, report, spread
from benchmarks.peers.environments import PeerMissing, python_of

MOST_IMPORT_MS = 150.0
MOST_HELP_MS = 300.0
EMPTY = "an empty program"
OPEN = """
from mentra_actors import open_runtime_sync
with open_runtime_sync({store!r}):
    pass
"""
TURN = """
import time
from mentra_actors import ScriptedModel, open_runtime_sync, say
with open_runtime_sync({store!r}, providers=[ScriptedModel([say("Hello.")])]) as runtime:
    runtime.spawn(f"agent{{time.time_ns()}}", model="scripted:x").send("Hello?")
"""
OURS = {
    EMPTY: "pass",
    "import mentra_actors": "import mentra_actors",
    "mentra --help": "import sys; sys.argv[1:] = ['--help']; "
    "from mentra_actors.cli.main import main; main()",
    "open a store": OPEN,
    "open a store, one turn": TURN,
    "import httpx": "import httpx",
    "import pydantic, one model": "import pydantic\nclass A(pydantic.BaseModel):\n    a: int",
}
PEERS = {
    "langgraph": "from langgraph.graph import StateGraph",
    "openai-agents": "from agents import Agent, Runner",
    "pydantic-ai": "from pydantic_ai import Agent",
    "autogen-core": "from autogen_core import RoutedAgent, SingleThreadedAgentRuntime",
    "google-adk": "from google.adk.agents import LlmAgent",
}
GOALS = {"import mentra_actors": MOST_IMPORT_MS, "mentra --help": MOST_HELP_MS}


def wall_ms(python: str | Path, code: str) -> float:
    """One process from its start to its end."""
    writing = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    subprocess.run(
        [python, "-c", code], check=True, stdout=subprocess.DEVNULL, env=writing, timeout=120
    )
    return (time.perf_counter() - started) * 1e3


def programs(store: str) -> dict[str, partial[float]]:
    """All that are measured, by what they do."""
    cases = {
        name: partial(wall_ms, sys.executable, code.format(store=store))
        for name, code in OURS.items()
    }
    for peer, code in PEERS.items():
        try:
            cases[f"import {peer}"] = partial(wall_ms, python_of(peer), code)
        except PeerMissing as missing:
            print(f"left out: {missing}", file=sys.stderr)
    return cases


def figures(*, quick: bool) -> Mapping[str, Sequence[float]]:
    """Milliseconds of all rounds."""
    with tempfile.TemporaryDirectory(prefix="bench-import-") as store:
        cases = programs(f"{store}/team")
        subprocess.run([sys.executable, "-c", TURN.format(store=f"{store}/team")], check=True)
        for run in cases.values():
            run()
        return interleaved(cases, 5 if quick else 15)


def main() -> None:
    """Run and print."""
    arguments = parsed_arguments(__doc__ or "")
    told = figures(quick=arguments.quick)
    found = {name: median(values) for name, values in told.items()}
    empty = {EMPTY: found.pop(EMPTY)}
    goals = [
        Goal(
            name,
            ms,
            "ms",
            f"<= {GOALS[name]:g}" if name in GOALS else "",
            ms <= GOALS[name] if name in GOALS else None,
            empty,
            spread(told[name]),
        )
        for name, ms in found.items()
    ]
    report("Until a process can begin", goals, as_json=arguments.json, environments=tuple(PEERS))


if __name__ == "__main__":
    main()

"""Each example as its page says, with what is installed only, in a new directory; then again.

`python run_examples.py DIRECTORY` with the directory of the examples. A line for each: its name,
and the seconds and CPU seconds of its first start and of the one that finds all in the store.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import mentra_actors

assert "site-packages" in mentra_actors.__file__, "not the installed package"
ARGUMENTS = {"cli_runtime.py": ["plan", "What would you tidy up?"]}
PARTS = {"stage.py", "ssh_target.py"}
"""What others import."""


def started(program: Path, place: Path) -> tuple[float, float]:
    """Run a program until it ends; its seconds and CPU seconds."""
    command = [sys.executable, str(program), *ARGUMENTS.get(program.name, [])]
    command += ["--store", str(place / "team.mentra")]
    began, spent = time.monotonic(), cpu_seconds()
    run = subprocess.run(
        command, cwd=place, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, f"{program.name}: {run.stderr}"
    assert run.stdout.strip(), f"{program.name} says nothing"
    assert not run.stderr, f"{program.name}: {run.stderr}"
    return time.monotonic() - began, cpu_seconds() - spent


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


examples = Path(sys.argv[1]).resolve()
for program in sorted(examples.rglob("*.py")):
    if program.name in PARTS:
        continue
    with tempfile.TemporaryDirectory() as directory:
        first, again = started(program, Path(directory)), started(program, Path(directory))
    name = program.relative_to(examples)
    print(f"{name}\t{first[0]:.1f}\t{first[1]:.2f}\t{again[0]:.1f}\t{again[1]:.2f}", flush=True)

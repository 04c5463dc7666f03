"""Runs a function in forked processes that may die, one after the other.

The driver imports the target once and forks for each run, before any thread or store exists, so
a run costs no start-up. It speaks JSON lines: a request on standard input, its answer on
standard output.

    {"target": "package.module:function", "arguments": {...}, "point": "append:3:before"}
    {"signal": 9, "exit_code": null, "result": null}

The function is called with the arguments, `wrap_store` and `wrap_effects`; what it returns must
be JSON. Use `CrashDriver` from a test.
"""

import contextlib
import importlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from mentra_actors.testing.crash_points import CrashPoint, CrashPoints

__all__ = ["CrashDriver", "RunEnd", "crash_driver"]


class RunEnd(msgspec.Struct, frozen=True):
    """How a run ended: by a signal, or with an exit code; `result` is the function's."""

    signal: int | None
    exit_code: int | None
    result: Any = None
    counted: dict[str, int] = {}
    error: str = ""

    @property
    def was_killed(self) -> bool:
        """True if the process died of SIGKILL."""
        return self.signal == 9  # noqa: PLR2004 - SIGKILL


class CrashDriver:
    """The test's side of a driver process. Used by one thread."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        """Use `crash_driver`."""
        self._process = process

    def run(
        self, target: str, arguments: Mapping[str, object], point: CrashPoint | None = None
    ) -> RunEnd:
        """Run `module:function` in a new process, which dies at `point`."""
        request = {
            "target": target,
            "arguments": dict(arguments),
            "point": str(point) if point else None,
        }
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the driver has no pipes")
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the driver died: exit code {self._process.wait()}")
        return msgspec.json.decode(answer, type=RunEnd)


@contextlib.contextmanager
def crash_driver() -> Iterator[CrashDriver]:
    """A driver process, ended with the block."""
    command = [sys.executable, "-m", "mentra_actors.testing.crash_driver"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            yield CrashDriver(process)
        finally:
            if process.stdin is not None:
                process.stdin.close()
            process.wait()


def main() -> None:
    """Answer requests until standard input ends."""
    for line in sys.stdin:
        request = json.loads(line)
        function = _function(request["target"])
        point = CrashPoint.parse(request["point"]) if request["point"] else None
        end = _forked(function, request["arguments"], point)
        sys.stdout.write(msgspec.json.encode(end).decode() + "\n")
        sys.stdout.flush()


def _function(target: str) -> Callable[..., object]:
    module, _, name = target.partition(":")
    function: Callable[..., object] = getattr(importlib.import_module(module), name)
    return function


def _forked(
    function: Callable[..., object], arguments: Mapping[str, object], point: CrashPoint | None
) -> RunEnd:
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(readable)
        _be_the_child(function, arguments, point, writable)
    os.close(writable)
    with os.fdopen(readable, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return RunEnd(signal=os.WTERMSIG(status), exit_code=None)
    outcome = msgspec.json.decode(said) if said else {}
    return RunEnd(signal=None, exit_code=os.WEXITSTATUS(status), **outcome)


def _be_the_child(
    function: Callable[..., object],
    arguments: Mapping[str, object],
    point: CrashPoint | None,
    writable: int,
) -> None:
    """Run, say what came of it, and leave without any of the parent's clean-up."""
    os.dup2(2, 1)  # what the function prints must not disturb the answers
    points = CrashPoints(point)
    exit_code, outcome = 0, {}
    try:
        outcome["result"] = function(
            **arguments, wrap_store=points.wrap_store, wrap_effects=points.wrap_effects
        )
    except BaseException:  # noqa: BLE001 - everything is reported to the parent
        exit_code, outcome["error"] = 1, traceback.format_exc()
    outcome["counted"] = points.counted
    os.write(writable, msgspec.json.encode(outcome))
    os._exit(exit_code)


if __name__ == "__main__":
    main()

"""Lives lives for the judge: the one of the command line, or those of standard input.

Of standard input each life is a process forked from this one: the peer is imported once, before
the first fork and without any thread, so that a life costs no start-up and is still a process of
its own that can be killed. A life that neither ends nor dies in LIFE_S is killed and reported as
hung.

    {"variant": "...", "action": "start", "folder": "...", "number": 1, "dies": "tool",
     "grace_s": 0.5}
    {"ended": "killed" | "raised" | "returned" | "not offered" | "hung", "error": "..."}
"""

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.recovery.world import GRACE_S, Life

__all__ = ["LIFE_S", "NOT_OFFERED", "NotOffered", "serve"]

LIFE_S = 60.0
"""Plenty for every life of the matrix; the slowest takes a few seconds."""

NOT_OFFERED = 3
"""The exit status of a life that the contestant has no way to live."""

Act = Callable[[Life, str], None]
"""Run one life: `start`, `resume` (the peer's own way to go on) or `message` (QUESTION)."""


class NotOffered(Exception):
    """The peer has no such way to go on."""


def serve(variants: Mapping[str, Act]) -> None:
    """Live the life that is given, or else those of standard input until it ends.

    `dedupes` is up to the variant's name.
    """
    for word in sys.argv[1:]:
        request = json.loads(word)
        _live_here(variants[request["variant"]], request)
        return
    for line in sys.stdin:
        request = json.loads(line)
        answer = _lived(variants[request["variant"]], request)
        print(json.dumps(answer), flush=True)


def _live_here(act: Act, request: dict[str, Any]) -> None:
    try:
        act(_life(request), request["action"])
    except NotOffered as error:
        print(error, file=sys.stderr)
        sys.exit(NOT_OFFERED)


def _life(request: dict[str, Any]) -> Life:
    return Life(
        folder=Path(request["folder"]),
        number=request["number"],
        dies=request["dies"],
        dedupes=request["variant"].endswith("dedupe"),
        grace_s=request.get("grace_s", GRACE_S),
    )


def _lived(act: Act, request: dict[str, Any]) -> dict[str, str]:
    readable, writable = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(readable)
        _be_the_child(act, request, writable)
    os.close(writable)
    ended = _awaited(child)
    with os.fdopen(readable) as pipe:
        said = pipe.read() if ended == "exited" else ""
    if ended == "exited":
        return dict(json.loads(said)) if said else {"ended": "raised", "error": "no word"}
    return {"ended": ended, "error": ""}


def _awaited(child: int) -> str:
    deadline = time.monotonic() + LIFE_S
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return "killed" if os.WIFSIGNALED(status) else "exited"
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hung"


def _be_the_child(act: Act, request: dict[str, Any], writable: int) -> None:
    os.dup2(2, 1)  # what a peer prints must not disturb the answers
    try:
        act(_life(request), request["action"])
        answer = {"ended": "returned", "error": ""}
    except NotOffered as error:
        answer = {"ended": "not offered", "error": str(error)}
    except BaseException as error:  # noqa: BLE001 - everything is reported
        traceback.print_exc()
        last = (str(error).strip().splitlines() or [""])[0]
        answer = {"ended": "raised", "error": f"{type(error).__name__}: {last}"[:300]}
    os.write(writable, json.dumps(answer).encode())
    os._exit(0)

"""Has a contestant play all cases, and judges it. README.md documents what is asked of it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from benchmarks.recovery.cases import CASES, Case, Row
from benchmarks.recovery.judgement import (
    DoesNotPlay,
    Faults,
    Request,
    faults_of,
    requests_in,
    witnessed_in,
)
from benchmarks.recovery.lives import LIFE_S, NOT_OFFERED
from benchmarks.recovery.world import GRACE_S

__all__ = ["OneProcessEach", "Player", "played_row"]


class Player(Protocol):
    """Lives lives."""

    def ask(self, request: Mapping[str, object], /) -> dict[str, Any]:
        """Live one; how it `ended`, and the `error` in words."""
        ...


class OneProcessEach:
    """Starts a command for each life, with the life as its last word."""

    def __init__(self, command: Sequence[str], *, life_s: float = LIFE_S) -> None:
        self._command = list(command)
        self._life_s = life_s

    def ask(self, request: Mapping[str, object], /) -> dict[str, Any]:
        """Live one."""
        with subprocess.Popen(
            [*self._command, json.dumps(request)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as life:
            try:
                _, said = life.communicate(timeout=self._life_s)
            except subprocess.TimeoutExpired:
                _kill_group(life)
                return {"ended": "hung", "error": f"it did not end in {self._life_s:g} s"}
            except BaseException:
                _kill_group(life)
                raise
        last = (said.strip().splitlines() or [""])[-1]
        return {"ended": _end_of(life.returncode), "error": last}


def _kill_group(life: subprocess.Popen[str]) -> None:
    """A command may be a shell that has started the program."""
    os.killpg(life.pid, signal.SIGKILL)


def _end_of(status: int) -> str:
    """By its exit status; a shell tells of a signal by 128 and its number."""
    if status < 0 or status == 137:
        return "killed"
    return {0: "returned", NOT_OFFERED: "not offered"}.get(status, "raised")


def played_row(
    player: Player,
    name: str,
    variant: str,
    folder: Path,
    *,
    grace_s: float = GRACE_S,
    cases: Sequence[Case] = CASES,
) -> Row:
    """The cases of one variant, each in a folder of its own.

    Raises:
        DoesNotPlay: a first life did not die where it should, or a file has a wrong line.
    """
    faults: dict[str, Faults | None] = {}
    remarks: list[str] = []
    for case in cases:
        print(f"  {name}: {case.name}", file=sys.stderr)
        here = folder / case.dies / case.action
        here.mkdir(parents=True)
        life = {"variant": variant, "folder": str(here), "grace_s": grace_s}
        faults[case.name], remark = _played(player, life, case, here)
        if remark:
            remarks.append(f"{case.name[0]}: {remark}")
    return Row(name, faults, remarks)


def _played(
    player: Player, life: Mapping[str, object], case: Case, folder: Path
) -> tuple[Faults | None, str]:
    """The faults of one case, and what else there is to say of it."""
    first = player.ask({**life, "number": 1, "action": "start", "dies": case.dies})
    if first["ended"] != "killed":
        raise DoesNotPlay(f"the first life of {case.name} {first['ended']}: {first['error']}")
    if not_seen := sorted(case.seen_at_death - set(+witnessed_in(folder))):
        effects = " and ".join(not_seen)
        raise DoesNotPlay(f"the first life of {case.name} died before the effect of {effects}")
    request, remark = None, ""
    for number, action in enumerate(case.attempts(), start=2):
        end = player.ask({**life, "number": number, "action": action, "dies": ""})
        if end["ended"] == "not offered" and action == case.action:
            return None, str(end["error"])
        if end["ended"] == "returned":
            request = _first_request(folder, number)
            remark = remark if request else "the run ended and the model was asked nothing"
            break
        remark = remark or str(end["error"] or end["ended"])
    finished, interrupted = case.finished, case.interrupted
    seen = witnessed_in(folder)
    return faults_of(request, seen, finished=finished, interrupted=interrupted), remark


def _first_request(folder: Path, life: int) -> Request | None:
    return next(iter(requests_in(folder, life=life)), None)

"""Losses of power, one by one: a disk is drawn, another process opens what is on it."""

import json
import os
import selectors
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
from forked_python import ForkedPython
from power_loss_recording import Promise

from mentra_actors.testing.power_loss import Cut, Loss, disks_at

WORDS = ("intact", "lost", "noticed", "refused", "corrupt")
"""What may come of a loss; see `power_loss_reopener.py`. Lost: intact, but for done jobs."""

_MARK = "store/UNSYNCED"
_HERE = Path(__file__).parent
_ANSWER_TIMEOUT_S = 60


class Case(msgspec.Struct, frozen=True):
    """One loss of power and what came of it."""

    cut: Cut
    loss: Loss
    promise: Promise
    kind: str
    job: int
    detail: str

    @property
    def is_kept(self):
        """True if nothing happened that was promised not to."""
        if self.kind in ("refused", "noticed"):
            return self.promise.may_be_damaged
        return self.kind == "intact" and self.job >= self.promise.least

    @property
    def word(self):
        return "lost" if self.kind == "intact" and self.job < self.promise.done else self.kind


class Reopener:
    """A process that opens what is left; another one follows it when it dies."""

    def __init__(self, folder, *, seed, batches):
        script = _HERE / "power_loss_reopener.py"
        self._command = [sys.executable, script, str(seed), str(batches)]
        self._folder = folder
        self._process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end()

    def answer(self, files):
        """Kind, job and detail of what a process finds in these files."""
        path = self._folder / "store"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        for name, content in files.items():
            if name.startswith("store/"):
                (self._folder / name).write_bytes(content)
        line = self._line_about(path)
        if line.endswith(b"\n"):
            answer = json.loads(line)
            return answer["kind"], answer["job"], answer["detail"]
        self._end()
        errors = (self._folder / "errors").read_text(errors="replace")[-500:]
        return "corrupt", -1, f"the process died or hung: {errors}"

    def _line_about(self, path):
        """One line; less if the process dies or takes too long."""
        if self._process is None:
            self._start()
        self._process.stdin.write(f"{path}\n".encode())
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n") and selector.select(_ANSWER_TIMEOUT_S):
                piece = os.read(self._process.stdout.fileno(), 1 << 16)
                if not piece:
                    break
                line += piece
        return line

    def _start(self):
        pipe = subprocess.PIPE
        with (self._folder / "errors").open("wb") as errors:
            self._process = ForkedPython(
                self._command, bufsize=0, stdin=pipe, stdout=pipe, stderr=errors
            )

    def _end(self):
        if self._process is not None:
            self._process.kill()
            with self._process:
                pass
            self._process = None


def cases(recording, cuts, reopener, chance, *, loss=None, finds_mark=True):
    """What comes of a loss of power at each of the cuts; each loses in its own way without `loss`.

    Without `finds_mark`, the mark of a writer that does not flush is not looked at.
    """
    found = []
    for cut, disk in disks_at(recording.operations, cuts):
        how = loss or _drawn_loss(chance)
        files = dict(disk.after_power_loss(chance, how))
        mark = files.pop(_MARK, None)
        if finds_mark and mark is not None:
            # The machine is up again under another boot id than the one of the mark.
            files[_MARK] = mark.translate(bytes.maketrans(b"0123456789", b"1234567890"))
        answer = reopener.answer(files)
        found.append(Case(cut, how, recording.promises[cut.returned], *answer))
    return found


def _drawn_loss(chance):
    return Loss(
        survival=chance.choice([0.0, 0.05, 0.5, 0.95, 0.997, 1.0]),
        block_bytes=chance.choice([512, 4096]),
        keeps_last_write=chance.random() < 0.3,
    )

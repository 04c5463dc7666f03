"""A process in a terminal of a given size, and what a person would see there."""

import os
import signal
import sys
import time
from pathlib import Path

import pexpect
import pyte

ROOT = Path(__file__).parents[4]
WAIT_S = 40.0
_LOOK_S = 0.05


class PseudoTerminal:
    """`mentra` in a terminal. Its screen is read while something is waited for."""

    def __init__(self, arguments, *, cwd, environment, rows, columns):
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.screen = pyte.HistoryScreen(columns, rows, history=2000)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self._child = pexpect.spawn(
            sys.executable,
            ["-m", "mentra_actors.cli.main", *map(str, arguments)],
            cwd=str(cwd),
            env={**kept, "TERM": "xterm-256color", **environment},
            dimensions=(rows, columns),
            timeout=None,
        )
        self.screen.write_process_input = self._child.send

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._child.close(force=True)

    @property
    def text(self):
        """Everything on the screen and above it."""
        above = [_row(line, self.screen.columns) for line in self.screen.history.top]
        return "\n".join(line.rstrip() for line in [*above, *self.screen.display])

    @property
    def shown(self):
        """What is on the screen now."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    @property
    def typed(self):
        """What stands at the prompt."""
        prompts = [one for one in self.shown.splitlines() if one.startswith("»")]
        return prompts[-1].removeprefix("» ") if prompts else ""

    def keys(self, keys):
        self._child.send(keys)

    def say(self, text):
        """Type a line once the prompt is there."""
        self.until(lambda: "»" in self.shown)
        self._child.send(f"{text}\r")

    def paste(self, text):
        self._child.send(f"\x1b[200~{text}\x1b[201~")

    def until(self, wanted):
        """Read until a text is there, or a function of this says so."""
        end = time.monotonic() + WAIT_S
        found = wanted if callable(wanted) else lambda: wanted in self.text
        while not found():
            if not self._read():
                raise AssertionError(f"it ended before {wanted!r}:\n{self.text}")
            if time.monotonic() > end:
                raise AssertionError(f"{wanted!r} did not come:\n{self.text}")

    def ended(self):
        """Read to the end; the exit code."""
        end = time.monotonic() + WAIT_S
        while self._read():
            if time.monotonic() > end:
                raise AssertionError(f"it does not end:\n{self.text}")
        self._child.wait()
        return self._child.exitstatus

    def resize(self, rows, columns):
        self.screen.resize(rows, columns)
        self._child.setwinsize(rows, columns)

    def kill(self):
        self._child.kill(signal.SIGKILL)
        self._child.wait()

    def hang_up(self):
        self._child.kill(signal.SIGHUP)

    def _read(self):
        try:
            piece = self._child.read_nonblocking(65536, timeout=_LOOK_S)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += piece
        self._stream.feed(piece)
        return True


def _row(line, columns):
    return "".join(line[column].data for column in range(columns))

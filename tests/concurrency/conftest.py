"""Other processes that work on a store, and are stopped, continued and killed by tests."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from forked_python import ForkedPython

SCRIPT = Path(__file__).with_name("store_worker.py")


class Worker:
    """A process that does what it is told; see `store_worker`."""

    def __init__(self, path):
        self.process = ForkedPython(
            [sys.executable, str(SCRIPT), str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self):
        return self.process.pid

    def tell(self, *words):
        """Say what to do; `answer` is owed."""
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def answer(self):
        """The answer to the next thing that was told."""
        return self.process.stdout.readline().rstrip("\n")

    def do(self, *words):
        """Tell, and wait for the answer."""
        self.tell(*words)
        return self.answer()

    def stop(self):
        """Let it hang, as a suspended process does."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)

    def wait_until_stopped(self):
        """It stops by itself."""
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)

    def go_on(self):
        os.kill(self.pid, signal.SIGCONT)

    def end(self):
        """End it, whatever it does, as a power button would."""
        if self.process.returncode is None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def worker():
    """Starts workers, and ends all that are left."""
    started = []

    def start(path):
        started.append(Worker(path))
        return started[-1]

    yield start
    for one in started:
        one.end()

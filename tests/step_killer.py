"""Tasks in processes that kill themselves at a step, so that a test can try every one of them.

    with StepKiller(__file__) as killer:  # of a test file with `def fork(path): ...`
        for step, is_killed in killer.steps("fork", lambda: [fresh_copy()]):
            ...  # whole, or as it was

Steps are what changes files and databases: opening, writing, flushing, renaming, removing; LMDB's
transactions; statements and commits in SQLite; round trips to PostgreSQL. The process dies of a
real SIGKILL before the step. The tasks are functions of the test file, given plain values, and
paths as text; each runs in a child of a process that has imported the file.
"""

import builtins
import io
import json
import os
import runpy
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import lmdb
from forked_python import ForkedPython

__all__ = ["StepKiller"]

MOST_STEPS = 100_000
COUNTED_OF_OS = ("fsync", "rename", "replace", "unlink", "rmdir", "mkdir", "pwrite", "open")


class StepKiller:
    """Runs the tasks of a test file in processes that kill themselves."""

    def __init__(self, test_file):
        command = [sys.executable, __file__, str(test_file)]
        self._process = ForkedPython(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self._process.communicate()

    def is_killed(self, step, task, *arguments):
        """True if the task was killed at this step, False if it ended before; 0 kills nowhere."""
        line = [step, task, arguments]
        self._process.stdin.write(json.dumps(line, default=str) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        assert code in (0, -signal.SIGKILL), (line, code)
        return code != 0

    def steps(self, task, make_arguments, *, every=1):
        """Kill at one step after the other until the task ends: the step, and if it was killed.

        `every=3` tries a third of them.
        """
        for step in range(1, MOST_STEPS, every):
            is_killed = self.is_killed(step, task, *make_arguments())
            yield step, is_killed
            if not is_killed:
                return


# --- the process that is forked ---------------------------------------------------------------


class Steps:
    """Counts steps of this process, and kills it at one."""

    def __init__(self):
        self._left = 0
        self._pid = 0
        self._lock = threading.Lock()

    def begin(self, step):
        self._left, self._pid = step, os.getpid()

    def count(self):
        if os.getpid() != self._pid:
            return
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(self._pid, signal.SIGKILL)

    def counted(self, function):
        """The same function, each call of which is a step."""

        def call(*args, **kwargs):
            self.count()
            return function(*args, **kwargs)

        return call


STEPS = Steps()


class CountedEnv:
    """An environment of LMDB whose transactions are steps."""

    def __init__(self, env):
        self._env = env
        self.sync, self.begin, self.close = map(STEPS.counted, (env.sync, env.begin, env.close))

    def __getattr__(self, name):
        return getattr(self._env, name)


class CountedCursor(sqlite3.Cursor):
    """A cursor whose statements are steps."""

    def execute(self, *args):
        STEPS.count()
        return super().execute(*args)

    def executemany(self, *args):
        STEPS.count()
        return super().executemany(*args)


class CountedConnection(sqlite3.Connection):
    """A connection whose statements and commits are steps."""

    def cursor(self, factory=CountedCursor):
        return super().cursor(factory)

    def execute(self, *args):
        STEPS.count()
        return super().execute(*args)

    def commit(self):
        STEPS.count()
        super().commit()


def _count_all():
    for name in COUNTED_OF_OS:
        setattr(os, name, STEPS.counted(getattr(os, name)))
    io.open = builtins.open = STEPS.counted(io.open)
    shutil.rmtree = STEPS.counted(shutil.rmtree)
    open_env, connect = lmdb.open, sqlite3.connect
    lmdb.open = lambda *args, **kwargs: CountedEnv(STEPS.counted(open_env)(*args, **kwargs))
    sqlite3.connect = lambda *args, **kwargs: connect(
        *args, **{"factory": CountedConnection, **kwargs}
    )
    if "psycopg" in sys.modules:
        connection = sys.modules["psycopg"].Connection
        connection.wait = STEPS.counted(connection.wait)


def _serve(test_file):
    sys.path[:0] = [str(Path(test_file).parent), str(Path(__file__).parent)]
    tasks = runpy.run_path(test_file, run_name="tasks")
    _count_all()
    for line in sys.stdin:
        step, task, arguments = json.loads(line)
        child = os.fork()
        if child == 0:
            STEPS.begin(step)
            tasks[task](*arguments)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1])

"""Processes that are forked for tests are processes like any other."""

import os
import signal
import subprocess
import sys

import pytest
from forked_python import ForkedPython, run_forked

ANSWER = """
import os, sys
word = sys.stdin.readline().strip()
print(__name__, os.getpid(), os.getppid(), word, *sys.argv[1:])
print(os.environ.get("A_NAME"), os.getcwd())
"""


def test_it_is_a_child_with_streams_arguments_and_an_environment(tmp_path):
    """Its parent alone can learn how it ended."""
    pipe = subprocess.PIPE
    with ForkedPython(
        [sys.executable, "-c", ANSWER, "argument"],
        stdin=pipe,
        stdout=pipe,
        text=True,
        env={"A_NAME": "a value"},
        cwd=tmp_path,
    ) as process:
        said, _ = process.communicate("hello\n", timeout=50)

    pids = f"{process.pid} {os.getpid()}"
    assert said == f"__main__ {pids} hello argument\na value {tmp_path}\n"
    assert (process.returncode, process.pid != os.getpid()) == (0, True)


def test_it_can_be_stopped_and_killed():
    """Whatever a test does to a process hits that one."""
    waiting = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with ForkedPython(waiting, stdin=subprocess.PIPE) as one:
        with ForkedPython(waiting, stdin=subprocess.PIPE) as other:
            os.kill(one.pid, signal.SIGSTOP)
            os.waitid(os.P_PID, one.pid, os.WSTOPPED | os.WNOWAIT)
            one.kill()
        assert other.returncode == 0

    assert one.returncode == -signal.SIGKILL


def test_what_one_has_changed_the_next_does_not_see():
    """Each is forked from the same beginning."""
    change = "import mentra_actors.ids as i; print(getattr(i, 'left', 'new')); i.left = 'old'"
    for _ in range(2):
        done = run_forked([sys.executable, "-c", change], capture_output=True, text=True)
        assert done.stdout == "new\n"


@pytest.mark.parametrize(("code", "status"), [("raise SystemExit(3)", 3), ("1 / 0", 1), ("", 0)])
def test_its_exit_code_is_that_of_an_interpreter(code, status, tmp_path):
    """A script, a module and a text end alike."""
    script = tmp_path / "script.py"
    script.write_text(code)
    for named in (["-c", code], [script], ["-m", "script"]):
        done = run_forked([sys.executable, *named], capture_output=True, text=True, cwd=tmp_path)
        assert (done.returncode, "ZeroDivisionError" in done.stderr) == (status, status == 1)

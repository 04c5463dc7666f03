"""Other Python processes that cost no start-up, for tests that stop and kill them.

    with ForkedPython([sys.executable, "-c", code, "argument"], stdout=subprocess.PIPE) as process:
        process.kill()

It is `subprocess.Popen` in all but the way in which the process begins: it is forked from one that
has imported the product, has one thread and nothing open. It is a child of the test's process and
has a pid, a memory and file descriptors of its own, so signals, exit codes and locks are real.
`-c`, `-m` and a script are understood, with arguments; `env`, `cwd` and the three streams may be
given. Ctrl-C interrupts it also where jobs in the background ignore it. Without Linux an
interpreter is started as ever. A test of what an interpreter imports, or of how it starts, needs a
new one: `subprocess.Popen`.
"""

import atexit
import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

__all__ = ["ForkedPython", "run_forked"]

PRELOADED = (
    "mentra_actors.cli.main",
    "mentra_actors.runtime.sync_runtime",
    "mentra_actors.runtime.runtime",
    "mentra_actors.store.care",
    "mentra_actors.store.embedded.lmdb_store",
    "mentra_actors.store.sql.opening",
    "mentra_actors.testing.append_contract",
    "mentra_actors.testing.log_audit",
    "psycopg",
    "pytest",
)
SET_CHILD_SUBREAPER = 36
LONGEST = 1 << 17  # bytes of a request: code, arguments and environment
_parent = None
_one_at_a_time = threading.Lock()


class ForkedPython(subprocess.Popen):
    """A process that runs Python; its constructor is that of `subprocess.Popen`."""

    def _execute_child(  # type: ignore[override]
        self,
        args,
        executable,
        preexec_fn,
        close_fds,
        pass_fds,
        cwd,
        env,
        startupinfo,
        creationflags,
        shell,
        *rest,
    ):
        pipes = rest[:6]
        if sys.platform != "linux":
            ordinary = (executable, preexec_fn, close_fds, pass_fds, cwd, env)
            more = (startupinfo, creationflags, shell)
            super()._execute_child(args, *ordinary, *more, *rest)
            return
        asked = (args[0], preexec_fn, pass_fds, shell)
        assert asked == (sys.executable, None, (), False), "not understood"
        read, _, _, written, _, told = pipes
        streams = [
            place if place != -1 else number for number, place in enumerate((read, written, told))
        ]
        request = {
            "arguments": [os.fspath(one) for one in args[1:]],
            "environment": dict(os.environ if env is None else env),
            "directory": os.fspath(cwd or os.getcwd()),
        }
        try:
            self.pid = _forked(json.dumps(request).encode(), streams)
        finally:
            self._close_pipe_fds(*pipes)
        self._child_created = True


def run_forked(command, *, capture_output=False, timeout=None, check=False, **options):
    """What `subprocess.run` gives, but for its `input`."""
    if capture_output:
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with ForkedPython(command, **options) as process:
        try:
            output, errors = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(command, process.returncode, output, errors)
    if check:
        done.check_returncode()
    return done


def _forked(request, streams):
    """Pid of a new child of this process."""
    global _parent  # noqa: PLW0603 - it lives as long as this process
    assert len(request) < LONGEST
    with _one_at_a_time:
        if _parent is None:
            _parent = _started_parent()
        _adopt_orphans(True)
        try:
            socket.send_fds(_parent, [request], streams)
            return int(_parent.recv(64))
        finally:
            _adopt_orphans(False)


def _started_parent():
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        subprocess.Popen(
            [sys.executable, __file__, str(its.fileno())],
            pass_fds=[its.fileno()],
            stdin=subprocess.DEVNULL,
        ).returncode = 0  # it ends when we do, which is the socket's end
    atexit.register(ours.close)
    return ours


def _adopt_orphans(wanted):
    """Have the kernel make this process the parent of those whose parent ends, or not."""
    if ctypes.CDLL(None, use_errno=True).prctl(SET_CHILD_SUBREAPER, int(wanted), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no subreaper")


# --- the process that is forked ---------------------------------------------------------------


def _serve(door):
    """Fork for each request. Gives the request in the new process, None when all is over."""
    while True:
        request, streams, _, _ = socket.recv_fds(door, LONGEST, 3)
        if not request:
            return None
        sent, kept = os.pipe()
        between = os.fork()
        if between == 0:
            foster = os.getpid()
            child = os.fork()
            if child:
                os.write(kept, b"%d" % child)
                os._exit(0)
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
            for one in (*streams, sent, kept):
                os.close(one)
            door.close()
            while os.getppid() == foster:
                os.sched_yield()
            return json.loads(request)
        os.waitpid(between, 0)  # the child has been adopted by the test's process
        pid = os.read(sent, 64)
        for one in (*streams, sent, kept):
            os.close(one)
        door.send(pid)


def _become(request):
    """Be an interpreter that has just been started with these arguments."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False, errors="backslashreplace", buffering=1)  # noqa: SIM115
    named = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]
    sys.path[:0] = [one for one in named if one not in sys.path]
    kind, *others = request["arguments"]
    if kind == "-c":
        code, *arguments = others
        sys.argv = ["-c", *arguments]
        sys.path.insert(0, "")
        main = type(sys)("__main__")
        sys.modules["__main__"] = main
        exec(compile(code, "<string>", "exec"), main.__dict__)
    elif kind == "-m":
        module, *arguments = others
        sys.argv = [module, *arguments]
        sys.path.insert(0, os.getcwd())
        sys.modules.pop(module, None)
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    else:
        sys.argv = [kind, *others]
        sys.path.insert(0, str(Path(kind).parent))
        main = type(sys)("__main__")
        main.__file__ = kind
        sys.modules["__main__"] = main
        exec(compile(Path(kind).read_bytes(), kind, "exec"), main.__dict__)


def _be_the_parent():
    sys.modules["forked_python"] = sys.modules["__main__"]  # scripts are tests, which import it
    importlib.import_module("step_killer")  # and this
    sys.path.pop(0)
    for name in PRELOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as door:
        request = _serve(door)
    if request is not None:
        _become(request)


if __name__ == "__main__":
    _be_the_parent()

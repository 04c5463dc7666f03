"""One virtual environment a peer, made on first use below `benchmarks/.peers`."""

import contextlib
import fcntl
import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from benchmarks.peers.versions import REQUIREMENTS

__all__ = ["PeerMissing", "PeerProcess", "python_of"]

ROOT = Path(__file__).parents[2]
CACHE = Path(__file__).parents[1] / ".peers"
INSTALL_TIMEOUT_S = 900
STAMP = "requirements.txt"


class PeerMissing(Exception):
    """A peer cannot be installed or does not run; the message says why. Skip it."""


def python_of(peer: str) -> Path:
    """The interpreter of a peer's environment, which is installed if it is not there.

    Raises:
        PeerMissing: it cannot be installed; what was begun is removed.
    """
    folder = CACHE / peer
    wanted = "\n".join(REQUIREMENTS[peer]) + "\n"
    with _alone_with(peer):
        if not _is_installed(folder, wanted):
            print(f"installing {peer} into {folder} …", file=sys.stderr)
            shutil.rmtree(folder, ignore_errors=True)
            try:
                _install(peer, folder)
            except (subprocess.SubprocessError, OSError) as error:
                shutil.rmtree(folder, ignore_errors=True)
                raise PeerMissing(f"{peer} cannot be installed: {_last_words(error)}") from error
            (folder / STAMP).write_text(wanted)
    return _python_in(folder)


@contextlib.contextmanager
def _alone_with(peer: str) -> Iterator[None]:
    """No other thread or process installs this peer meanwhile."""
    CACHE.mkdir(exist_ok=True)
    (CACHE / ".gitignore").write_text("*\n")
    with (CACHE / f"{peer}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_installed(folder: Path, wanted: str) -> bool:
    stamp = folder / STAMP
    return stamp.exists() and stamp.read_text() == wanted


def _install(peer: str, folder: Path) -> None:
    venv.create(folder, with_pip=True)
    command = [str(_python_in(folder)), "-m", "pip", "install", "--quiet", *REQUIREMENTS[peer]]
    subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_TIMEOUT_S)


def _python_in(folder: Path) -> Path:
    return folder / "bin" / "python"


def _last_words(error: Exception) -> str:
    said = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip().splitlines()
    return said[-1] if said else str(error)


class PeerProcess:
    """A program that answers JSON lines, until the end of the block.

    It runs in the environment of `peer`, or in our own where that is None.
    """

    def __init__(self, program: str, peer: str | None, stderr: Path) -> None:
        """Start it; `program` is the name of its module, in `peers` or dotted, and words for it.

        Raises:
            PeerMissing: its environment cannot be installed.
        """
        python = sys.executable if peer is None else str(python_of(peer))
        module, *words = program.split()
        self._module = module
        self._stderr = stderr
        with stderr.open("a") as file:
            self._process = subprocess.Popen(
                [python, "-m", module if "." in module else f"benchmarks.peers.{module}", *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                cwd=ROOT,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def ask(self, request: Mapping[str, object]) -> dict[str, Any]:
        """The answer to one request.

        Raises:
            PeerMissing: the program has ended instead; the message has its last words.
        """
        with contextlib.suppress(BrokenPipeError):  # its last words say more
            print(json.dumps(request), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline() if self._process.stdout else ""
        if not answer:
            said = self._stderr.read_text().strip().splitlines()
            raise PeerMissing(f"{self._module} does not run: {said[-1] if said else 'no reason'}")
        return dict(json.loads(answer))

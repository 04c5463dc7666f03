"""Recordings of what writers do to the disk, and what they promise at each moment of it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

from mentra_actors.testing.power_loss import (
    Cut,
    FlushFile,
    FlushFolder,
    RenameFile,
    WriteBytes,
    decode_operations,
)

DATA = "store/data.mdb"
SESSIONS = {
    "sync": [["sync", "sync!"], ["sync"]],
    "relaxed": [["relaxed", "relaxed!"], ["relaxed"]],
    "volatile": [["volatile", "volatile!"], ["volatile"]],
    "mixed": [["volatile!"], ["sync", "relaxed!"], ["sync", "volatile", "relaxed!"]],
}
"""Processes one after another, and the sessions of each; see `power_loss_writer.py`."""

_HERE = Path(__file__).parent
_META_PAGES_BYTES = 2 * os.sysconf("SC_PAGESIZE")
_WRITER_TIMEOUT_S = 60


class Promise(msgspec.Struct, frozen=True):
    """What must hold when the power goes; jobs are counted from 1, 0 is the empty store."""

    done: int = 0
    """The last acknowledged job."""
    least: int = 0
    """The job that the store must at least hold."""
    may_be_damaged: bool = False
    """True while a writer leaves flushing to the kernel, if the store then says so."""
    opening: str = ""
    """With which durability a writer is opening the store, until it is told that it is open."""


class Recording:
    """System calls in order; `promises` has one more: what is promised after so many of them."""

    def __init__(self, operations, batches=0, files=None):
        self.operations = operations
        self.batches = batches
        self.files = files
        """The files of the folder as the writers left them."""
        following = _Promises()
        self.promises = [following.now]
        for operation in operations:
            following.follow(operation)
            self.promises.append(following.now)

    def cuts(self, chance, *, anywhere, beside):
        """Moments anywhere, and some of those just before, in and after what makes durable."""
        last = len(self.operations) - 1
        found = [
            Cut(chance.randint(0, last), in_the_next=chance.random() < 0.5)
            for _ in range(anywhere)
        ]
        all_beside = [
            cut
            for number, operation in enumerate(self.operations)
            if is_turning_point(operation)
            for cut in (Cut(number), Cut(number, in_the_next=True), Cut(number + 1))
        ]
        return found + chance.sample(all_beside, min(beside, len(all_beside)))


class _Promises:
    """Follows the notes of the writers, and the commits between them."""

    def __init__(self):
        self.now = Promise()
        self._durability = ""
        self._done_before_commit = 0

    def follow(self, operation):
        if is_meta_page(operation):
            self._done_before_commit = self.now.done
        elif isinstance(operation, WriteBytes) and operation.name == "notes":
            self.now = self._after_note(operation.content.decode().split())

    def _after_note(self, note):
        now = self.now
        is_volatile = self._durability == "volatile"
        match note:
            case ["opening", durability]:
                self._durability = durability
                if durability == "volatile":
                    return Promise(done=now.done, may_be_damaged=True, opening=durability)
                return msgspec.structs.replace(now, opening=durability)
            case ["open"] if is_volatile:
                return Promise(done=now.done, may_be_damaged=True)
            case ["open"] | ["closed"]:  # both have flushed all that was acknowledged before
                return Promise(done=now.done, least=now.done)
            case ["done", job]:
                return msgspec.structs.replace(now, done=int(job), least=self._least(int(job)))
            case _:
                raise ValueError(note)

    def _least(self, job):
        match self._durability:
            case "sync":
                return job
            case "relaxed":
                return max(self.now.least, self._done_before_commit)
            case _:
                return self.now.least


def is_meta_page(operation):
    """True for the write that makes a commit."""
    is_data = isinstance(operation, WriteBytes) and operation.name == DATA
    return is_data and operation.offset < _META_PAGES_BYTES


def is_turning_point(operation):
    """True if what is durable, or what it means, changes here."""
    match operation:
        case FlushFile(name=name):
            return name == DATA
        case FlushFolder() | RenameFile():
            return True
        case _:
            return is_meta_page(operation)


def compiled_recorder(folder):
    """The library that records; or, as text, why there is none."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not sys.platform.startswith("linux") or compiler is None:
        return "recording system calls needs Linux and a C compiler (cc or gcc)"
    headers = "#include <dlfcn.h>\n#include <pthread.h>\n"
    probe = [compiler, "-fsyntax-only", "-xc", "-"]
    if subprocess.run(probe, input=headers, text=True, capture_output=True).returncode:  # noqa: PLW1510
        return "recording system calls needs the headers of the C library"
    library = folder / "record_writes.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
    source = _HERE / "record_writes.c"
    subprocess.run([*command, "-o", library, source, "-ldl", "-lpthread"], check=True)
    return library


def record(recorder, scratch, processes, *, seed, batches):
    """Run the writers of `processes`, each session with so many batches of the load."""
    folder = scratch / "folder"
    folder.mkdir()
    environment = {
        **os.environ,
        "LD_PRELOAD": str(recorder),
        "MENTRA_RECORD_FOLDER": str(folder),
        "MENTRA_RECORD_TO": str(scratch / "recording"),
    }
    written = 0
    for sessions in processes:
        part = [folder, str(seed), str(written), str(batches), *sessions]
        command = [sys.executable, _HERE / "power_loss_writer.py", *part]
        subprocess.run(command, check=True, env=environment, timeout=_WRITER_TIMEOUT_S)
        written += batches * len(sessions)
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    return Recording(decode_operations((scratch / "recording").read_bytes()), written, files)

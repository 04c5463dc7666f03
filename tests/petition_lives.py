"""What other processes do with petitions: one writes, a person asks, and either may be killed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from forked_python import ForkedPython, run_forked
from paying_team import opened
from petition_places import box_class

from mentra_actors.runtime.clock import SystemClock
from mentra_actors.runtime.wishes.permissions import ResolveWish
from mentra_actors.runtime.writing.petitioning import petition
from mentra_actors.store.ownership.petition_files import PetitionFiles
from mentra_actors.store.sql.opening import is_server_url
from mentra_actors.store.sql.petition_link import PetitionLink
from mentra_actors.store.sql.petition_table import PetitionTable

__all__ = ["ALLOW", "Process", "mentra", "until_asked"]

ALLOW = ResolveWish(agent_id="lead", request_id="perm-tool-1.0", allow=True, remember="project")
TESTS = Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"}


def until_asked(runtime):
    lead = runtime.spawn("lead", model="scripted:x", prompt="Pay.", reuse=True)
    lead.wait_for_snapshot(lambda snapshot: snapshot.permissions, timeout_s=30)


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def dies(*_):
    """In the place of a function."""
    die()


def dies_after(function):
    """A function that does what it is to do, and is the last one."""

    def last(*arguments):
        function(*arguments)
        die()

    return last


def write(path, dies_at=""):
    """Be the writer until a line comes, or until it dies."""
    if dies_at == "answer":
        box_class(path).answer = dies
    elif dies_at == "removal" and is_server_url(path):
        PetitionTable.answer = dies_after(PetitionTable.answer)
    elif dies_at == "removal":
        PetitionFiles._remove = dies
    durability = "sync" if is_server_url(path) else "volatile"  # servers are killed as well
    with opened(path, durability=durability) as runtime:
        until_asked(runtime)
        print("asked", flush=True)
        sys.stdin.readline()
        runtime.until_idle(timeout_s=30)


def ask(path, dies_at):
    """Ask for something, and die."""
    asked = box_class(path)
    if dies_at == "draft":
        os.link = PetitionLink.ask = dies
    elif dies_at == "put":
        asked.put = dies_after(asked.put)
    else:
        asked.answer = dies
    petition(path, ALLOW, SystemClock(), by="ann", wait_s=30)


class Process:
    """Another process that runs a function of this file."""

    def __init__(self, function, *arguments):
        self.process = ForkedPython(
            [sys.executable, __file__, function, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def until_asked(self):
        assert self.process.stdout.readline() == "asked\n"
        return self

    def finish(self):
        """Let the writer go on to its end."""
        self.process.communicate("\n", timeout=60)
        assert self.process.returncode == 0

    def died(self):
        assert self.process.wait(60) == -signal.SIGKILL


def mentra(path, *arguments):
    """A command line in a process of its own."""
    command = [sys.executable, "-m", "mentra_actors.cli.main", *arguments, "--store", str(path)]
    done = run_forked(
        [*command, "--json"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env=ENVIRONMENT,
    )
    return done.returncode, json.loads(done.stdout or done.stderr)


if __name__ == "__main__":
    {"write": write, "ask": ask}[sys.argv[1]](*sys.argv[2:])

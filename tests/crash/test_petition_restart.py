"""A database server that is restarted, or killed, while a decision is on its way.

Runs where MENTRA_TEST_POSTGRES names a server and its programs are installed: the tests start one
of their own with `.ci/with_postgres`.
"""

import os
import re
import shutil
import signal
import subprocess
import threading
from contextlib import closing
from pathlib import Path

import pytest
from other_processes import until
from paying_team import events_in
from petition_lives import ALLOW, Process, mentra
from petition_places import left_in
from postgres_logs import required_server

from mentra_actors.domain.agent import events as e
from mentra_actors.runtime.clock import SystemClock
from mentra_actors.runtime.writing.petitioning import petition
from mentra_actors.store.ownership.petition_opening import open_box

pytestmark = [pytest.mark.crash, pytest.mark.timeout(180)]
required_server()

WITH_POSTGRES = Path(__file__).parents[2] / ".ci" / "with_postgres"
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
CONTROL = str(PROGRAMS[-1]) if PROGRAMS else shutil.which("pg_ctl")


class Server:
    """A server of its own, in a directory that tells where it is."""

    def __init__(self, place):
        self._data = Path(place) / "data"
        self.address = f"postgresql:///postgres?host={place}&user=mentra&schema=team"

    def _control(self, *arguments):
        owner = self._data.owner()
        as_owner = [] if os.getuid() else ["runuser", "-u", owner, "--"]
        command = [*as_owner, CONTROL, "--pgdata", self._data, "--wait", "--silent", *arguments]
        subprocess.run(
            [*map(str, command)], check=True, cwd="/", stdout=subprocess.DEVNULL, timeout=60
        )

    def stop(self):
        self._control("--mode", "fast", "stop")

    def restart(self, mode):
        self._control("--mode", mode, "--log", str(self._data / "log"), "restart")


@pytest.fixture(scope="module")
def server():
    if CONTROL is None:
        pytest.skip("pg_ctl is not installed: no server to restart")
    alone = {name: value for name, value in os.environ.items() if name != "MENTRA_TEST_POSTGRES"}
    with subprocess.Popen(
        [WITH_POSTGRES, "cat"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=alone
    ) as keeper:
        told = keeper.stderr.readline()
        try:
            started = re.search(r"started .* in (\S+)", told)
            if started is None:
                pytest.skip(told)
            yield Server(started[1])
        finally:
            keeper.communicate()


@pytest.fixture
def address(server):
    return f"{server.address}_{os.urandom(6).hex()}"


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_decision_outlives_a_restart_of_the_server(server, address, mode):
    """The writer hangs, a person says yes, the server goes down and comes again."""
    answers = []
    with Process("write", address) as writer:
        writer.until_asked()
        writer.process.send_signal(signal.SIGSTOP)
        person = threading.Thread(
            target=lambda: answers.append(
                petition(address, ALLOW, SystemClock(), by="ann", wait_s=60)
            )
        )
        person.start()
        until(lambda: left_in(address) == [".petition"])
        server.restart(mode)
        assert left_in(address) == [".petition"]
        writer.process.send_signal(signal.SIGCONT)
        person.join()
        writer.finish()

    assert [one.is_accepted for one in answers] == [True]
    assert len(events_in(address, e.PermissionResolved)) == 1
    assert [one.content for one in events_in(address, e.ToolCallFinished)] == ["paid 5"]
    assert left_in(address) == []


def test_a_person_is_told_that_the_server_is_down_and_the_writer_goes_on_after_it(server, address):
    """Nothing was asked; when the server is there again, the same command does it."""
    with Process("write", address) as writer:
        writer.until_asked()
        server.stop()
        try:
            code, refused = mentra(address, "approve", "lead/1.0")
        finally:
            server.restart("fast")  # with the options that it had
        assert (code, refused["error"]) == (1, "ConnectionLost")
        code, told = mentra(address, "approve", "lead/1.0", "--wait", "30")
        assert (code, told["state"]) == (0, "recorded")
        writer.finish()

    assert [one.content for one in events_in(address, e.ToolCallFinished)] == ["paid 5"]


def test_what_others_know_of_a_writer_is_known_again_after_a_restart(server, address):
    """Locks end with the server; who takes petitions takes its own again, unasked."""
    with Process("write", address) as writer:
        writer.until_asked()
        server.restart("immediate")
        with closing(open_box(address, None)) as box:
            until(box.is_attended)
        assert mentra(address, "approve", "lead/1.0", "--wait", "30")[0] == 0
        writer.finish()

"""Commands on this machine: what they see, what is kept of them, and that nothing stays."""

import gc
import os
import signal
import subprocess
import sys
from asyncio.base_subprocess import BaseSubprocessTransport

import anyio
import pytest

from mentra_actors.tools.executors import kept_command
from mentra_actors.tools.executors.local import LocalExecutor
from mentra_actors.tools.executors.process_names import (
    ask_to_end,
    end_of,
    is_running,
    process_name_of,
)
from mentra_actors.tools.tool_errors import ToolError

pytestmark = pytest.mark.anyio


def ignore(_name, _piece):
    """Nobody looks at the output while it comes."""


async def all_gone(napping):
    """Wait for processes that are no children of ours: the system tells nobody of their end."""
    with anyio.fail_after(10):
        while napping():  # noqa: ASYNC110
            await anyio.sleep(0.01)


async def too_late(local, command, first, **options):
    """What becomes of a command whose time is over after it has said its first word."""
    for timeout_s in (0.3, 3.0, 30.0):  # on a busy machine a shell takes its time to begin
        output = await local(command, timeout_s=timeout_s, **options)
        if output.stdout.text.startswith(first):
            break
    return output


async def test_both_streams_and_the_exit_code_are_told(local):
    output = await local("echo out; echo err >&2; exit 3")

    assert (output.stdout.text, output.stderr.text, output.exit_code) == ("out\n", "err\n", 3)
    assert not output.timed_out
    assert not output.is_success


async def test_a_command_has_the_variables_of_the_request_and_no_other(local, monkeypatch):
    """EX2: also none that Python adds for itself, and none of ours."""
    monkeypatch.setenv("CANARY", "secret")
    seen = await local("tr '\\0' '\\n' </proc/self/environ", env={"PATH": "/usr/bin", "A": "1"})

    assert sorted(seen.stdout.text.split()) == ["A=1", "PATH=/usr/bin", *_shell_variables()]


def _shell_variables():
    """What /bin/sh itself gives to those it starts."""
    found = subprocess.run(
        ["/bin/sh", "-c", "/usr/bin/env"], env={}, capture_output=True, text=True, check=True
    )
    names = {line.partition("=")[0] for line in found.stdout.splitlines()} - {"_"}
    return sorted(f"{name}={os.getcwd()}" for name in names if name != "PWD")


async def test_a_command_reads_nothing_and_starts_where_it_is_told(local, tmp_path):
    output = await local("cat; pwd")

    assert output.stdout.text == f"{tmp_path}\n"


async def test_the_streams_are_cut_each_for_itself(local):
    """EX1: a long one takes no room from the other."""
    output = await local("seq 1 100000; echo short >&2", max_output_bytes=100)

    assert output.stdout.is_truncated
    assert len(output.stdout.head) + len(output.stdout.tail) == 100
    assert output.stdout.text.endswith("99999\n100000\n")
    assert output.stderr.text == "short\n"


async def test_output_is_told_while_the_command_runs(local, tmp_path):
    """The command goes on only when its first line was seen."""
    go_on = tmp_path / "go-on"

    def on_output(name, piece):
        if (name, piece) == ("stdout", b"first\n"):
            go_on.touch()

    command = f"echo first; until [ -e {go_on} ]; do sleep 0.01; done; echo second"
    output = await local(command, on_output=on_output)

    assert output.stdout.text == "first\nsecond\n"


async def test_a_command_whose_time_is_over_is_ended(local, napping):
    """EX3: with all that belongs to it, also what does not want to end."""
    command = "trap '' TERM; echo begun; NAP & setsid NAP & NAP"
    output = await too_late(local, command, "begun")

    assert (output.timed_out, output.exit_code, output.stdout.text) == (True, 124, "begun\n")
    assert napping() == []


async def test_a_command_may_tidy_up_when_its_time_is_over(local):
    command = "trap 'echo tidy; exit 9' TERM; echo a; sleep 600 & wait"
    output = await too_late(local, command, "a", grace_s=60)

    assert (output.stdout.text, output.exit_code) == ("a\ntidy\n", 124)


async def test_a_signal_that_ends_a_command_is_in_its_exit_code(local):
    assert (await local("kill -9 $$")).exit_code == 128 + signal.SIGKILL


async def test_cancelling_the_wait_ends_the_command(local, napping):
    with anyio.move_on_after(0.3):
        await local("setsid NAP & NAP")

    assert napping() == []


@pytest.mark.parametrize(
    "command",
    [
        "NAP &",
        "nohup NAP >/dev/null 2>&1 &",
        "setsid NAP &",
        "env -i setsid -f NAP",
        "(setsid sh -c 'sh -c \"NAP & disown\" & NAP' &) & exit 0",
        "trap '' TERM; setsid NAP & kill -9 $PPID; NAP",
        "setsid NAP & exec sleep 0",
    ],
)
async def test_what_a_command_leaves_behind_does_not_hold_the_call_and_is_ended(
    local, napping, command
):
    """It holds the pipe open, has left the session or the environment, or lost its parent."""
    with anyio.fail_after(20):
        await local(command)

    assert napping() == []


async def test_a_thousand_new_processes_are_ended(local, napping):
    """Each makes the next one and ends; half of them leave the session."""
    step = "n=$(($1 + 1)); [ $n -gt 400 ] && exec NAP; "
    step += '[ $((n % 2)) = 0 ] && exec setsid sh "$0" $n; sh "$0" $n & NAP'
    output = await local(f"echo '{step}' >step; sh step 0", timeout_s=1.0)

    assert output.timed_out
    assert napping() == []


async def test_a_command_runs_without_anybody_waiting(request_of, napping):
    """Its name says it beyond doubt, and by its name another process of ours can end it."""
    running = await LocalExecutor().start(request_of("NAP & NAP"), ignore)
    assert is_running(running.process)
    assert running.process == process_name_of(running.process.pid)

    ask_to_end(running.process)
    output = await running.wait()

    assert output.exit_code == 128 + signal.SIGTERM
    assert not is_running(running.process)
    assert napping() == []


def test_the_end_of_a_command_is_known_before_the_loop_ends(request_of, monkeypatch):
    """The system tells of it late; what was open for the process is let go of all the same."""
    ordinary = BaseSubprocessTransport._process_exited

    def late(transport, code):
        transport._loop.call_later(0.2, ordinary, transport, code)

    async def main():
        running = await LocalExecutor().start(request_of("true"), ignore)
        await end_of(running.process)

    monkeypatch.setattr(BaseSubprocessTransport, "_process_exited", late)
    anyio.run(main)
    gc.collect()  # what is left open says so, which is an error here


async def test_a_running_command_can_be_stopped(request_of, napping):
    running = await LocalExecutor().start(
        request_of("trap '' TERM; echo a; setsid NAP & NAP"), ignore
    )
    await running.stop(grace_s=0.1)

    assert (await running.wait()).exit_code == 128 + signal.SIGKILL
    assert napping() == []
    await running.stop(grace_s=0.1)


ORPHAN = """
import asyncio, os, sys
sys.path.insert(0, {root!r})
from mentra_actors.tools.executors import kept_command
from mentra_actors.tools.executors.local import LocalExecutor
from mentra_actors.tools.executors.port import CommandRequest

async def main():
    request = CommandRequest(
        command={command!r}, cwd="/", env=dict(PATH=os.environ["PATH"]), timeout_s=None,
        max_output_bytes=100, outlives={outlives},
    )
    running = await LocalExecutor().start(request, lambda _name, _piece: print("on", flush=True))
    await running.wait()

asyncio.run(main())
"""


def _program_with(command, *, outlives):
    text = ORPHAN.format(root=os.getcwd(), command=command, outlives=outlives)
    program = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE)
    assert program.stdout.readline() == b"on\n"
    program.kill()
    program.communicate()


async def test_a_command_ends_when_our_process_is_killed(napping, nap):
    """A crash leaves no command behind: nobody would ever know of it."""
    _program_with(f"echo a; setsid {nap} & {nap}", outlives=False)

    await all_gone(napping)


async def test_a_command_that_is_to_outlive_us_does(napping, nap):
    _program_with(f"echo a; exec {nap}", outlives=True)
    keepers = [process_name_of(pid) for pid in napping()]

    assert len(keepers) == 3, "the keeper, the one between, and the command"
    ask_to_end(min(keepers, key=lambda one: one.pid))
    await all_gone(napping)


STOP_KEEPER = (
    "keeper=$(cut -d' ' -f4 /proc/$PPID/stat); trap '' TERM; NAP & "
    "{once}; while :; do {again}; sleep 0.01; done"
)


@pytest.mark.parametrize(
    "program",
    [
        STOP_KEEPER.format(once="kill -STOP $keeper", again=":"),
        STOP_KEEPER.format(once=":", again="kill -STOP $keeper"),
    ],
    ids=["once", "again and again"],
)
@pytest.mark.parametrize("is_stopped", [True, False], ids=["stopped", "out of time"])
async def test_a_command_that_stops_its_keeper_is_ended(
    request_of, napping, monkeypatch, program, is_stopped
):
    monkeypatch.setattr(kept_command, "_KILL_S", 0.5)
    request = request_of(program, timeout_s=None if is_stopped else 0.5)
    running = await LocalExecutor(grace_s=0.2).start(request, ignore)
    with anyio.fail_after(20):
        while not (napping() and _is_halted(running.process)):  # noqa: ASYNC110
            await anyio.sleep(0.01)
        if is_stopped:
            await running.stop(grace_s=0.2)
        else:
            assert (await running.wait()).timed_out

    assert not is_running(running.process)
    await all_gone(napping)


def _is_halted(process):
    """Whether somebody has stopped it, or it has ended."""
    if not is_running(process):
        return True
    with open(f"/proc/{process.pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "T"


async def test_a_target_is_refused(local):
    """EX4."""
    with pytest.raises(ToolError) as refused:
        await local("true", target="elsewhere")

    assert str(refused.value) == (
        "no executor serves target `elsewhere`; the local executor only runs untargeted commands"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"command": "a\0b"},
        {"command": "true " + "x" * 10_000_000},
        {"command": "true", "cwd": "/no/such/place"},
    ],
)
async def test_a_command_that_cannot_be_started_is_told_to_the_model(local, wrong):
    with pytest.raises(ToolError, match=r"^The command could not be started: "):
        await local(**wrong)

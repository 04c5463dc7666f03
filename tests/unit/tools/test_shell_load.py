"""Commands that print, fork and hang without end: memory stays bounded, and the loop goes on.

`pytest -s` shows the figures. Nothing here fails because a machine is slow.
"""

import os
import time
from pathlib import Path

import anyio
import pytest

from mentra_actors.tools.builtin.shell import shell_tool
from mentra_actors.tools.executors.local import LocalExecutor
from mentra_actors.tools.executors.port import CommandRequest
from mentra_actors.tools.policy import RuntimePolicy
from mentra_actors.tools.workplace import Workplace

pytestmark = [pytest.mark.anyio, pytest.mark.load, pytest.mark.timeout(180)]

LOOK_S = 0.005
MIB = 1024**2


class Watch:
    """Looks again and again how late the loop is, and how much memory the process has."""

    def __init__(self):
        self.late_s = []
        self.begun_with = self.most_memory = _memory_bytes()

    async def __call__(self):
        while True:
            before = time.perf_counter()
            await anyio.sleep(LOOK_S)
            self.late_s.append(time.perf_counter() - before - LOOK_S)
            self.most_memory = max(self.most_memory, _memory_bytes())

    @property
    def growth(self):
        return self.most_memory - self.begun_with

    def told(self, what, took_s):
        late = sorted(self.late_s)
        p99 = late[len(late) * 99 // 100] * 1000
        print(
            f"\n{what}: {took_s:.1f} s, memory +{self.growth / MIB:.1f} MiB, loop late "
            f"p50 {late[len(late) // 2] * 1000:.1f} p99 {p99:.1f} max {late[-1] * 1000:.1f} ms"
        )


def _memory_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.fixture
def watched(tmp_path):
    """Runs commands at once with a local executor; their outputs and what was seen meanwhile."""

    async def run(what, *commands, timeout_s=120.0):
        watch, outputs, begun = Watch(), [], time.perf_counter()

        async def one(command):
            request = CommandRequest(
                command=command,
                cwd=str(tmp_path),
                env={"PATH": os.environ["PATH"]},
                timeout_s=timeout_s,
                max_output_bytes=64 * 1024,
            )
            outputs.append(await LocalExecutor(grace_s=0.5).run(request, _ignore))

        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            async with anyio.create_task_group() as running:
                for command in commands:
                    running.start_soon(one, command)
            group.cancel_scope.cancel()
        watch.told(what, time.perf_counter() - begun)
        return outputs, watch

    return run


def _ignore(_name, _piece):
    """Nobody looks."""


async def test_a_gigabyte_of_output_takes_no_memory(watched):
    [output], watch = await watched("1 GB of output", "head -c 1000000000 /dev/zero")

    assert output.stdout.total_bytes == 1_000_000_000
    assert len(output.stdout.head) + len(output.stdout.tail) == 64 * 1024
    assert watch.growth < 64 * MIB


async def test_a_gigabyte_of_lines_is_shown_in_few_of_them(tmp_path, make_context):
    """Whoever watches wants to see that it goes on, and not ten million lines."""
    shown, watch = [], Watch()
    workplace = Workplace(
        policy=RuntimePolicy(
            allow_shell=True, default_command_timeout_s=120, max_command_timeout_s=120
        ),
        base_dir=tmp_path,
        executors={"": LocalExecutor()},
    )
    context = make_context(workplace=workplace, progress=shown.append)
    begun = time.perf_counter()
    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        command = "yes 'a line of a build that goes on' | head -c 300000000"
        output = await shell_tool().run({"command": command}, context)
        group.cancel_scope.cancel()
    watch.told("300 MB of lines through the tool", time.perf_counter() - begun)

    assert not output.is_error
    assert 1_000 < len(shown) < 20_000
    assert len(output.content) < 80 * 1024
    assert watch.growth < 64 * MIB


async def test_what_never_ends_is_ended(watched):
    [output], watch = await watched("never ends", "yes >/dev/null & yes", timeout_s=1.0)

    assert output.timed_out
    assert watch.growth < 64 * MIB


async def test_two_hundred_children_are_ended(watched):
    """Every other one leaves the session."""
    pause = f"sleep 8000.{os.getpid()}"
    command = (
        f"for n in $(seq 100); do {pause} & setsid {pause} >/dev/null 2>&1 & done; echo begun"
    )
    [output], _ = await watched("200 children", command)

    assert output.stdout.text == "begun\n"
    assert _processes_with(pause.replace(" ", "\0")) == []


async def test_two_hundred_commands_at_once(watched):
    outputs, _ = await watched(
        "200 commands at once", *(f"echo {n}; sleep 0.2" for n in range(200))
    )

    assert {output.stdout.text for output in outputs} == {f"{n}\n" for n in range(200)}
    assert all(output.is_success for output in outputs)


def _processes_with(text):
    found = []
    for place in Path("/proc").iterdir():
        try:
            if place.name.isdecimal() and text.encode() in (place / "cmdline").read_bytes():
                found.append(int(place.name))
        except OSError:
            continue
    return found

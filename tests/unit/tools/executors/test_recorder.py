"""What is kept of commands that outlive us, and that it can be read at any time."""

import errno
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import msgspec
import pytest
from other_processes import until_so

from mentra_actors.tools.executors import recorder
from mentra_actors.tools.executors.local import LocalExecutor
from mentra_actors.tools.executors.process_names import ask_to_end
from mentra_actors.tools.executors.recorder import OutputRecord
from mentra_actors.tools.executors.recording import CommandRecord
from mentra_actors.tools.executors.sandbox import SandboxExecutor, sandbox_fault

pytestmark = pytest.mark.anyio


@pytest.fixture
def place(tmp_path):
    directory = tmp_path / "record"
    directory.mkdir()
    return directory


@pytest.fixture
def start(request_of, place):
    async def begin(command, executor=None, **changes):
        request = request_of(command, record=str(place), outlives=True, timeout_s=None, **changes)
        executor = executor or LocalExecutor()
        return await executor.start(request, lambda _name, _piece: None)

    return begin


def whole(recording):
    return b"".join([*recording.head(7), *recording.tail(7)])


async def test_both_streams_and_the_exit_code_are_kept_in_files(start, place):
    running = await start("echo one; echo two >&2; echo three; exit 3")
    output = await running.wait()
    recording = CommandRecord(place)

    assert whole(recording) == b"one\ntwo\nthree\n"
    assert (recording.exit_code, output.exit_code) == (3, 3)
    assert (output.stdout.text, recording.total_bytes()) == ("", 14)
    assert recording.process is None
    assert recording.is_claimed


async def test_a_sandbox_need_not_show_where_its_output_is_kept(start, place):
    if fault := sandbox_fault():
        pytest.skip(fault)
    here = str(place.parent)
    running = await start(
        "echo in; ls; exit 4", SandboxExecutor(), readable=(here,), hidden=(str(place),)
    )
    await running.wait()
    recording = CommandRecord(place)

    assert recording.exit_code == 4
    assert whole(recording).startswith(b"in\n")


@pytest.mark.parametrize("executor", [LocalExecutor, SandboxExecutor])
def test_executors_of_this_machine_can_record(executor):
    assert executor.records


async def test_a_running_command_can_be_read_and_named(start, place, nap):
    running = await start(f"echo begun; {nap}")
    recording = CommandRecord(place)
    await until_so(lambda: recording.last_bytes(100) == b"begun\n")

    assert recording.process == running.process
    assert recording.exit_code is None
    await running.stop(grace_s=0.1)
    assert recording.exit_code == 128 + signal.SIGTERM


async def test_one_directory_records_one_command(start, place):
    """A second process that takes the job for one that was never started must not run it."""
    await (await start("echo once >> ran")).wait()
    second = await (await start("echo twice >> ran")).wait()

    assert second.exit_code == 127
    assert (place.parent / "ran").read_text() == "once\n"


_PARENT = """
import anyio, msgspec, sys
from mentra_actors.tools.executors.local import LocalExecutor
from mentra_actors.tools.executors.port import CommandRequest

async def main():
    request = msgspec.json.decode(open(sys.argv[1]).read(), type=CommandRequest)
    await LocalExecutor().start(request, lambda _name, _piece: None)
    await anyio.sleep_forever()

anyio.run(main)
"""


@pytest.fixture
def parent(request_of, place, tmp_path):
    """Another process of ours, that has started NAP."""
    asked = tmp_path / "request.json"
    request = request_of("echo begun; NAP", record=str(place), outlives=True, timeout_s=None)
    asked.write_bytes(msgspec.json.encode(request))
    process = subprocess.Popen([sys.executable, "-c", _PARENT, str(asked)])
    yield process
    process.kill()
    process.wait()
    left = CommandRecord(place).process
    if left is not None:
        ask_to_end(left)


async def test_a_command_outlives_us(parent, place, napping):
    """A build goes on when the runtime crashes; whoever comes next reads how it has ended."""
    recording = CommandRecord(place)
    await until_so(lambda: recording.last_bytes(9) and napping())
    process = recording.process
    parent.kill()
    parent.wait()

    assert napping()
    assert recording.process == process
    ask_to_end(process)
    await until_so(lambda: recording.exit_code is not None)
    assert recording.exit_code == 128 + signal.SIGTERM
    await until_so(lambda: not napping())


async def test_a_command_does_not_outlive_its_recorder(parent, place, napping):
    """Nobody could say what becomes of it, so it ends."""
    recording = CommandRecord(place)
    await until_so(lambda: recording.last_bytes(9) and napping())
    os.kill(recording.process.pid, signal.SIGKILL)

    await until_so(lambda: not napping())
    assert recording.exit_code is None


def test_of_a_long_output_the_beginning_and_the_end_are_kept(place):
    record = OutputRecord(str(place), head_bytes=10, tail_bytes=20)
    recording = CommandRecord(place)
    printed = b"".join(b"%03d\n" % number for number in range(100))
    assert record.claim(1)
    for at in range(0, len(printed), 7):
        record.add(printed[at : at + 7])

        kept, so_far = whole(recording), printed[: at + 7]
        left_out = recording.left_out_bytes
        assert kept == so_far[:10] + so_far[10 + left_out :]
        assert recording.total_bytes() == len(so_far)
        assert len(kept) <= 30
        assert left_out == 0 or len(kept) >= 20
        assert so_far.endswith(recording.last_bytes(8))
    record.end(0)

    assert recording.last_bytes(4) == b"099\n"
    assert recording.exit_code == 0


@pytest.fixture
def disk(monkeypatch):
    """Lets as many bytes be added to files as `disk.room` says."""
    write, left = os.write, SimpleNamespace(room=1000)

    def limited(file, content):
        if not left.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = write(file, content[: left.room])
        left.room -= written
        return written

    monkeypatch.setattr("os.write", limited)
    return left


@pytest.mark.parametrize("room", [0, 3, 9, 10, 17, 25, 31, 38])
@pytest.mark.parametrize("again", [1, 6, 100])
def test_a_full_disk_loses_output_and_neither_the_end_nor_the_count(place, disk, room, again):
    """Nobody must take what is kept for the whole, nor a job that ended for one that vanished."""
    record = OutputRecord(str(place), head_bytes=10, tail_bytes=20)
    recording = CommandRecord(place)
    printed = b"".join(b"%03d\n" % number for number in range(40))
    assert record.claim(1)
    disk.room = room
    for count, at in enumerate(range(0, len(printed), 7)):
        disk.room = 1000 if count == again else disk.room
        record.add(printed[at : at + 7])

        kept, so_far = whole(recording), printed[: at + 7]
        head = b"".join(recording.head(7))
        assert kept == head + so_far[len(head) + recording.left_out_bytes :]
        assert recording.total_bytes() == len(so_far)
    record.end(3)

    assert recording.exit_code == 3
    assert recording.left_out_bytes > 0
    assert recording.total_bytes() == len(printed)


@pytest.mark.parametrize("room", [0, 20, 50])
def test_where_there_is_no_room_at_all_nobody_begins(place, disk, room):
    """A start that failed leaves nothing that looks like one."""
    disk.room = room
    with pytest.raises(OSError, match="No space"):
        OutputRecord(str(place)).claim(1)
    assert not CommandRecord(place).is_claimed

    disk.room = 1000
    assert OutputRecord(str(place)).claim(1)
    assert not OutputRecord(str(place)).claim(2)
    assert sorted(os.listdir(place)) == ["exit", "head", "left-out", "process"]


@pytest.mark.slow
async def test_however_much_is_printed_the_files_stay_small(start, place):
    running = await start("head -c 300000000 /dev/zero; echo the end; exit 5")
    await running.wait()
    recording = CommandRecord(place)

    assert recording.total_bytes() == 300_000_008
    assert sum(file.stat().st_size for file in os.scandir(place)) <= (
        recorder.HEAD_BYTES + recorder.TAIL_BYTES + 100
    )
    assert recording.last_bytes(8) == b"the end\n"
    assert recording.exit_code == 5


def test_reading_what_is_not_there_gives_nothing(tmp_path):
    recording = CommandRecord(tmp_path / "gone")

    assert (whole(recording), recording.last_bytes(9), recording.total_bytes()) == (b"", b"", 0)
    assert (recording.process, recording.exit_code, recording.is_claimed) == (None, None, False)

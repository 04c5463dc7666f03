"""Attacks from inside of the sandbox, and that honest work goes on in it."""

import os
import socket
import sys
import threading

import anyio
import pytest

from mentra_actors.errors import ConfigurationError
from mentra_actors.tools.executors.sandbox import SandboxExecutor, sandbox_fault
from mentra_actors.tools.tool_errors import ToolError

FAULT = sandbox_fault()
needs_sandbox = pytest.mark.skipif(bool(FAULT), reason=f"no sandbox here: {FAULT}")
pytestmark = pytest.mark.anyio

CANARY = "canary-4a7b"


@pytest.fixture
def work(tmp_path):
    """The directory in which commands may write, beside secrets and the store."""
    for name in ("work", "work/team.mentra", "work/kept", "home", "home/.ssh", "read"):
        (tmp_path / name).mkdir()
    for name in ("outside", "work/team.mentra/log", "home/.ssh/id", "home/.netrc", "read/book"):
        (tmp_path / name).write_text(CANARY)
    return tmp_path / "work"


@pytest.fixture
def sandboxed(request_of, work, monkeypatch):
    """Runs a command in a sandbox that may write in `work` and read `read`."""
    monkeypatch.setenv("HOME", str(work.parent / "home"))

    async def run(command, **changes):
        values = {
            "cwd": str(work),
            "readable": (str(work), str(work.parent / "read")),
            "writable": (str(work),),
            "hidden": (str(work / "team.mentra"),),
            "protected": (str(work / "kept"),),
            **changes,
        }
        return await SandboxExecutor(grace_s=0.2).run(
            request_of(command, **values), lambda _name, _piece: None
        )

    return run


@needs_sandbox
async def test_honest_work_goes_on(sandboxed, work):
    """Programs run, what is opened can be read and written, and the exit code comes out."""
    output = await sandboxed("cat ../read/book >copy; echo x >/tmp/x; cat /tmp/x; exit 7")

    assert (output.stdout.text, output.stderr.text, output.exit_code) == ("x\n", "", 7)
    assert (work / "copy").read_text() == CANARY


WRITES = [
    "echo x >../outside",
    "echo x >../read/book",
    "echo x >kept/new",
    "echo x >/usr/bin/mentra-canary",
    "echo x >/etc/passwd",
    "echo x >/new-file",
    "ln -s ../outside link && echo x >link",
    "echo x >/proc/self/root/usr/mentra-canary",
    "echo x >/proc/1/root/usr/mentra-canary",
    "cat /proc/sys/kernel/core_pattern >/proc/sys/kernel/core_pattern",
    "echo h >/proc/sysrq-trigger",
    "mount -t tmpfs none /tmp",
    "mount -o remount,rw /usr",
    "umount /usr",
    "unshare -Ur true",
    "unshare -m true",
    "nsenter -t 1 -m true",
    "chroot / true",
    "mknod sda b 8 0",
    "kill -9 $PPID && kill -9 1 && [ ! -e /proc/1 ]",
    "echo x >team.mentra/log",
    "rm -rf team.mentra",
]


@needs_sandbox
@pytest.mark.parametrize("attack", WRITES)
async def test_nothing_outside_is_changed(sandboxed, work, attack):
    before = _files_of(work.parent)
    output = await sandboxed(f"({attack})")

    assert output.exit_code != 0 or "outside" in attack, "its own /tmp may be written"
    after = _files_of(work.parent)
    assert {name: after.get(name) for name in before} == before
    assert not os.path.exists("/usr/mentra-canary")  # noqa: ASYNC240
    assert not os.path.exists("/usr/bin/mentra-canary")  # noqa: ASYNC240


def _files_of(root):
    return {
        str(path): path.read_text()
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


READS = [
    "cat ../outside",
    "cat ../home/.ssh/id",
    "cat team.mentra/log",
    "ls ../home | grep ssh",
    "cat /proc/self/root/{home}/.ssh/id",
    "cat /proc/1/root/{home}/.ssh/id",
    "cat /etc/shadow",
    "cat /proc/1/environ | tr '\\0' '\\n' | grep CANARY",
    "cat /proc/*/environ | tr '\\0' '\\n' | grep CANARY",
    "ls {home}",
    "head -c 1 /dev/sda || head -c 1 /dev/vda || head -c 1 /dev/mem || head -c 1 /proc/kcore",
    "ls -d /proc/{ours}",
    "tr '\\0' ' ' </proc/1/cmdline | grep [s]sh",
]


@needs_sandbox
@pytest.mark.parametrize("attack", READS)
async def test_nothing_outside_is_read(sandboxed, work, monkeypatch, attack):
    """Neither files nor the environment and the ids of our processes."""
    monkeypatch.setenv("CANARY", CANARY)
    command = attack.replace("{home}", str(work.parent / "home"))
    output = await sandboxed(command.replace("{ours}", str(os.getpid())))

    assert output.exit_code != 0
    assert CANARY not in output.stdout.text + output.stderr.text


@needs_sandbox
async def test_secrets_of_the_home_directory_are_hidden_even_where_all_is_shown(sandboxed, work):
    """A policy that lets everything be read means files, and not keys."""
    home = work.parent / "home"
    command = f"cat {home}/.ssh/id {home}/.netrc team.mentra/log; echo x >{work}/new"
    output = await sandboxed(command, readable=("/",), writable=("/",))

    assert CANARY not in output.stdout.text
    assert (work / "new").exists()
    assert (home / ".ssh/id").read_text() == CANARY


MOVES = [
    "mv data d2; mv proj p2; mv b b2; mv home h2",
    "rm -rf proj; mkdir -p proj/.git && echo evil >proj/.git/config",
    "rmdir new; mkdir -p new/.git && echo evil >new/.git/config",
    "ln -s / b2; mv -T b2 b; rm -rf b; ln -s / b",
    "mv build build2; ln -s / build; rm -rf build; ln -s / build",
    "mv inner/deeper i2; mv inner i3; rm -rf inner; ln -s / inner",
]


@needs_sandbox
@pytest.mark.parametrize("attack", MOVES)
async def test_nothing_is_found_under_another_name_by_the_next_command(sandboxed, work, attack):
    """What covers a path is of no use once the path is another one."""
    plan = ("data/team", "proj/.git", "b", "build", "inner/deeper/root", "home/.ssh")
    for name in plan:
        (work / name).mkdir(parents=True)
    for name in ("data/team/log", "proj/.git/config", "home/.ssh/id"):
        (work / name).write_text(CANARY)
    roots = (str(work), str(work / "build"), str(work / "inner/deeper/root"))
    options = {
        "hidden": tuple(str(work / one) for one in ("team.mentra", "data/team", "home/.ssh")),
        "protected": (str(work / "proj/.git"), str(work / "new/.git")),
        "held": (str(work / "b"),),
        "readable": roots,
        "writable": roots,
    }
    await sandboxed(attack, **options)
    seen = await sandboxed(
        "for p in $(find . -type f); do echo $p; cat $p; done; "
        "find . -name config -exec sh -c 'echo evil >$1' - {} ';'; echo x >b/x; echo x >build/x",
        **options,
    )

    assert (work / "proj/.git/config").read_text() == CANARY
    assert not (work / "new/.git/config").exists()
    assert not any((work / name).is_symlink() for name in plan)
    assert not any(one.is_symlink() for one in (work / "inner", work / "inner/deeper"))
    for hidden in ("log", "id"):
        assert f"/{hidden}\n" not in seen.stdout.text
    assert (work / "b/x").exists()
    assert (work / "build/x").exists()


@needs_sandbox
async def test_a_place_to_write_below_a_protected_one_is_protected(sandboxed, work):
    (work / "kept/inner").mkdir()
    roots = (str(work), str(work / "kept/inner"))
    output = await sandboxed("echo x >kept/inner/x", readable=roots, writable=roots)

    assert output.exit_code
    assert not (work / "kept/inner/x").exists()


@needs_sandbox
async def test_what_is_to_be_protected_and_cannot_be_is_told(sandboxed, work):
    """`new` is a file: the command could put a directory in its place."""
    (work / "new").write_text("")
    with pytest.raises(ToolError, match="cannot protect"):
        await sandboxed("rm new; mkdir -p new/.git", protected=(str(work / "new/.git"),))


@pytest.fixture
def server():
    """A server on this machine that says the canary to whoever connects; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        is_over = threading.Event()

        def serve():
            while not is_over.is_set():
                try:
                    connection, _ = listening.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.sendall(CANARY.encode())

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        is_over.set()
        thread.join()


CONNECT = (
    "/usr/bin/python3 -c 'import socket; "
    'print(socket.create_connection(("127.0.0.1", {port}), 2).recv(99).decode())\''
)


@needs_sandbox
async def test_the_network_is_closed_unless_it_is_opened(sandboxed, server):
    closed = await sandboxed(CONNECT.format(port=server))
    opened = await sandboxed(CONNECT.format(port=server), network=True)

    assert CANARY not in closed.stdout.text
    assert opened.stdout.text == f"{CANARY}\n"


@needs_sandbox
async def test_no_name_is_looked_up_and_no_socket_of_the_machine_is_seen(sandboxed):
    output = await sandboxed("getent hosts example.com; ls /run /var/run; cat /proc/net/dev")

    assert "example" not in output.stdout.text
    devices = [line.split()[0] for line in output.stdout.text.splitlines() if ":" in line]
    assert devices == ["lo:"]


SYSTEM_CALLS = """
import ctypes, fcntl, os, sys
libc = ctypes.CDLL(None, use_errno=True)
refused = []
def call(name, *args):
    if getattr(libc, name)(*args) == -1:
        refused.append((name, ctypes.get_errno()))
call("ptrace", 0, 0, 0, 0)
call("unshare", 0x10000000)
call("setns", 0, 0)
call("syscall", {keyctl}, 0, 0)
call("syscall", {bpf}, 0, 0, 0)
call("mount", b"none", b"/tmp", b"tmpfs", 0, None)
print(refused)
"""


@needs_sandbox
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86-64")
async def test_dangerous_system_calls_are_refused(sandboxed, work):
    (work / "calls.py").write_text(SYSTEM_CALLS.format(keyctl=250, bpf=321))
    output = await sandboxed("/usr/bin/python3 calls.py")

    names = ["ptrace", "unshare", "setns", "syscall", "syscall", "mount"]
    assert output.stdout.text == f"{[(name, 1) for name in names]}\n", output.stderr.text


@needs_sandbox
async def test_nothing_is_typed_into_our_terminal(sandboxed, work):
    """TIOCSTI would type commands for the user: there is no terminal to type into."""
    (work / "type.py").write_text(
        "import fcntl, os, termios\n"
        "for name in (0, 1, 2):\n"
        "    try: fcntl.ioctl(name, termios.TIOCSTI, b'x'); print('typed')\n"
        "    except OSError as error: print(error.strerror)\n"
        "print(os.path.exists('/dev/tty') and os.open('/dev/tty', os.O_RDWR))\n"
    )
    output = await sandboxed("/usr/bin/python3 type.py")

    assert "typed" not in output.stdout.text
    assert "No such device or address: '/dev/tty'" in output.stderr.text


@needs_sandbox
async def test_what_multiplies_is_ended_when_the_time_is_over(sandboxed, napping):
    """Each makes two more, and all leave their session."""
    step = 'NAP & sleep 0.1; setsid sh "$0" & setsid sh "$0" & NAP'
    output = await sandboxed(f"echo '{step}' >step; sh step", timeout_s=0.6)

    assert output.timed_out
    assert napping() == []


@needs_sandbox
async def test_killing_the_parent_ends_only_the_command(sandboxed, napping):
    output = await sandboxed(
        "setsid NAP & kill -9 $PPID; kill -9 -1; echo still; NAP", timeout_s=2
    )

    assert not output.is_success
    assert napping() == []


@needs_sandbox
async def test_what_a_command_leaves_behind_is_ended(sandboxed, napping):
    await sandboxed("setsid NAP >/dev/null 2>&1 & NAP & echo started")

    assert napping() == []


@needs_sandbox
async def test_cancelling_the_wait_ends_the_command(sandboxed, napping):
    with anyio.move_on_after(0.5):
        await sandboxed("trap '' TERM; setsid NAP & NAP")

    assert napping() == []


@needs_sandbox
async def test_the_temporary_directory_is_its_own_and_is_gone_afterwards(sandboxed):
    await sandboxed("echo x >/tmp/left")
    output = await sandboxed("ls -A /tmp")

    assert "left" not in output.stdout.text


@needs_sandbox
async def test_a_directory_that_is_not_shown_is_no_place_to_start(sandboxed):
    with pytest.raises(ToolError, match="no root of the policy has it"):
        await sandboxed("true", cwd="/var")


@needs_sandbox
async def test_a_target_is_refused(sandboxed):
    with pytest.raises(ToolError, match="the sandbox executor only runs untargeted commands"):
        await sandboxed("true", target="elsewhere")


def test_a_machine_without_bubblewrap_is_told_so():
    with pytest.raises(ConfigurationError) as fault:
        SandboxExecutor(bwrap="no-such-bwrap")

    assert str(fault.value) == (
        "commands cannot be sandboxed here: "
        "`no-such-bwrap` is not installed (Debian: apt-get install bubblewrap)"
    )


def test_a_bubblewrap_that_does_not_work_here_says_why(tmp_path):
    fake = tmp_path / "bwrap"
    fake.write_text(
        f"#!{sys.executable}\nimport sys\nsys.exit('no permission to make namespaces')"
    )
    fake.chmod(0o755)

    assert sandbox_fault(str(fake)) == (
        "no permission to make namespaces "
        "(it needs bubblewrap 0.8 or later, and user namespaces for this user)"
    )

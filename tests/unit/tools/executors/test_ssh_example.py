"""The example of an executor for another machine, with an `ssh` that only pretends."""

import ast
import importlib.util
import os
import shlex
import sys
from pathlib import Path

import pytest

from mentra_actors import RuntimePolicy
from mentra_actors.tools.workplace import Workplace

pytestmark = pytest.mark.anyio

EXAMPLE = Path(__file__).parents[4] / "examples" / "ssh_target.py"


@pytest.fixture
def executor_class():
    spec = importlib.util.spec_from_file_location("ssh_target", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SshExecutor


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    """A program `ssh` that writes its arguments down and runs the last one with a shell."""
    programs = tmp_path / "programs"
    programs.mkdir()
    told = tmp_path / "told"
    fake = programs / "ssh"
    fake.write_text(
        f"#!{sys.executable}\n"
        "import os, sys\n"
        f"open({str(told)!r}, 'w').write(repr(sys.argv[1:]))\n"
        "os.execv('/bin/sh', ['sh', '-c', ' '.join(sys.argv[sys.argv.index('--') + 1:])])\n"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return told


@pytest.fixture
def workplace(tmp_path, executor_class):
    def make(**policy):
        return Workplace(
            policy=RuntimePolicy(allow_shell=True, **policy),
            base_dir=tmp_path,
            executors={"build-host": executor_class("ci@build")},
        )

    return make


async def test_a_command_goes_through_ssh_as_it_was_given(ssh, workplace, tmp_path, monkeypatch):
    """Quotes and spaces survive two shells, and so does the directory."""
    place = tmp_path / "it's a place"
    place.mkdir()
    command = """printf '%s|' "$PWD" "a  b" 'it'"'"'s' "$(echo "$HERE")"; echo bad >&2; exit 3"""
    monkeypatch.setenv("HERE", "x y")
    output = await workplace(env=("PATH", "HERE")).run_command(
        command, working_directory=place.name, target="build-host"
    )

    assert output.stdout.text == f"{place}|a  b|it's|x y|"
    assert (output.stderr.text, output.exit_code) == ("bad\n", 3)
    *options, there = ast.literal_eval(ssh.read_text())
    assert options == ["-T", "-o", "BatchMode=yes", "ci@build", "--"]
    assert there.startswith(
        f"cd {shlex.quote(str(place))} && exec env 'HERE=x y' timeout 31 sh -c "
    )


async def test_its_time_is_over_here_and_there(ssh, workplace):
    for limit_s in (0.5, 5.0, 50.0):  # on a busy machine the program takes its time to begin
        output = await workplace(default_command_timeout_s=limit_s).run_command(
            "sleep 600", target="build-host"
        )
        if ssh.exists() and ssh.read_text():
            break

    assert output.timed_out
    assert f" timeout {limit_s + 1} sh -c " in ssh.read_text()

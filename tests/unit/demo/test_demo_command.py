"""`mentra demo` as people run it: real processes, a real SIGKILL."""

import json
import os
import shlex
import signal
import subprocess
import sys

import pytest
from forked_python import ForkedPython, run_forked

from mentra_actors import open_runtime_sync
from mentra_actors.cli.main import exit_code_of
from mentra_actors.demo.play import DemoSettings, new_place, play

MENTRA = [sys.executable, "-m", "mentra_actors.cli.main"]


def mentra(*arguments, cwd):
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("MENTRA_", "UV_RUN"))}
    command = [*MENTRA, *(str(one) for one in arguments)]
    return run_forked(
        command, capture_output=True, text=True, cwd=cwd, env=environ, timeout=50, check=False
    )


@pytest.fixture
def project(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("# A project\n\nIt does things: https://example.org\n")
    (tmp_path / "docs/guide one.md").write_text("# Guide\n\nTODO: write it\n")
    (tmp_path / "main.py").write_text("print('hello')  # FIXME\n")
    return tmp_path


@pytest.mark.crash
def test_the_team_survives_its_kill(project, monkeypatch, capsys):
    """The promise of the whole project, on real processes."""
    done = mentra("demo", "--json", cwd=project)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)

    assert shown["finished"]
    assert shown["figures"]["files"] == 3
    assert shown["figures"]["matches"]["TODO"] == {"lines": 1, "files": 1}
    assert {task["status"] for task in shown["tasks"]} == {"completed"}
    assert 0 < shown["kill"]["completed"] < len(shown["tasks"])
    assert shown["kill"]["open_effects"]
    assert shown["recovery"]["recovered"]
    assert shown["notices"] == 1
    monkeypatch.chdir(project)
    program = shlex.split(shown["commands"][0])
    del program[program.index("board") :]
    assert_said(shlex.split(shown["commands"][0]))
    for command in shown["commands"][1:]:
        words = shlex.split(command)
        if words[: len(program)] != program:
            assert_said(words)
            continue
        assert exit_code_of(words[len(program) :]) == 0, command  # in this process: they are many
        out, err = capsys.readouterr()
        assert (err.splitlines()[1:], bool(out)) == ([], True), command


def assert_said(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[1:]) == (0, []), command
    assert done.stdout


def test_without_the_kill_in_a_pipe(project):
    """A log file of the demo reads like a story, without colours and frames."""
    done = mentra("demo", "--no-kill", "--out", "out", cwd=project)

    assert done.returncode == 0, done.stderr
    assert "not a language model" in done.stdout
    assert "task 6 completed: Cross-check the totals (ada)" in done.stdout
    assert "\x1b" not in done.stdout
    assert (project / "out/run-1/report.md").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "openai:gpt-5"], "OPENAI_API_KEY"),
        (["--model", "nobody:x"], "known providers"),
        (["nowhere"], "not a directory"),
        (["--out", "main.py"], "main.py"),
    ],
)
def test_what_must_be_changed_first_is_said_at_once(
    project, arguments, words, monkeypatch, capsys
):
    """No worker is started, and no directory is left behind."""
    monkeypatch.chdir(project)
    for name in [one for one in os.environ if one.startswith("MENTRA_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    assert exit_code_of(["demo", *arguments]) in (1, 2)
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
    assert not (project / "mentra-demo").exists()


def test_a_worker_that_fails_is_heard(project, monkeypatch):
    """Whoever starts the play without a check of the model hears what is missing."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    out = project / "out"
    settings = DemoSettings(root=project, out=out, model="openai:gpt-5")
    result = play(settings, new_place(out), lambda _phase, _watch: None)

    assert not result.finished
    assert "OPENAI_API_KEY" in result.failure


def test_ctrl_c_says_what_is_kept(project):
    """Whoever interrupts must not wonder what is lost, and no worker goes on in the dark."""
    for number in range(60):  # enough to do, so that it is not over before it is interrupted
        (project / f"part-{number}").mkdir()
        (project / f"part-{number}" / "notes.txt").write_text("words\n" * 50)
    command = [*MENTRA, "demo", "--no-kill"]
    with ForkedPython(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=project,
        bufsize=1,
    ) as process:
        for line in process.stdout:
            if line.startswith("task 1 in progress"):
                break
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)

    assert process.returncode == 130
    assert "kept" in said
    store = project / "mentra-demo/run-1/team.mentra"
    with open_runtime_sync(store, create=False) as runtime:  # nobody writes it any more
        assert runtime.team().members

"""The demo in one process: figures that `wc` and `grep` print too, the same report each time."""

import os
import re
import subprocess
from functools import partial

import anyio
import pytest

from mentra_actors.demo.report import CHECKS_HEADING
from mentra_actors.demo.surveyed_files import SurveyRoot
from mentra_actors.demo.team import open_demo


def survey(root, out):
    return anyio.run(partial(open_demo, out / "team.mentra", root, out, durability="volatile"))


@pytest.fixture
def odd_tree(tmp_path):
    """Names and contents that break careless programs."""
    root = tmp_path / "odd 'tree'"
    files = {
        "README.md": b"# Title\n\nSome words about it.\n\n## Use\n",
        "with space.py": b"# TODO one\nx = 1\n",
        "new\nline.py": b"# TODO in a file with a newline in its name",
        "-n.txt": b"FIXME\nTODO and TODO\n",
        "ünïcode/日本.txt": "https://example.org ü\n".encode(),
        "binary.bin": b"\0\1TODO\n\xff\xfe\n\0",
        "empty.txt": b"",
        "UPPER.PY": b"todo\n",
        "a.b/c": b"no suffix, no newline",
        "a/c.py": b"\r\nhttps://a\r\n",
        "[x]*?.md": b"x\n",
        ".hidden/secret.py": b"TODO\n",
        "node_modules/m/index.js": b"TODO\n",
        "sub/__pycache__/x.pyc": b"TODO\n",
        "old.mentra/data.mdb": b"TODO\n",
    }
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    os.symlink(root / "README.md", root / "link.md")
    os.symlink(root, root / "circle")
    os.mkfifo(root / "pipe")
    closed = root / "closed"
    closed.mkdir()
    (closed / "unseen.txt").write_text("TODO\n")
    closed.chmod(0)
    yield root
    closed.chmod(0o700)


def printed_figures(report):
    """Each command at the end of a report, what it should print, and what it prints."""
    section = report.partition(CHECKS_HEADING)[2]
    block = re.search(r"```sh\n(.*?)```", section, re.DOTALL)[1]
    cd, listing, *checks = block.splitlines()
    for check in checks:
        command, _, figure = check.rpartition("  # ")
        script = f"{cd}\n{listing}\n{command}\n"
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
        yield command, int(figure), int(done.stdout)


def wrong_figures(report):
    return [one for one in printed_figures(report) if one[1] != one[2]]


def test_the_figures_are_those_of_wc_and_grep(odd_tree, tmp_path):
    """A report that nobody can check is worth nothing."""
    outcome = survey(odd_tree, tmp_path / "out")
    report = (tmp_path / "out/report.md").read_text()
    figures = {command: figure for command, figure, _ in printed_figures(report)}

    assert outcome.finished
    assert wrong_figures(report) == []
    assert figures["list | tr -cd '\\0' | wc -c"] in (11, 12)  # root may read closed directories
    assert any("grep" in command and figure >= 4 for command, figure in figures.items())


def test_two_runs_write_the_same_bytes(odd_tree, tmp_path):
    """Neither the interleaving nor the clock shows in a report."""
    survey(odd_tree, tmp_path / "out-1")
    survey(odd_tree, tmp_path / "out-2")
    first, second = ((tmp_path / out / "report.md").read_bytes() for out in ("out-1", "out-2"))

    assert first == second


def test_the_own_output_is_not_surveyed(odd_tree):
    """With the output inside of the directory the second run counts what the first did."""
    for out in ("mentra demo/run-1", "mentra demo/run-2"):
        anyio.run(
            partial(
                open_demo,
                odd_tree / out / "team.mentra",
                odd_tree,
                odd_tree / out,
                left_out=[odd_tree / "mentra demo"],
                durability="volatile",
            )
        )
    first, second = (
        (odd_tree / "mentra demo" / run / "report.md").read_text() for run in ("run-1", "run-2")
    )

    assert first == second
    assert wrong_figures(first) == []


@pytest.mark.parametrize("content", [None, b"\0\xff\n\0"], ids=["empty", "only a binary"])
def test_a_bare_directory_gives_a_report(tmp_path, content):
    """The first directory that somebody tries may hold nothing."""
    root = tmp_path / "root"
    root.mkdir()
    if content is not None:
        (root / "blob").write_bytes(content)
    outcome = survey(root, tmp_path / "out")

    assert outcome.finished
    assert wrong_figures((tmp_path / "out/report.md").read_text()) == []


def test_a_finished_survey_stays_as_it_is(odd_tree, tmp_path):
    """Whoever restarts a worker once too often changes nothing."""
    first = survey(odd_tree, tmp_path / "out")
    report = (tmp_path / "out/report.md").read_bytes()
    again = survey(odd_tree, tmp_path / "out")

    assert (again.answer, again.tasks) == (first.answer, first.tasks)
    assert (tmp_path / "out/report.md").read_bytes() == report
    assert (tmp_path / "out/NOTICES.txt").read_text().count("\n") == 1


def test_each_task_has_the_same_owner_every_time(odd_tree, tmp_path):
    """Claims go by kind and number, not by who comes first."""
    owners = [
        [task.owner for task in survey(odd_tree, tmp_path / out).tasks] for out in ("a", "b")
    ]

    assert owners[0] == owners[1] == ["ada", "ada", "grace", "grace", "grace", "ada"]


def test_a_bound_is_said_and_its_listing_is_exact(odd_tree):
    """Twenty thousand files are enough; the command lists the same ones."""
    root = SurveyRoot(odd_tree, max_files=5)
    selection = root.select()
    script = f"list() {{ {root.listing(selection)}; }}\nlist"
    done = subprocess.run(["sh", "-c", script], capture_output=True, cwd=odd_tree, check=False)
    listed = [name.removeprefix(b"./") for name in done.stdout.split(b"\0") if name]

    assert selection.is_bounded
    assert listed == [os.fsencode(file) for file in selection.files]

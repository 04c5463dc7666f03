"""The pages of the tutorial, as a newcomer goes through them: the programs, then the commands."""

import re
import shlex
from pathlib import Path

import pytest

from mentra_actors.cli.main import exit_code_of

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "tutorial").glob("*.md"))
BLOCK = re.compile(r"```(python|sh)\n(.*?)```", re.DOTALL)
ELSEWHERE = ("pip ", "mentra demo", "--model")
"""What has tests of its own, or asks a real model."""


def _commands(page: Path) -> list[list[str]]:
    blocks = [code for kind, code in BLOCK.findall(page.read_text()) if kind == "sh"]
    lines = [line for line in "\n".join(blocks).splitlines() if line.strip()]
    return [
        shlex.split(line, comments=True)
        for line in lines
        if not any(word in line for word in ELSEWHERE)
    ]


def _programs(page: Path) -> str:
    return "\n".join(code for kind, code in BLOCK.findall(page.read_text()) if kind == "python")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_work_after_its_programs(page, tmp_path, monkeypatch, capsys):
    """A command that fails on what the page itself has made costs a newcomer's trust."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MENTRA_STORE", raising=False)
    exec(compile(_programs(page), str(page), "exec"), {"__name__": "__main__"})

    for command, *arguments in _commands(page):
        if command == "export":
            monkeypatch.setenv(*arguments[0].split("=", 1))
            continue
        code = exit_code_of(arguments)
        told = capsys.readouterr()
        assert (command, code) == ("mentra", 0), f"{shlex.join(arguments)}: {told.out}{told.err}"

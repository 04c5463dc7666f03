"""What is imported when: no process pays for what it does not use."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import mentra_actors
import projections
from mentra_actors import testing
from mentra_actors.cli.command_list import COMMANDS

ROOT = Path(__file__).parents[2]
SHOWS_MODULES = "\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
EACH = [mentra_actors, projections, testing]
PACKAGES = pytest.mark.parametrize("package", EACH, ids=lambda one: one.__name__)

PROGRAM = """
from mentra_actors import ScriptedModel, open_runtime_sync, say
with open_runtime_sync(":memory:", providers=[ScriptedModel([say("Hello.")])]) as runtime:
    assert runtime.spawn("lead", model="scripted:x").send("Hello?").text == "Hello."
"""
HELP = """
from mentra_actors.cli.main import exit_code_of
import contextlib, io
with contextlib.redirect_stdout(io.StringIO()):
    assert exit_code_of(["--help"]) == 0
"""
WORLD = {"httpx", "yaml", "pathspec", "jsonschema", "eventsourcing", "websockets", "cryptography"}
PRINTING = {"rich", "typer", "click", "pygments"}
ENGINE = {"anyio", "asyncio", "lmdb", "pykka", "sqlite3", "logging", "projections"}
LATE_PARTS = {
    "mentra_actors.providers.http_provider",
    "mentra_actors.providers.custom",
    "mentra_actors.runtime.views.kept_views",
    "mentra_actors.store.sealing.sealed_opening",
    "mentra_actors.tools.builtin.background",
    "mentra_actors.tools.builtin.files",
    "mentra_actors.tools.builtin.shell",
    "mentra_actors.tools.builtin.skill_front",
    "mentra_actors.tools.shell_review.review",
}


def imported_by(code: str) -> set[str]:
    """The modules that a new process has after it has run this."""
    command = [sys.executable, "-c", code + SHOWS_MODULES]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout))


def listed_for_type_checkers(package: ModuleType) -> dict[str, str]:
    """Name to module, as the package's block `if TYPE_CHECKING` imports it."""
    tree = ast.parse(Path(package.__file__ or "").read_text())
    blocks = [one for one in tree.body if isinstance(one, ast.If)]
    imports = [one for one in ast.walk(blocks[0]) if isinstance(one, ast.ImportFrom)]
    return {alias.name: one.module or "" for one in imports for alias in one.names}


@PACKAGES
def test_every_public_name_is_there_when_it_is_asked_for(package: ModuleType):
    """A name that only type checkers find would fail in the hands of a user."""
    listed = listed_for_type_checkers(package)

    assert set(package.__all__) == set(listed)
    assert set(package.__all__) <= set(dir(package))
    for name, module in listed.items():
        assert getattr(package, name) is getattr(importlib.import_module(module), name)


@PACKAGES
def test_a_name_that_is_not_there_is_refused_as_with_any_module(package: ModuleType):
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'x'"):
        package.x  # noqa: B018


@PACKAGES
def test_importing_a_package_imports_nothing_else(package: ModuleType):
    modules = imported_by(f"import {package.__name__}")

    assert modules & (WORLD | PRINTING | ENGINE - {package.__name__} | {"msgspec"}) == set()
    own = {one for one in modules if one.startswith(("mentra_actors", "projections"))}
    assert own <= {package.__name__, "mentra_actors", "mentra_actors.late_module"}


def test_a_turn_imports_neither_a_client_for_http_nor_what_touches_the_machine():
    modules = imported_by(PROGRAM)

    assert modules & (WORLD | PRINTING | LATE_PARTS) == set()


def test_the_help_imports_no_command():
    modules = imported_by(HELP)

    assert modules & (WORLD | {"rich", "markdown_it", "pydantic"} | ENGINE - {"logging"}) == set()
    assert {one for one in modules if one.startswith("mentra_actors.")} == {
        "mentra_actors.cli",
        "mentra_actors.cli.command_list",
        "mentra_actors.cli.failures",
        "mentra_actors.cli.late_commands",
        "mentra_actors.cli.main",
        "mentra_actors.cli.misuse",
        "mentra_actors.errors",
        "mentra_actors.late_module",
    }


@pytest.mark.parametrize("command", ["agents", "log", "board", "health", "sessions", "usage"])
def test_a_command_that_looks_imports_neither_actors_nor_a_loop(command: str):
    """Who asks how a team is waits for the log, not for an engine that nobody starts."""
    modules = imported_by(f"import mentra_actors.cli.commands.{COMMANDS[command].module}")

    assert (
        modules & (WORLD | {"asyncio", "pykka", "sqlite3", "mentra_actors.runtime.core"}) == set()
    )


def test_talking_with_an_agent_imports_a_client_for_http_only_for_a_login():
    modules = imported_by(
        "import mentra_actors.cli.commands.run_command, mentra_actors.cli.commands.chat_command"
    )

    assert modules & (WORLD - {"pathspec"}) == set()


def test_what_is_late_is_imported_when_it_is_used():
    """The gates above would hold as well if the names were wrong."""
    assert all(importlib.import_module(one) for one in LATE_PARTS)

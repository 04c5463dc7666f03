"""Ten thousand attempts to get out: path tricks, link farms, and somebody who swaps links."""

import os
import random
import sys
import threading
from contextlib import contextmanager, suppress

import msgspec
import pytest

from mentra_actors.tools.builtin.files import file_tools, workspace_file_tools
from mentra_actors.tools.contract import ToolError
from mentra_actors.tools.file_tools.edit_arguments import FileEdit
from mentra_actors.tools.file_tools.operations import FileOperation
from tests.unit.tools.file_worlds import by_name, directory, plant, tree_of, workplace

ATTEMPTS = 10_000 if os.environ.get("MENTRA_CRASH_CAMPAIGN") == "full" else 4_000
RACED = 0.4
"""Part of the attempts that go where links are swapped just then."""
SECRET = "the-secret-of-the-host"
NAMES = [
    "a",
    "b",
    "sub",
    "deep",
    "link",
    "swap",
    "secret.txt",
    "in.txt",
    "hard",
    "outside",
    "root",
]
STEPS = [
    *NAMES,
    *NAMES,
    "..",
    "..",
    ".",
    "",
    "SUB",
    "Outside",
    "...",
    "a\u200b",
    "~",
    "*",
    "n" * 300,
]
PREFIXES = [
    *[""] * 12,
    "/",
    "//",
    "/proc/self/root{place}/",
    "/proc/self/cwd/",
    "/proc/self/fd/0/",
    "/dev/fd/0/",
    "{place}/",
    "{place}/root/",
    "{place}/root/../",
    "{place}/outside/",
    "../",
    "../../../../../../../../../",
]
TARGETS = [
    "..",
    "../..",
    "../outside",
    "{place}/outside",
    "{place}/outside/secret.txt",
    "/proc/self/root{place}/outside",
    "/proc/self/cwd",
    "../root/link",
    "link",
    "sub",
    "a/b",
    "missing",
    "/",
]


def world(place):
    """A root full of links, and the host's files beside it."""
    plant(
        place,
        {
            "outside/secret.txt": SECRET,
            "outside/sub/secret.txt": SECRET,
            "outside/linked": "harmless",
            "root/in.txt": "inside\n",
            "root/sub/secret.txt": "harmless\n",
            "root/sub/deep/in.txt": "inside\n",
            "root/swap/secret.txt": "harmless\n",
            "root/denied/in.txt": "inside\n",
        },
    )
    os.link(place / "outside/linked", place / "root/hard")


@contextmanager
def swapping(place):
    """Somebody swaps directories and files for links that lead out, and back, all the time."""
    is_over, chance = threading.Event(), random.Random(3)

    def swap(name, target):
        kept = place / f"kept-{name.replace('/', '-')}"
        path = place / "root" / name
        with suppress(OSError):
            os.rename(path, kept)
            os.symlink(target, path)
            for _ in range(chance.randrange(20)):
                os.stat(place)
            os.unlink(path)
            os.rename(kept, path)
            for _ in range(chance.randrange(20)):
                os.stat(place)

    def run():
        while not is_over.is_set():
            for name in ("swap", "sub/deep"):
                swap(name, place / "outside")
            swap("in.txt", place / "outside/secret.txt")

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        sys.setswitchinterval(interval)


def path_of(chance, place):
    if chance.random() < RACED:
        return chance.choice(["swap/secret.txt", "swap/new", "sub/deep/secret.txt", "in.txt"])
    steps = chance.choices(STEPS, k=chance.randint(1, 5))
    return chance.choice(PREFIXES).format(place=place) + "/".join(steps)


def farm(chance, place):
    """Some links with random targets; those of before are taken away."""
    for name in ("link", "sub/link", "a", "b", "sub/a"):
        path = place / "root" / name
        with suppress(OSError):
            os.unlink(path)
        with suppress(OSError):
            os.symlink(chance.choice(TARGETS).format(place=place), path)


def attempt(chance, place, tools, context):
    """One call; what it told."""
    path, other = path_of(chance, place), path_of(chance, place)
    kind = chance.choices(
        ["read", "ls", "glob", "write", "edit", "files", "grep"], [30, 10, 8, 25, 10, 16, 0.4]
    )[0]
    arguments = {
        "read": {"path": path},
        "ls": {"path": path, "depth": 3},
        "glob": {"pattern": "**", "path": path},
        "grep": {"pattern": "e", "path": path},
        "write": {"path": path, "content": "written"},
        "edit": {"path": path, "edits": [FileEdit(old_string="harmless", new_string="written")]},
        "files": {"operations": one_change(chance, path, other)},
    }[kind]
    try:
        return str(tools[kind](context, **arguments))
    except ToolError as refused:
        return str(refused)


def one_change(chance, path, other):
    """A list of one operation."""
    operation = chance.choice(
        [
            {"op": "move", "from": path, "to": other},
            {"op": "delete", "path": path},
            {"op": "create", "path": path, "content": "written"},
            {"op": "set", "path": path, "content": "written"},
            {"op": "read", "path": path},
        ]
    )
    return msgspec.convert([operation], list[FileOperation])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_leads_out(seed, make_context):
    """Whatever a model, a hostile repository and a racing process agree on."""
    chance = random.Random(seed)
    with directory() as place:
        world(place)
        outside = tree_of(place / "outside")
        fixed = by_name(file_tools(place / "root", profile="both"))
        roaming = by_name(workspace_file_tools("both"))
        where = workplace(place / "root", denied_write_roots=("denied",))
        contexts = [make_context(), make_context(workplace=where)]
        with swapping(place):
            for number in range(ATTEMPTS // 2):
                if number % 50 == 0:
                    farm(chance, place)
                tools, context = chance.choice([(fixed, contexts[0]), (roaming, contexts[1])])
                told = attempt(chance, place, tools, context)

                assert SECRET not in told
                if number % 500 == 0:
                    assert tree_of(place / "outside") == outside
        assert tree_of(place / "outside") == outside
        left = {path.name for path in place.iterdir()}
        assert {name for name in left if not name.startswith("kept-")} == {"outside", "root"}

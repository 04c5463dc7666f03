"""The pytest plugin in a run of its own, and what its check sees."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mentra_actors.domain.agent.events import RunFinished
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.testing import ToolContract
from mentra_actors.testing.leaks import LeakCheck
from mentra_actors.testing.plugin import pytest_pycollect_makeitem

ROOT = Path(__file__).parents[3]
OWN_TESTS = """
import threading
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore

KEPT = []


def test_leaves_a_thread_and_a_store(tmp_path):
    end = threading.Event()
    KEPT.append(end)
    threading.Thread(target=end.wait, name="forgotten").start()
    KEPT.append(LmdbEventStore.open(tmp_path / "team"))


def test_ends_what_they_left():
    KEPT[0].set()
    KEPT[1].close()
"""

SILENT_STORE = """
import threading
from mentra_actors.testing import EventStoreContract, MemoryEventStore


class Silent(MemoryEventStore):
    def submit(self, request, on_appended):
        pass

    def close(self):
        threading.Event().wait()


class TestSilent(EventStoreContract):
    patience_s = 0.2

    def make_store(self, directory):
        return Silent()
"""


def run_of_its_own(tests, directory, *arguments, settings=""):
    """What pytest says of `tests` in a process that has the plugin and no other."""
    (directory / "test_own.py").write_text(tests)
    (directory / "pytest.ini").write_text(f"[pytest]\n{settings}\n")
    plugins = ["-p", "mentra_actors.testing.plugin", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, str(directory), *arguments]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    run = subprocess.run(
        command, cwd=directory, env=environ, capture_output=True, text=True, check=False
    )
    return run.stdout + run.stderr


def test_the_plugin_names_what_is_left(tmp_path):
    """In a process of its own, as a project has it that turns the check on."""
    told = run_of_its_own(OWN_TESTS, tmp_path, settings="mentra_leak_check = true")

    assert "thread 'forgotten' runs" in told
    assert "the store at " in told
    assert "2 passed, 1 error" in told


def test_a_contract_ends_where_a_store_never_answers(tmp_path):
    """Neither an append without an answer nor a store that will not close keeps the run."""
    told = run_of_its_own(SILENT_STORE, tmp_path, "-k", "positions_have_no_gaps")

    assert "it still waits after 0.2 s" in told
    assert "1 failed" in told
    assert "1 error" in told


def test_a_contract_that_does_not_say_what_it_tests_is_refused(request):
    """Pytest passes over abstract classes, and the run would be green without a test."""

    class TestMyTool(ToolContract):
        arguments = ({"city": "Rome"},)

        def make_tools(self):
            return []

    module = request.node.getparent(pytest.Module)
    with pytest.raises(pytest.Collector.CollectError, match=r"\(ToolContract\) .* make_tool"):
        pytest_pycollect_makeitem(module, "TestMyTool", TestMyTool)
    pytest_pycollect_makeitem(module, "MyTools", TestMyTool)  # a base of those that are tests


def test_a_team_is_opened_for_a_test_and_closed_after_it(
    mentra_runtime, mentra_store, manual_clock
):
    """Each of them may fail, stand still and die, as the test says."""
    mock = mentra_runtime(["Hello."], store=mentra_store, clock=manual_clock)
    mentra_store.die_at(3)
    mock.spawn(prompt="Hello?")
    mentra_store.wait_for_death()
    mock.crash()
    mock.until(RunFinished)

    assert mock.agent().last_answer() == "Hello."
    assert mock.clock is manual_clock


def test_loading_the_plugin_imports_nothing_heavy():
    """Every run of pytest in the environment of a user pays for it."""
    code = (
        "import pytest, sys; before = set(sys.modules); import mentra_actors.testing.plugin; "
        "print(sorted(one for one in set(sys.modules) - before if not one.startswith('_pytest')))"
    )
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    assert run.stdout.strip() == str(
        ["mentra_actors", "mentra_actors.late_module", "mentra_actors.testing"]
        + ["mentra_actors.testing.plugin"]
    )


def test_what_ends_in_time_is_no_leak_and_what_was_there_before_is_none(tmp_path):
    ends = threading.Event()
    older = threading.Thread(target=ends.wait)
    older.start()
    before = LeakCheck()
    brief = threading.Thread(target=lambda: None)
    brief.start()

    assert before.found() == []
    store = LmdbEventStore.open(tmp_path / "team", durability="volatile")
    found = before.found(grace_s=0.0)
    assert f"the store at {tmp_path / 'team'} is open" in found
    assert any(one.startswith("thread 'store ") for one in found)
    store.close()
    ends.set()
    older.join()
    assert before.found() == []


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="children are seen on Linux")
def test_a_child_process_that_runs_is_named():
    before = LeakCheck()
    command, pipe = ["sh", "-c", "echo; read line"], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as child:
        child.stdout.readline()
        found = before.found(grace_s=0.0)
        child.stdin.close()

    assert found == [f"process {child.pid} runs: sh -c echo; read line"]
    assert before.found() == []

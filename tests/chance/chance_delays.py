"""Makes chance systematic: functions, threads and lines of tests are late, as a seed says.

    MENTRA_CHANCE=17 PYTHONPATH=tests/chance pytest -p chance_delays tests/crash

For each test the seed and the name of the test choose some functions of the product, perhaps some
of the tests, and who is late there: all threads, the main one, or all others. Whoever comes to
such a place waits, sometimes, for up to a tenth of a second; three seconds in all. Threads may
begin late, and take turns more often. `sitecustomize`, beside this file, has the processes that
tests start be late as well.

What a seed chooses is the same each time; what the threads make of it is not quite. So a failure
that does not come again at once comes again in some ten runs.
"""

import os
import random
import sys
import threading
import time
from pathlib import Path

__all__ = ["install"]

ROOT = Path(__file__).parents[2]
PURE = ("mentra_actors/codec/", "mentra_actors/domain/", "mentra_actors/providers/")
PRODUCT = tuple(f"{ROOT}/{one}/" for one in ("mentra_actors", "projections"))
NEVER_LATE = tuple(f"{ROOT}/{one}" for one in (*PURE, "tests/chance/", "tests/forked_python.py"))
TESTS = f"{ROOT}/tests/"
SECONDS_OF_A_TEST = 3.0
ORDINARY_INTERVAL = sys.getswitchinterval()
_ordinary_run = threading.Thread.run
_sleep = time.sleep
_is_asked_of = {}
"""Files by name: whether anything in them may be late."""
_plan = None


class Plan:
    """Who is late in one test."""

    def __init__(self, seed, name):
        self.seed = seed
        self.name = name
        self.chance = chance = random.Random(f"{seed}/{name}")
        self.left_s = SECONDS_OF_A_TEST
        self.late_threads = chance.choice((0.0, 0.0, 0.3, 0.9))
        self.latest_thread_s = chance.choice((0.02, 0.3))
        self.share = chance.choice((0.0, 0.01, 0.04, 0.15))
        self.share_of_tests = chance.choice((0.0, 0.0, 0.2))
        self.who = chance.choice(("all", "all", "others", "main"))
        self.interval = chance.choice((ORDINARY_INTERVAL, ORDINARY_INTERVAL, 1e-5))
        self._places = {}

    def begin(self):
        """Let it count from now on, in this process."""
        global _plan  # noqa: PLW0603 - the trace function is one for all threads
        _plan = self
        sys.setswitchinterval(self.interval)

    def place(self, code):
        """How late it is in a function: None, or how often, how long, and whether in each line."""
        key = id(code)
        if key not in self._places:
            self._places[key] = (code, self._chosen(code))  # it must live as long as its id
        return self._places[key][1]

    def _chosen(self, code):
        file = code.co_filename
        chance = random.Random(
            f"{self.seed}/{self.name}/{file.removeprefix(str(ROOT))}/{code.co_name}"
        )
        is_of_tests = file.startswith(TESTS)
        if chance.random() >= (self.share_of_tests if is_of_tests else self.share):
            return None
        if is_of_tests:
            return 0.15, 0.1, True
        often, longest_s = chance.choice((0.1, 0.5, 1.0)), chance.choice((0.002, 0.02, 0.1))
        in_lines = chance.random() < 0.5
        return (often / 2 if in_lines else often), longest_s, in_lines

    def rest(self, often, longest_s):
        """Sleep, perhaps."""
        if self.left_s <= 0 or self.chance.random() >= often or not self._is_late():
            return
        pause_s = self.chance.random() * longest_s
        self.left_s -= pause_s
        _sleep(pause_s)

    def _is_late(self):
        is_main = threading.current_thread() is threading.main_thread()
        return self.who == "all" or is_main == (self.who == "main")


def install():
    """Have all threads of this process be late."""
    threading.Thread.run = _late_run
    threading.settrace(_on_call)
    sys.settrace(_on_call)
    os.register_at_fork(after_in_child=_forget)


def _current_plan():
    """That of the test that runs; in other processes, of the one that has started them."""
    if _plan is None:
        name = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
        Plan(_seed(), f"{name}/{' '.join(sys.argv[1:])}").begin()
    return _plan


def _seed():
    return os.environ.get("MENTRA_CHANCE", "1")


def _forget():
    global _plan  # noqa: PLW0603 - a child has a test of its own
    _plan = None


def _late_run(thread):
    plan = _current_plan()
    plan.rest(plan.late_threads, plan.latest_thread_s)
    _ordinary_run(thread)


def _on_call(frame, event, _argument):
    """Where a function begins, or a coroutine goes on; on each thread."""
    file = frame.f_code.co_filename
    if file not in _is_asked_of:
        is_ours = file.startswith((*PRODUCT, TESTS))
        _is_asked_of[file] = is_ours and not file.startswith(NEVER_LATE)
    if not _is_asked_of[file]:
        return None
    plan = _current_plan()
    place = plan.place(frame.f_code)
    if place is None:
        return None
    often, longest_s, in_lines = place
    if in_lines:
        return _on_line
    plan.rest(often, longest_s)
    return None


def _on_line(frame, event, _argument):
    """Where a line of a chosen function begins, or it returns."""
    plan = _current_plan()
    place = plan.place(frame.f_code)
    if event != "exception" and place is not None:
        plan.rest(*place[:2])
    return _on_line


# --- hooks of pytest ----------------------------------------------------------------------------

try:
    import pytest
except ImportError:  # a process that needs none
    pass
else:

    def pytest_configure(config):
        """Threads are late from now on, the main one in tests only."""
        install()
        sys.settrace(None)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(item, nextitem):
        """Each test has a plan of its own."""
        plan = Plan(_seed(), item.nodeid)
        plan.begin()
        sys.settrace(_on_call)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            sys.setswitchinterval(ORDINARY_INTERVAL)
            plan.left_s = 0.0

    def pytest_terminal_summary(terminalreporter):
        """How to have the same again."""
        terminalreporter.write_line(f"chance: MENTRA_CHANCE={_seed()} (`make chance SEED=…`)")

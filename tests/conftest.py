"""Hypothesis profiles, and the check that no test leaves an actor or a thread behind.

Tests import `local_server`, which stands beside this file.

`HYPOTHESIS_PROFILE` chooses the profile: `dev` (the default), `ci` (the default where CI=true)
or `nightly`. `MENTRA_LOAD=1` runs the tests of load as well.
"""

import gc
import os
import sys
import threading
import time
from pathlib import Path

import pykka
import pytest
import xdist
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))

from own_database import open_own_database

try:
    from compiled_once import compile_once
except ImportError:  # it says when that may be
    compile_once = None

SLOW_DATA = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("dev", max_examples=50, deadline=None, suppress_health_check=SLOW_DATA)
settings.register_profile(
    "ci", max_examples=20, derandomize=True, deadline=None, suppress_health_check=SLOW_DATA
)
settings.register_profile(
    "nightly", max_examples=5000, deadline=None, suppress_health_check=SLOW_DATA
)
_default = "ci" if os.environ.get("CI") == "true" else "dev"
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or _default)

GRACE_S = 20.0


def pytest_xdist_auto_num_workers(config):
    """What `-n auto` means: more than processors, since many tests wait for other processes."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    return processors + (processors + 1) // 2


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session):
    """What workers share is made first; each has its database before a module asks for it."""
    config = session.config
    if xdist.is_xdist_controller(session) and _is_of_all_tests(config):
        compile_once(config)
    if os.environ.get("MENTRA_TEST_POSTGRES") and not xdist.is_xdist_controller(session):
        config.add_cleanup(open_own_database())


def _is_of_all_tests(config):
    everything = config.args_source is config.ArgsSource.TESTPATHS
    return everything and compile_once is not None and not sys.dont_write_bytecode


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What was imported for the tests stays to the end: no search for garbage looks at it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items):
    """Tests of load are for a machine that has nothing else to do."""
    if os.environ.get("MENTRA_LOAD"):
        return
    for item in items:
        if item.get_closest_marker("load"):
            item.add_marker(pytest.mark.skip(reason="a test of load: `make load` runs it"))


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """Fail a test that forgets an actor or a thread; either would keep pytest from exiting."""
    before = set(threading.enumerate())
    yield
    actors = pykka.ActorRegistry.get_all()
    if actors:
        pykka.ActorRegistry.stop_all(timeout=GRACE_S)
    threads = _left_threads(before)

    assert not actors, f"the test left actors running: {actors}"
    assert not threads, f"the test left threads running: {threads}"


def _left_threads(before):
    """Threads that keep the process alive and outlive a short grace for those just ending."""
    until = time.monotonic() + GRACE_S
    while True:
        left = [t for t in threading.enumerate() if t not in before and not t.daemon]
        if not left or time.monotonic() > until:
            return left
        left[0].join(timeout=max(0.0, until - time.monotonic()))

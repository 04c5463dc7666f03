"""Observers are told what was done and refused, all of it, and are in nobody's way."""

import functools
import logging
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from mentra_actors import (
    ConfigurationError,
    Observer,
    RunFailed,
    ScriptedModel,
    ToolError,
    call,
    open_runtime,
    open_runtime_sync,
    tool,
)
from projections.hooks import hook_event as h

WAIT_S = 20


@tool
def look(place: str) -> str:
    """Look at a place."""
    if place == "nowhere":
        raise ToolError("there is no such place")
    return f"{place}: nothing"


LOOK_AND_TELL = [call("look", place="attic"), "Nothing there."]


def opened(turns, *, path=":memory:", **options):
    model = ScriptedModel(turns)
    return open_runtime_sync(
        path, tools=[look], providers=[model], durability="volatile", team_tools=False, **options
    )


def kinds(events):
    return [h.kind_of(event) for event in events]


def test_an_observer_of_a_runtime_sees_all_of_a_run():
    """From the right to write to the last word, in the order of the log, on one other thread."""
    told, threads = [], set()

    def see(event):
        told.append(event)
        threads.add(threading.current_thread())

    with opened(LOOK_AND_TELL, observers=[see]) as runtime:
        runtime.spawn("lead", model="scripted:x").send("Look", timeout_s=WAIT_S)
        live = {id(thread) for thread in threading.enumerate() if "mentra-observer" in thread.name}

    assert kinds(told) == [
        "recovery_prepared",
        "run_started",
        "model_request_started",
        "model_request_finished",
        "model_response_finished",
        "tool_execution_started",
        "tool_execution_finished",
        "model_request_started",
        "model_request_finished",
        "model_response_finished",
        "memory_ingest_started",
        "memory_ingest_finished",
        "run_finished",
    ]
    assert [one.position for one in told] == sorted(one.position for one in told)
    assert told[4].usage.total_tokens > 0
    assert told[6].output_preview == "attic: nothing"
    assert {one.agent_id for one in told[1:]} == {"lead"}
    assert {id(thread) for thread in threads} == live


def test_a_failed_answer_has_no_usage():
    """Meters count what a provider has counted, and nothing else."""
    told = []
    model = ScriptedModel([], name="scripted")
    with (
        open_runtime_sync(":memory:", providers=[model], observers=[told.append]) as runtime,
        pytest.raises(RunFailed),
    ):
        runtime.spawn("lead", model="scripted:x").send("Hi", timeout_s=WAIT_S)

    (answer,) = [one for one in told if isinstance(one, h.ModelResponseFinished)]
    assert (answer.success, answer.usage) == (False, None)
    assert isinstance(told[-1], h.RunAborted)


def test_an_observer_that_raises_breaks_nothing_and_is_counted(caplog):
    """A broken meter is no reason to stop the work."""

    def broken(event):
        raise ValueError(f"cannot count {event.position}")

    with opened(["Hello."]) as runtime, caplog.at_level(logging.CRITICAL):
        observation = runtime.observe(broken)
        reply = runtime.spawn("lead", model="scripted:x").send("Hi", timeout_s=WAIT_S)
        assert observation.wait(timeout_s=WAIT_S)
        (status,) = runtime.observers()

    assert reply.text == "Hello."
    assert (status.name, status.errors, status.lag) == ("broken", 7, 0)
    assert status.last_error == f"ValueError: cannot count {status.position}"
    assert status.is_running


def test_an_observer_that_raises_each_time_fills_no_log(caplog):
    """Once with its traceback; then how many there were, ever more rarely."""

    def broken(event):
        raise ValueError(f"cannot count {event.position}")

    turns = [*([call("look", place="attic")] * 5), "Nothing."]
    with opened(turns) as runtime, caplog.at_level(logging.ERROR):
        observation = runtime.observe(broken)
        runtime.spawn("lead", model="scripted:x").send("Look", timeout_s=WAIT_S)
        assert observation.wait(timeout_s=WAIT_S)
        (status,) = runtime.observers()

    told = [one for one in caplog.records if "observer broken" in one.getMessage()]
    assert status.errors > 20
    assert [bool(one.exc_info) for one in told] == [True, False]
    assert "observer broken has raised 10 times" in told[1].getMessage()


def test_an_observer_may_ask_for_the_end_of_the_run():
    """A guard that sees what nobody may do stops it, and the log says who did."""
    may_finish = threading.Event()

    @tool
    def wait_long() -> str:
        """Take a while."""
        may_finish.wait(WAIT_S)
        return "done"

    def guard(event):
        if isinstance(event, h.ToolExecutionStarted):
            raise PermissionError("no tools today")

    told = []
    model = ScriptedModel([call("wait_long"), "Done."])
    observers = [Observer(guard, may_stop_runs=True), told.append]
    with open_runtime_sync(
        ":memory:", tools=[wait_long], providers=[model], observers=observers
    ) as runtime:
        with pytest.raises(RunFailed, match="no tools today"):
            runtime.spawn("lead", model="scripted:x").send("Go", timeout_s=WAIT_S)
        may_finish.set()

    (aborted,) = [one for one in told if isinstance(one, h.RunAborted)]
    assert aborted.reason == "stopped by observer guard: PermissionError: no tools today"


def test_a_run_that_is_over_is_not_stopped_for_its_past():
    """An observer may be far behind; the run that is open now has done nothing."""
    may_finish = threading.Event()

    @tool
    def wait_long() -> str:
        """Take a while."""
        may_finish.wait(WAIT_S)
        return "done"

    seen = []

    def guard(event):
        if isinstance(event, h.RunStarted):
            seen.append(event)
            if len(seen) == 1:
                raise PermissionError("no")

    model = ScriptedModel(["One.", call("wait_long"), "Two."])
    with open_runtime_sync(":memory:", tools=[wait_long], providers=[model]) as runtime:
        lead = runtime.spawn("lead", model="scripted:x")
        lead.send("Hi", timeout_s=WAIT_S)
        with ThreadPoolExecutor(1) as host:
            reply = host.submit(lead.send, "Again", timeout_s=WAIT_S)
            lead.wait_for_snapshot(lambda one: one.status == "executing_tool", timeout_s=WAIT_S)
            late = runtime.observe(Observer(guard, after=0, may_stop_runs=True))
            assert late.wait(timeout_s=WAIT_S)
            may_finish.set()

            assert reply.result(WAIT_S).text == "Two."
        assert (len(seen), late.status().errors) == (2, 1)


def test_a_slow_observer_loses_nothing_and_nobody_waits_for_it():
    """What it cannot take now it reads later, from the log."""
    told, may_go_on = [], threading.Event()

    def slow(event):
        may_go_on.wait(WAIT_S)
        told.append(event)

    fast = []
    with opened(LOOK_AND_TELL, observers=[slow, fast.append]) as runtime:
        runtime.spawn("lead", model="scripted:x").send("Look", timeout_s=WAIT_S)
        behind = runtime.observers()[0]
        may_go_on.set()

    assert behind.lag > 0
    assert told == fast
    assert kinds(told)[-1] == "run_finished"


def test_the_end_of_a_runtime_waits_until_observers_were_told():
    """What a run has cost must not be lost because its program ends with it."""
    told, is_closing = [], threading.Event()

    def slow(event):
        is_closing.wait(WAIT_S)
        told.append(event)

    @contextmanager
    def last_before_observers_end():
        yield
        is_closing.set()

    with opened(LOOK_AND_TELL, observers=[slow]) as runtime:
        runtime._operations.core.keep_open(last_before_observers_end())
        runtime.spawn("lead", model="scripted:x").send("Look", timeout_s=WAIT_S)

    assert kinds(told)[-1] == "run_finished"


def test_an_observer_begins_now_or_with_the_first_event():
    """History and present are the same log."""
    old, new = [], []
    with opened(["One.", "Two."]) as runtime:
        lead = runtime.spawn("lead", model="scripted:x")
        lead.send("Hi", timeout_s=WAIT_S)
        runtime.observe(new.append)
        runtime.observe(Observer(old.append, after=0))
        lead.send("Again", timeout_s=WAIT_S)

    assert kinds(old).count("run_started") == 2
    assert kinds(new).count("run_started") == 1
    assert old[-len(new) :] == new


def test_an_observer_that_was_removed_hears_nothing_more():
    """Nobody wants to be called after they have left."""
    told = []
    with opened(["One.", "Two."]) as runtime:
        lead = runtime.spawn("lead", model="scripted:x")
        with runtime.observe(told.append) as observation:
            lead.send("Hi", timeout_s=WAIT_S)
            observation.wait(timeout_s=WAIT_S)
        lead.send("Again", timeout_s=WAIT_S)
        assert runtime.observers() == ()

    assert kinds(told).count("run_started") == 1


def test_an_observer_may_remove_itself():
    """The first event of a kind is often all that somebody wants."""
    told = []
    with opened(["One."]) as runtime:

        def once(event):
            told.append(event)
            observation.remove()

        observation = runtime.observe(once)
        runtime.spawn("lead", model="scripted:x").send("Hi", timeout_s=WAIT_S)

    assert kinds(told) == ["run_started"]


def test_an_observer_with_a_name_goes_on_where_it_was(tmp_path):
    """Each event of three lives is told once, also what was recorded while it was away."""
    path, told, all_of_it = tmp_path / "team", [], []
    audit = Observer(told.append, name="audit", after=0)
    again = Observer(told.append, name="audit")
    for observers in ([audit], [], [again, Observer(all_of_it.append, after=0)]):
        with opened(["Hello."] * 9, path=path, observers=observers) as runtime:
            lead = runtime.spawn("lead", model="scripted:x", reuse=True)
            lead.send("Hi", timeout_s=WAIT_S)

    assert kinds(told).count("run_finished") == 3
    assert told == all_of_it


def test_a_place_of_another_log_is_not_gone_on_from(tmp_path, caplog):
    """After a restored backup, the position means something else."""
    told = []
    observers = [Observer(told.append, name="a")]

    def live(name, **options):
        with opened(["Hello."] * 9, path=tmp_path / name, **options) as runtime:
            lead = runtime.spawn("lead", model="scripted:x", reuse=True)
            lead.send("Hi", timeout_s=WAIT_S)

    live("old", observers=observers)
    live("restored")
    shutil.copytree(tmp_path / "old" / "views", tmp_path / "restored" / "views")
    live("restored", observers=observers)

    assert "was kept for another log" in caplog.text
    assert kinds(told).count("recovery_prepared") == 2


def test_two_observers_have_two_names(tmp_path):
    """They would go on from each other's place."""
    named = Observer(print, name="audit")
    with (
        pytest.raises(ConfigurationError, match="named 'audit' already"),
        opened([], path=tmp_path / "t", observers=[named, named]),
    ):
        pass


def test_a_database_keeps_no_place(tmp_path):
    """Better no observer than one that forgets where it was."""
    with (
        pytest.raises(ConfigurationError, match="keeps no views"),
        opened([], path=f"sqlite:{tmp_path / 'a.db'}", observers=[Observer(print, name="a")]),
    ):
        pass


async def _coroutine(_event):
    return None


@pytest.mark.parametrize(
    ("observer", "error", "words"),
    [
        ("print", TypeError, "is a function"),
        (_coroutine, TypeError, "plain function"),
        (Observer(print, after=99), ValueError, "none begins after 99"),
        (Observer(print, name="a b"), ConfigurationError, "no name of an observer"),
    ],
)
def test_what_is_no_observer_is_refused(observer, error, words):
    """At once, and not in a log that nobody reads."""
    with opened([]) as runtime, pytest.raises(error, match=words):
        runtime.observe(observer)


@pytest.mark.anyio
async def test_the_asynchronous_face_has_observers_too():
    """The same, without a thread that waits."""
    told = []
    model = ScriptedModel(["Hello."])
    async with open_runtime(":memory:", providers=[model]) as runtime:
        runtime.observe(functools.partial(told.append))
        lead = await runtime.spawn("lead", model="scripted:x")
        await lead.send("Hi")
        assert [one.name for one in runtime.observers()] == ["partial"]

    assert kinds(told)[-1] == "run_finished"


def test_observers_that_block_are_left_behind_with_a_word(monkeypatch, caplog):
    """They keep a program from ending for some seconds, all together, and it says which."""
    monkeypatch.setattr("mentra_actors.runtime.views.observers._CLOSE_S", 0.01)
    goes_on = threading.Event()
    stuck = [Observer(lambda _event: goes_on.wait(WAIT_S), name=name) for name in ("one", "two")]
    told = []
    with opened(["Hello."], observers=[*stuck, told.append]) as runtime:
        runtime.spawn("lead", model="scripted:x").send("Hello?", timeout_s=WAIT_S)
        runtime.observers()
    goes_on.set()

    said = [one.getMessage() for one in caplog.records if "did not come back" in one.message]
    assert [one.split()[1] for one in said] == ["one", "two"]
    assert "within 0.0 s" in said[1]
    assert all("the next runtime tells it them" in one for one in said)

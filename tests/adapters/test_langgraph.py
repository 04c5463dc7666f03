"""`MentraSaver` does what LangGraph expects of a checkpointer. Skipped without the extra."""

import asyncio
import operator
import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest

pytest.importorskip("langgraph.checkpoint.conformance", reason="needs the extra: make adapters")
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

import mentra_actors as mentra
from mentra_actors.adapters.langgraph import MentraSaver

pytestmark = pytest.mark.filterwarnings("ignore")


def configured(thread="t", **named):
    return {"configurable": {"thread_id": thread, "checkpoint_ns": "", **named}}


# --- their contract ---------------------------------------------------------------------------


@pytest.mark.parametrize("place", [":memory:", "store", "sqlite:file"])
def test_all_cases_of_their_conformance_suite_pass(place, tmp_path, monkeypatch):
    """Base and extended ones; none of their own savers has the extended capabilities."""
    monkeypatch.chdir(tmp_path)

    @checkpointer_test(name=f"MentraSaver {place}")
    async def saver():
        with MentraSaver(place) as one:
            yield one

    report = asyncio.run(validate(saver))

    assert {name: (one.detected, one.failures) for name, one in report.results.items()} == {
        name: (True, []) for name in report.results
    }
    assert report.passed_all()
    assert sum(one.tests_passed for one in report.results.values()) >= 81


def put(saver, config, number, values, changed):
    checkpoint = empty_checkpoint()
    older = saver.get_tuple(config)
    versions = dict.fromkeys(changed, f"{number:06}.0")
    kept = older.checkpoint["channel_versions"] if older else {}
    checkpoint |= {"id": f"{number:06}", "ts": "now", "channel_values": values}
    checkpoint["channel_versions"] = kept | versions
    return saver.put(config, checkpoint, {"source": "loop", "step": number}, versions)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "writes", "fork"]),
        st.integers(0, 5),
        st.lists(st.text(max_size=30), max_size=3),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_it_shows_what_their_saver_in_memory_shows(steps):
    """Their saver is the model: values, metadata, parents and pending writes are the same."""
    theirs = InMemorySaver()
    with MentraSaver(":memory:") as ours:
        config, values = configured(), {"log": [], "other": 0}
        for number, (kind, pick, words) in enumerate(steps, 1):
            if kind == "writes" and "checkpoint_id" in config["configurable"]:
                for saver in (ours, theirs):
                    saver.put_writes(config, [("log", words)] * (pick + 1), f"task-{pick}")
                continue
            if kind == "fork" and (all_ := [*theirs.list(configured())]):
                chosen = all_[pick % len(all_)]
                config, values = chosen.config, dict(chosen.checkpoint["channel_values"])
            values = {"log": [*values.get("log", []), *words], "other": number // 4}
            for saver in (ours, theirs):
                after = put(saver, config, number, values, list(values))
            config = after
        assert shown(ours) == shown(theirs)
        assert ours.get_tuple(configured()) == theirs.get_tuple(configured())


def shown(saver):
    return [
        (one.config, one.checkpoint, one.metadata, one.parent_config, one.pending_writes)
        for one in saver.list(configured())
    ]


# --- graphs -----------------------------------------------------------------------------------


class Talk(TypedDict):
    log: Annotated[list[str], operator.add]
    count: int


def graph_on(saver: Any):
    def speak(state: Talk) -> dict[str, Any]:
        return {"log": [f"said {state['count']} " + "x" * 40], "count": state["count"] + 1}

    def ask(state: Talk) -> dict[str, Any]:
        return {"log": [f"heard {interrupt('what?')}"]} if state["count"] == 2 else {}

    graph = StateGraph(Talk)
    graph.add_node("speak", speak)
    graph.add_node("ask", ask)
    graph.add_edge(START, "speak")
    graph.add_edge("speak", "ask")
    graph.add_edge("ask", END)
    return graph.compile(checkpointer=saver)


def story_of(saver: Any):
    """A conversation with an interrupt, a fork in the past and an edit."""
    graph, config = graph_on(saver), configured()
    graph.invoke({"log": ["hello"], "count": 0}, config)
    graph.invoke({"log": ["again"]}, config)
    graph.invoke(Command(resume="this"), config)
    earlier = list(graph.get_state_history(config))[4]
    forked = graph.update_state(earlier.config, {"log": ["edited"]})
    graph.invoke(None, forked)
    return [
        (one.values, one.next, one.metadata["step"], one.metadata["source"], one.interrupts != ())
        for one in graph.get_state_history(config)
    ]


def test_a_graph_with_an_interrupt_and_a_fork_goes_as_on_their_saver(tmp_path):
    with MentraSaver(tmp_path / "store") as saver:
        ours = story_of(saver)

    assert ours == story_of(InMemorySaver())


def test_a_graph_goes_on_after_a_restart(tmp_path):
    with MentraSaver(tmp_path / "store") as saver:
        graph_on(saver).invoke({"log": ["hello"], "count": 1}, configured())
    with MentraSaver(tmp_path / "store") as saver:
        done = graph_on(saver).invoke(Command(resume="you"), configured())

    assert done["log"][-1] == "heard you"


def test_coroutines_do_the_same(tmp_path):
    async def story():
        async with MentraSaver(tmp_path / "store") as saver:
            graph = graph_on(saver)
            await graph.ainvoke({"log": ["hello"], "count": 0}, configured())
            return [one.values async for one in graph.aget_state_history(configured())]

    assert asyncio.run(story())[0]["log"] == ["hello", "said 0 " + "x" * 40]


def test_delta_channels_survive_a_prune(tmp_path):
    """A naive prune would cut the line of writes that such a channel is made of."""
    delta = pytest.importorskip("langgraph.channels.delta")

    def added(old, new):
        return [*old, *chain.from_iterable(new)]

    class Long(TypedDict):
        log: Annotated[
            list[str], delta.DeltaChannel(lambda old, new: [*old, *chain.from_iterable(new)])
        ]

    def graph(saver):
        made = StateGraph(Long)
        made.add_node("speak", lambda state: {"log": [f"said {len(state['log'])}"]})
        made.add_edge(START, "speak")
        made.add_edge("speak", END)
        return made.compile(checkpointer=saver)

    theirs = InMemorySaver()
    with MentraSaver(tmp_path / "store") as ours:
        for saver in (ours, theirs):
            for number in range(4):
                graph(saver).invoke({"log": [f"turn {number}"]}, configured())
        expected = graph(theirs).get_state(configured()).values
        assert graph(ours).get_state(configured()).values == expected
        ours.copy_thread("t", "copy")
        ours.prune(["t"])
        assert graph(ours).get_state(configured()).values == expected
        assert graph(ours).get_state(configured("copy")).values == expected


# --- ours -------------------------------------------------------------------------------------


def test_many_threads_write_at_once_and_nothing_is_lost(tmp_path):
    with MentraSaver(tmp_path / "store") as saver:
        config = put(saver, configured(), 1, {"log": []}, ["log"])

        def write(number):
            saver.put_writes(config, [("log", number)], f"task-{number:03}")
            put(saver, configured(f"thread-{number % 7}"), number + 2, {"log": [number]}, ["log"])

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, range(70)))
        writes = saver.get_tuple(config).pending_writes
        threads = [len(list(saver.list(configured(f"thread-{one}")))) for one in range(7)]

    assert [value for _, _, value in writes] == list(range(70))
    assert threads == [10] * 7


def test_a_saver_lives_in_the_store_of_a_team(tmp_path):
    model = mentra.ScriptedModel(turns=["ready"], repeat=True)
    with mentra.open_runtime_sync(tmp_path / "team", providers=[model]) as runtime:
        with MentraSaver(runtime) as saver:
            graph_on(saver).invoke({"log": ["hello"], "count": 0}, configured())
        runtime.spawn("lead", model="scripted:words")
    with MentraSaver(tmp_path / "team") as saver:
        assert len(list(saver.list(configured()))) == 4


def test_a_second_process_is_refused_in_words(tmp_path):
    with MentraSaver(tmp_path / "store"):
        code = f"""
            from mentra_actors.adapters.langgraph import MentraSaver
            MentraSaver({str(tmp_path / "store")!r})
        """
        ended = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert "StoreLocked" in ended.stderr


def test_a_prune_of_another_kind_is_refused():
    with MentraSaver(":memory:") as saver, pytest.raises(ValueError, match="keep_latest"):
        saver.prune(["t"], strategy="all")


KILLED = """
import sys
from langgraph.checkpoint.base import empty_checkpoint
from mentra_actors.adapters.langgraph import MentraSaver

saver = MentraSaver(sys.argv[1])
config = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
for number in range(1, 100_000):
    checkpoint = empty_checkpoint()
    checkpoint["id"] = f"{number:06}"
    checkpoint["channel_values"] = {"log": [f"message {one}" for one in range(number)]}
    checkpoint["channel_versions"] = {"log": number}
    config = saver.put(config, checkpoint, {"step": number}, {"log": number})
    saver.put_writes(config, [("log", number)], "task")
    print(number, flush=True)
"""


@pytest.mark.crash
def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path):
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "store")], stdout=subprocess.PIPE, text=True
    ) as process:
        told = [process.stdout.readline() for _ in range(150)]
        os.kill(process.pid, signal.SIGKILL)
        told += process.stdout.readlines()
    last = int(told[-1])

    with MentraSaver(tmp_path / "store") as saver:
        found = {one.metadata["step"]: one for one in saver.list(configured())}

    assert set(range(1, last + 1)) <= found.keys() <= set(range(1, last + 2))
    for number, one in found.items():
        log = [f"message {each}" for each in range(number)]
        assert one.checkpoint["channel_values"] == {"log": log}
        assert one.pending_writes == [("task", "log", number)] or number > last

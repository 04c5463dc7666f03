"""What a request recalls by itself: facts, what was compacted away, and nothing that is seen."""

import logging
import threading

import pytest

from mentra_actors import MemoryOptions, call
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.compaction import SUMMARY_SYSTEM
from mentra_actors.domain.content import UserMessage
from mentra_actors.domain.memory import MemoryRecorded
from mentra_actors.errors import StoreError
from projections.hooks import hook_event as h
from projections.hooks.hook_history import hook_events

pytestmark = pytest.mark.anyio

FACT = "Deploys happen on Fridays."
PATIENT = MemoryOptions(auto_recall_timeout_s=60.0)
"""A busy machine is no reason to find nothing."""


def recalled(request):
    """The recalled words of a request; empty if there are none."""
    last = request.messages[-1]
    is_recall = isinstance(last, UserMessage) and last.text.startswith("<recalled-memory>")
    return last.text if is_recall else ""


def memories_of(team):
    return team.runtime._operations.core.memories


async def test_a_fact_is_told_behind_the_conversation_and_never_stands_in_it(played):
    async with played(["On Fridays.", "Yes."]) as team:
        agent = await team.spawn(memory=PATIENT)
        await agent.memory.pin(FACT)
        await agent.send("When do we deploy?")
        entries = await agent.conversation.history()
        [reply] = team.events(e.ModelReplied)

    assert recalled(team.requests[0]) == (
        "<recalled-memory>\n"
        "[fact rev=1 source=manual_pin why=matched deploys; fact; manual] "
        "Deploys happen on Fridays.\n"
        "</recalled-memory>"
    )
    assert reply.recalled == recalled(team.requests[0])
    assert [one.text for one in entries if isinstance(one, UserMessage)] == ["When do we deploy?"]


async def test_what_was_compacted_away_is_recalled_and_what_is_seen_is_not(played):
    """Else a model would be told twice of what stands in its request."""

    def script(request):
        return '{"goal": "the cellar"}' if request.system == SUMMARY_SYSTEM else "Under the mat."

    async with played(script) as team:
        agent = await team.spawn(memory=PATIENT)
        await agent.send("Where is the key of the cellar?")
        await agent.send("And that of the attic?")
        await agent.conversation.compact()
        await team.runtime.until_idle()
        await agent.send("The key of the cellar?")
        found = await agent.memory.search("cellar")
        assert sorted(one.record.kind for one in found) == ["episode", "episode", "summary"]

    assert recalled(team.requests[0]) == ""
    told = recalled(team.requests[-1])
    assert "[episode rev=" in told
    assert "assistant: Under the mat." in told
    assert "attic" not in told
    assert "[summary" not in told


async def test_a_run_that_was_taken_back_or_left_for_a_branch_is_not_recalled(played):
    async with played(lambda request: request.messages[0].text) as team:
        agent = await team.spawn(memory=PATIENT)
        await agent.send("one cellar")
        await agent.send("two cellar")
        await agent.conversation.move_to(2)
        await agent.memory.pin("Nothing of it.")
        await agent.send("three cellar")
        found = await agent.memory.search("two cellar")

    assert recalled(team.requests[-1]) == ""
    assert found[0].record.record_id == "episode-lead/run-2"


async def test_a_plain_turn_does_not_look_into_the_memory(played, monkeypatch):
    """As long as there is nothing in it that the model does not see."""
    async with played(["One.", "Two.", "Three."]) as team:
        lead, bob = await team.spawn(memory=PATIENT), await team.spawn("bob", memory=PATIENT)
        await bob.memory.pin(FACT)
        looks = []
        index = memories_of(team).index
        monkeypatch.setattr(type(index), "search", lambda *_a, **_k: looks.append(1) or [])
        await lead.send("When do we deploy?")
        await lead.send("And?")
        assert looks == []
        await lead.memory.pin("x", scope="project")
        await bob.send("When do we deploy?")

    assert looks == [1]


@pytest.mark.parametrize(
    "options",
    [
        MemoryOptions(auto_recall_enabled=False),
        MemoryOptions(auto_recall_limit=0),
        MemoryOptions(auto_recall_char_budget=90),
    ],
)
async def test_nothing_is_recalled_where_it_is_not_wanted(played, options):
    async with played(["Ok."]) as team:
        agent = await team.spawn(memory=options)
        await agent.memory.pin(FACT)
        await agent.send("When do we deploy?")

    assert recalled(team.requests[0]) == ""


async def test_a_long_record_is_cut_also_if_it_is_the_first(played):
    """One huge record must not cost more than was allowed for all."""
    async with played(["Ok."]) as team:
        agent = await team.spawn(
            memory=MemoryOptions(auto_recall_char_budget=200, auto_recall_timeout_s=60.0)
        )
        await agent.memory.pin("deploy " * 2000)
        await agent.send("When do we deploy?")

    told = recalled(team.requests[0])
    assert len(told) == 200
    assert told.endswith("deploy […]\n</recalled-memory>") or "[…]\n</recalled-memory>" in told


async def test_the_tasks_of_the_agent_are_looked_for_too(played):
    turns = [[call("task_create", subject="Deploy the shop", owner="lead")], "Made.", "Hm."]
    async with played(turns) as team:
        agent = await team.spawn(memory=PATIENT)
        await agent.send("Go")
        await agent.memory.pin("The shop is deployed by `make shop`.")
        await agent.send("What now?")

    assert "`make shop`" in recalled(team.requests[-1])


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (StoreError("the disk is gone"), "the disk is gone"),
        (TimeoutError(), "not found within 60 s"),
    ],
)
async def test_a_memory_that_fails_is_told_once_and_costs_no_answer(
    played, monkeypatch, caplog, error, problem
):
    async with played(["One.", "Two."]) as team:
        agent = await team.spawn(memory=PATIENT)
        await agent.memory.pin(FACT)

        def fail(*_arguments, **_named):
            raise error

        monkeypatch.setattr(type(memories_of(team).index), "search", fail)
        with caplog.at_level(logging.WARNING):
            await agent.send("When do we deploy?")
            await agent.send("And?")
        replies = team.events(e.ModelReplied)
        told = list(hook_events(team.runtime._operations.core.journal))

    assert [one.recall_problem for one in replies] == [problem] * 2
    assert [recalled(one) for one in team.requests] == ["", ""]
    assert len([one for one in caplog.records if "nothing is recalled" in one.message]) == 1
    finished = [one for one in told if isinstance(one, h.MemorySearchFinished)]
    assert [(one.by, one.success, one.error) for one in finished] == [
        ("recall", False, problem)
    ] * 2


async def test_a_search_that_takes_too_long_is_not_waited_for(played, monkeypatch):
    """It goes on where nobody waits, and what it finds is dropped."""
    done = threading.Event()
    async with played(["One."]) as team:
        agent = await team.spawn(memory=MemoryOptions(auto_recall_timeout_s=0.02))
        await agent.memory.pin(FACT)
        monkeypatch.setattr(
            type(memories_of(team).index), "search", lambda *_a, **_k: done.wait(20) and []
        )
        reply = await agent.send("When do we deploy?")
        done.set()

    assert reply.text == "One."
    assert team.events(e.ModelReplied)[0].recall_problem == "not found within 0.02 s"


async def test_observers_hear_of_searches_and_of_what_is_remembered(played):
    turns = [[call("memory_search", query="deploys")], "On Fridays."]
    async with played(turns) as team:
        agent = await team.spawn(memory=PATIENT)
        await agent.memory.pin(FACT)
        await agent.send("When do we deploy?")
        told = list(hook_events(team.runtime._operations.core.journal))
        assert len(team.events(MemoryRecorded)) == 1
    memory = [one for one in told if type(one).__name__.startswith("Memory")]

    assert [(type(one).__name__, getattr(one, "by", "")) for one in memory] == [
        ("MemorySearchStarted", "recall"),
        ("MemorySearchFinished", "recall"),
        ("MemorySearchStarted", "tool"),
        ("MemorySearchFinished", "tool"),
        ("MemorySearchStarted", "recall"),
        ("MemorySearchFinished", "recall"),
        ("MemoryIngestStarted", ""),
        ("MemoryIngestFinished", ""),
    ]
    assert memory[-1].record_id == "episode-lead/run-1"
    assert memory[1].chars == len(recalled(team.requests[0]))

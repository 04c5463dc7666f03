"""`MentraSession` does what the OpenAI Agents SDK expects of one. Skipped without the extra."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("agents.memory", reason="needs the extra: make adapters")
from agents.memory import Session, SQLiteSession
from hypothesis import given, settings
from hypothesis import strategies as st

from mentra_actors.adapters.openai_agents import MentraSession
from mentra_actors.errors import CommandRejected, StoreClosed

pytestmark = pytest.mark.filterwarnings("ignore")

ROOT = Path(__file__).parents[2]
THEIR_TESTS = sorted(ROOT.glob(".venv-adapters/sdists/openai_agents-*/tests/memory"))
ABOUT_SQLITE = "connection or corrupt or lock or rolls_back or post_commit or closed_rejects"
"""Words of those of their tests that look into the database."""


def item(text):
    return {"role": "user", "content": text}


@pytest.mark.slow
@pytest.mark.skipif(not THEIR_TESTS, reason="their tests are not there: make adapters")
@pytest.mark.timeout(600)
def test_their_own_tests_pass_with_our_session_in_place_of_theirs():
    """All that are about a session, and not about its database."""
    places = [ROOT, Path(__file__).parent, THEIR_TESTS[-1].parents[1]]
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "session_in_place"),
            *("-p", "no:cacheprovider", "-k", f"not ({ABOUT_SQLITE})"),
            *("tests/memory/test_session.py", "tests/memory/test_session_limit.py"),
        ],
        cwd=THEIR_TESTS[-1].parents[1],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout[-4000:]
    assert " passed" in ended.stdout


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(st.text(max_size=9), max_size=4)),
        st.tuples(st.sampled_from(["pop", "pop", "clear"]), st.none()),
        st.tuples(st.just("look"), st.one_of(st.none(), st.integers(-1, 5))),
    ),
    max_size=25,
)


async def told_by(session, steps):
    told = []
    for kind, what in steps:
        match kind:
            case "add":
                await session.add_items([item(text) for text in what])
            case "pop":
                told.append(await session.pop_item())
            case "clear":
                await session.clear_session()
            case "look":
                told.append(await session.get_items(what))
    return [*told, await session.get_items()]


@settings(max_examples=20, deadline=None)
@given(STEPS)
def test_it_tells_what_their_session_tells(steps):
    ours, theirs = MentraSession("s"), SQLiteSession("s")

    assert isinstance(ours, Session)
    assert asyncio.run(told_by(ours, steps)) == asyncio.run(told_by(theirs, steps))
    ours.close()
    theirs.close()


def test_items_are_there_after_a_restart_and_branches_share_them(tmp_path):
    async def story():
        session = MentraSession("trip", tmp_path / "store")
        await session.add_items([item("one"), item("two"), item("three")])
        branch = await session.branch("other trip", items=2)
        await branch.add_items([item("four")])
        await session.pop_item()
        await session.clear_session()
        session.close()
        branch.close()
        again = MentraSession("other trip", tmp_path / "store")
        twice = await again.branch("third trip")
        await twice.pop_item()
        told = [await again.get_items(), await twice.get_items(2), again._holder.held]
        again.close()
        twice.close()
        return told

    items, of_twice, _ = asyncio.run(story())

    assert [one["content"] for one in items] == ["one", "two", "four"]
    assert [one["content"] for one in of_twice] == ["one", "two"]


def test_branches_that_cannot_be_are_refused_in_words():
    async def story():
        session = MentraSession("s")
        await session.add_items([item("one")])
        with pytest.raises(CommandRejected, match="has 1 items, and not 2"):
            await session.branch("t", items=2)
        (await session.branch("t")).close()
        with pytest.raises(CommandRejected, match="has items already"):
            await session.branch("t")
        session.close()
        with pytest.raises(StoreClosed):
            await session.add_items([])

    asyncio.run(story())


def test_of_many_who_pop_each_gets_another_item():
    async def story():
        session = MentraSession("s")
        await session.add_items([item(str(number)) for number in range(12)])
        popped = await asyncio.gather(*(session.pop_item() for _ in range(15)))
        session.close()
        return popped

    popped = [one["content"] for one in asyncio.run(story()) if one]
    assert sorted(popped, key=int) == [str(number) for number in range(12)]

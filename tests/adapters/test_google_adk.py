"""`MentraSessionService` does what the Google ADK expects of one. Skipped without the extra.

The contract is run on their services too: what is asked of ours is what theirs do.
"""

import asyncio
import subprocess
import sys
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

pytest.importorskip("google.adk.sessions", reason="needs the extra: make adapters")
from google.adk.errors import StaleSessionError
from google.adk.errors.already_exists_error import AlreadyExistsError
from google.adk.errors.session_not_found_error import SessionNotFoundError
from google.adk.events.event import Event
from google.adk.events.event_actions import EventActions
from google.adk.sessions import InMemorySessionService
from google.adk.sessions.base_session_service import GetSessionConfig
from google.adk.sessions.sqlite_session_service import SqliteSessionService
from google.genai import types

from mentra_actors.adapters.google_adk import MentraSessionService

pytestmark = pytest.mark.filterwarnings("ignore")

WHO = {"app_name": "app", "user_id": "ann"}


@asynccontextmanager
async def opened(kind, tmp_path):
    if kind == "in memory":
        yield InMemorySessionService()
    elif kind == "sqlite":
        yield SqliteSessionService(str(tmp_path / "sessions.db"))
    else:
        async with MentraSessionService(tmp_path / "store") as service:
            yield service


@pytest.fixture(params=["in memory", "sqlite", "ours"])
def run(request, tmp_path):
    def run_story(story):
        async def whole():
            async with AsyncExitStack() as stack:
                return await story(
                    await stack.enter_async_context(opened(request.param, tmp_path))
                )

        return asyncio.run(whole())

    return run_story


@pytest.fixture
def run_ours(tmp_path):
    async def whole(story):
        async with MentraSessionService(tmp_path / "store") as service:
            return await story(service)

    return lambda story: asyncio.run(whole(story))


def event(number=1.0, **state):
    delta = {name.replace("__", ":"): value for name, value in state.items()}
    return Event(
        invocation_id=f"inv{number}",
        author="user",
        timestamp=number,
        actions=EventActions(state_delta=delta),
    )


def test_a_session_is_got_as_it_was_created_and_then_deleted(run):
    async def story(service):
        made = await service.create_session(**WHO, state={"k": "v", "temp:t": 1})
        got = await service.get_session(**WHO, session_id=made.id)
        await service.delete_session(**WHO, session_id=made.id)
        await service.delete_session(**WHO, session_id="nobody's")
        gone = await service.get_session(**WHO, session_id=made.id)
        again = await service.create_session(**WHO, session_id=made.id)
        return made, got, gone, again

    made, got, gone, again = run(story)
    assert made == got
    assert made.state == {"k": "v"}
    assert gone is None
    assert (again.state, again.events) == ({}, [])


def test_an_id_is_taken_once_and_spaces_do_not_count(run):
    async def story(service):
        made = await service.create_session(**WHO, session_id=" s ")
        with pytest.raises(AlreadyExistsError):
            await service.create_session(**WHO, session_id="s")
        other = await service.create_session(app_name="app", user_id="bob", session_id="s")
        await service.append_event(made, event(2.0, x=1))
        return await service.get_session(**WHO, session_id=" s "), other

    got, other = run(story)
    assert (got.id, len(got.events), other.events) == ("s", 1, [])


def test_state_is_shared_as_its_scope_says(run):
    async def story(service):
        one = await service.create_session(**WHO, session_id="1", state={"app:a": 1, "user:u": 1})
        await service.append_event(one, event(5e9, app__b=2, user__w={"n": 2}, own=3, temp__t=4))
        same = await service.create_session(**WHO, session_id="2")
        other = await service.create_session(app_name="app", user_id="bob", session_id="1")
        alone = await service.create_session(app_name="else", user_id="ann", session_id="1")
        got = await service.get_session(**WHO, session_id="1")
        return one, same.state, other.state, alone.state, got, await service.get_user_state(**WHO)

    one, same, other, alone, got, of_user = run(story)
    assert same == {"app:a": 1, "app:b": 2, "user:u": 1, "user:w": {"n": 2}}
    assert other == {"app:a": 1, "app:b": 2}
    assert alone == {}
    assert got.state == {**same, "own": 3}
    assert one.state == {**same, "own": 3, "temp:t": 4}
    assert "temp:t" not in got.events[0].actions.state_delta
    assert of_user == {"u": 1, "w": {"n": 2}}


@pytest.mark.parametrize(
    ("config", "numbers"),
    [
        (None, [1, 2, 3, 4, 5]),
        (GetSessionConfig(num_recent_events=0), []),
        (GetSessionConfig(num_recent_events=3), [3, 4, 5]),
        (GetSessionConfig(num_recent_events=9), [1, 2, 3, 4, 5]),
        (GetSessionConfig(after_timestamp=4.0), [4, 5]),
        (GetSessionConfig(after_timestamp=50.0), []),
        (GetSessionConfig(after_timestamp=4.0, num_recent_events=3), [4, 5]),
        (GetSessionConfig(after_timestamp=2.0, num_recent_events=1), [5]),
    ],
)
def test_the_events_are_got_that_are_asked_for(run, config, numbers):
    async def story(service):
        session = await service.create_session(**WHO, session_id="s")
        for number in range(1, 6):
            await service.append_event(session, event(float(number)))
        return await service.get_session(**WHO, session_id="s", config=config)

    assert [int(one.timestamp) for one in run(story).events] == numbers


def test_an_event_comes_back_as_it_was(run):
    async def story(service):
        session = await service.create_session(**WHO)
        whole = Event(
            invocation_id="i",
            author="model",
            content=types.Content(
                role="model",
                parts=[
                    types.Part(text="größer"),
                    types.Part.from_bytes(data=b"\x00\xff", mime_type="image/png"),
                ],
            ),
            actions=EventActions(
                artifact_delta={"f": 0}, transfer_to_agent="b", state_delta={"k": [1, None]}
            ),
            long_running_tool_ids={"t"},
            error_code="e",
            interrupted=True,
            custom_metadata={"a": 1},
            timestamp=1700000000.123,
            usage_metadata=types.GenerateContentResponseUsageMetadata(prompt_token_count=1),
        )
        await service.append_event(session, whole)
        await service.append_event(session, Event(author="user", partial=True))
        return session, await service.get_session(**WHO, session_id=session.id)

    session, got = run(story)
    assert got == session
    assert len(got.events) == 1
    assert got.last_update_time == 1700000000.123


def test_sessions_are_listed_the_latest_last_without_events(run):
    async def story(service):
        for user, number, at in (("ann", 1, 9e9), ("bob", 2, 7e9), ("ann", 3, 8e9)):
            session = await service.create_session(
                app_name="app", user_id=user, session_id=str(number), state={"n": number}
            )
            await service.append_event(session, event(at))
        of_ann = await service.list_sessions(**WHO)
        of_all = await service.list_sessions(app_name="app")
        nothing = await service.list_sessions(app_name="ap")
        return of_ann.sessions, of_all.sessions, nothing.sessions

    of_ann, of_all, nothing = run(story)
    assert [one.id for one in of_ann] == ["3", "1"]
    assert [one.id for one in of_all] == ["2", "3", "1"]
    assert [one.state["n"] for one in of_all] == [2, 3, 1]
    assert {len(one.events) for one in of_all} == {0}
    assert nothing == []


def test_an_event_for_a_session_that_is_not_there_is_refused(run):
    async def story(service):
        session = await service.create_session(**WHO)
        await service.delete_session(**WHO, session_id=session.id)
        with pytest.raises((SessionNotFoundError, ValueError)):
            await service.append_event(session, event())

    run(story)


def test_whoever_holds_an_older_session_is_refused(run_ours):
    """Two copies of one version: one append lands, the other one is stale, every time."""

    async def story(service):
        session = await service.create_session(**WHO, session_id="s")
        for number in range(6):
            latest = await service.get_session(**WHO, session_id="s")
            copies = [latest.model_copy(deep=True) for _ in range(2)]
            ended = await asyncio.gather(
                *(
                    service.append_event(one, event(1e10 + number, **{f"k{number}{i}": i}))
                    for i, one in enumerate(copies)
                ),
                return_exceptions=True,
            )
            assert [isinstance(one, StaleSessionError) for one in ended].count(True) == 1
        with pytest.raises(StaleSessionError, match="load it again"):
            await service.append_event(session, event(2e10))
        return await service.get_session(**WHO, session_id="s")

    final = run_ours(story)
    assert len(final.events) == 6
    assert len(final.state) == 6


def test_branches_that_share_a_session_object_are_not_stale(run_ours):
    async def story(service):
        session = await service.create_session(**WHO, session_id="s")
        await asyncio.gather(
            *(service.append_event(session, event(1e10 + number)) for number in range(8))
        )
        session._storage_update_marker = None
        session.last_update_time -= 0.0001
        await service.append_event(session, event(2e10))
        return session, await service.get_session(**WHO, session_id="s")

    session, got = run_ours(story)
    assert {one.id for one in session.events} == {one.id for one in got.events}
    assert len(got.events) == 9


def test_sessions_are_there_after_a_restart(tmp_path):
    async def first():
        async with MentraSessionService(tmp_path / "store") as service:
            session = await service.create_session(**WHO, session_id="a/b" * 120)
            await service.append_event(session, event(1e10, user__u=1))
            return session

    async def second():
        async with MentraSessionService(tmp_path / "store") as service:
            return (await service.list_sessions(**WHO)).sessions, await service.get_session(
                **WHO, session_id="a/b" * 120
            )

    session = asyncio.run(first())
    listed, got = asyncio.run(second())
    assert got == session
    assert [one.id for one in listed] == ["a/b" * 120]


KILLED = """
import asyncio, sys
from google.adk.events.event import Event
from google.adk.events.event_actions import EventActions
from mentra_actors.adapters.google_adk import MentraSessionService

async def main():
    service = MentraSessionService(sys.argv[1])
    session = await service.create_session(app_name="app", user_id="ann", session_id="s")
    for number in range(1, 100_000):
        actions = EventActions(state_delta={"own": number, "app:a": number, "user:u": number})
        event = Event(author="user", timestamp=1e10 + number, actions=actions)
        await service.append_event(session, event)
        print(number, flush=True)

asyncio.run(main())
"""


@pytest.mark.crash
def test_nothing_acknowledged_is_lost_by_kill_9_and_no_scope_is_ahead(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", KILLED, str(tmp_path / "store")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        told = [process.stdout.readline() for _ in range(100)]
        process.kill()
        told += process.stdout.readlines()
    last = int(told[-1])

    async def found():
        async with MentraSessionService(tmp_path / "store") as service:
            return await service.get_session(**WHO, session_id="s")

    session = asyncio.run(found())
    count = len(session.events)
    assert count in {last, last + 1}
    assert session.state == {"own": count, "app:a": count, "user:u": count}

"""What type checkers see of runtimes, agents and sessions, with both faces. Checked, never run."""

from collections.abc import Sequence
from typing import assert_type

import mentra_actors as mentra
from mentra_actors import (
    Agent,
    AgentSnapshot,
    Conversation,
    Reply,
    Runtime,
    ScriptedModel,
    Session,
    StopReason,
    SyncAgent,
    SyncConversation,
    SyncRuntime,
    SyncSession,
    TeamMember,
    TokenUsage,
    open_runtime,
    open_runtime_sync,
)


async def agents() -> None:
    model = ScriptedModel([[mentra.call("count", text="a")], "One.", mentra.say("Two.")])
    async with open_runtime(":memory:", providers=[model], tools=[]) as runtime:
        assert_type(runtime, Runtime)
        agent = await runtime.spawn("lead", model="scripted:x", system="Be short.", reuse=True)
        assert_type(agent, Agent)
        reply = await agent.send("Hello?", deadline_s=60, token_budget=1000)
        assert_type(reply, Reply)
        assert_type(reply.text, str)
        assert_type(reply.usage, TokenUsage)
        assert_type(reply.usage.output_tokens, int)
        assert_type(reply.cost_usd_micros, int | None)
        assert_type(reply.stop_reason, StopReason | None)
        assert_type(agent.conversation, Conversation)
        assert_type(await agent.snapshot(), AgentSnapshot)
        assert_type(await runtime.members.list(), Sequence[TeamMember])


async def streams(agent: Agent) -> str:
    async with agent.stream("Why?") as live:
        async for notice in live:
            print(notice)
        reply = await live.result()
        assert_type(reply, Reply)
    async with agent.events() as feed:
        async for item in feed:
            assert_type(item.cursor, mentra.Cursor | None)
    return reply.text


async def sessions(runtime: Runtime) -> None:
    session = await runtime.sessions.start(model="scripted:x", title="A talk")
    assert_type(session, Session)
    assert_type(await session.append_turn("Hello?"), Reply)
    assert_type(await session.append_turn_to(int, "How many?"), int)
    for match in await runtime.sessions.search("hello"):
        assert_type(match.session.title, str)


def threads() -> None:
    with open_runtime_sync(":memory:", providers=[ScriptedModel(["One."])]) as runtime:
        assert_type(runtime, SyncRuntime)
        agent = runtime.spawn("lead", model="scripted:x")
        assert_type(agent, SyncAgent)
        assert_type(agent.send("Hello?"), Reply)
        assert_type(agent.conversation, SyncConversation)
        assert_type(runtime.sessions.start(model="scripted:x"), SyncSession)
        assert_type(runtime.members.list(), Sequence[TeamMember])


async def wrong_arguments_are_seen(runtime: Runtime, agent: Agent) -> None:
    await runtime.spawn("lead")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await agent.send("Hello?", dead_line=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await agent.send(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with open_runtime_sync(tols=[]):  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        pass


def failures(error: mentra.RunFailed) -> mentra.MentraError:
    return error

"""Our agents at rest: what they take, and how long one needs to be there again.

Requests come as JSON lines on standard input, answers go to standard output:

    {"what": "passivated", "agents": 10000}    each has had a turn, and sleeps
    {"what": "activation", "events": 10000, "has_snapshot": true}

A snapshot is `TAIL` events old, which is half of what it is when the runtime makes the next one.
"""

import asyncio
import gc
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, count, islice
from typing import Any

from benchmarks.harness import median
from benchmarks.peers.team_mentra import AT_ONCE, StreamingModel
from benchmarks.peers.team_turns import own_kb
from mentra_actors import open_runtime
from mentra_actors.actors.state_loading import StateLoader
from mentra_actors.domain.agent.commands import AcceptPrompt, RecordModelReply
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.events import AgentProfile, AgentSpawned, RunFinished
from mentra_actors.domain.content import TextBlock
from mentra_actors.domain.model_call import ModelReply, StopReason, TokenUsage
from mentra_actors.ids import AgentId, CommandId, StreamId, TeamId, agent_stream
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import open_event_store
from mentra_actors.store.ports import AppendRequest, EventStore

TAIL = 50
OPENINGS = 7
BATCH = 1000
QUIET_S = 0.5
AGENT_ID = AgentId("old")
STREAM = agent_stream(AGENT_ID)

_opened = partial(open_runtime, durability="volatile", providers=[StreamingModel()])


async def passivated(agents: int) -> dict[str, float]:
    """What agents that sleep take in memory, and how long a store with them needs to open."""
    with tempfile.TemporaryDirectory(prefix="bench-team-") as store:
        async with _opened(store, passivate_after_s=QUIET_S) as runtime:
            for first in range(0, agents, AT_ONCE):
                names = [f"agent{one}" for one in range(first, min(first + AT_ONCE, agents))]
                team = await asyncio.gather(*(runtime.spawn(n, model="bench:x") for n in names))
                await asyncio.gather(*(agent.send("A message.") for agent in team))
            await asyncio.sleep(4 * QUIET_S)
            gc.collect()
            taken, threads = own_kb(), threading.active_count()
        started = time.perf_counter()
        async with _opened(store) as runtime:
            opening_s = time.perf_counter() - started
            resumed = len(runtime.resumed)
    return {"own_kb": taken, "threads": threads, "opening_s": opening_s, "resumed": resumed}


def history() -> Iterator[Any]:
    """Events of an agent that has turn after turn, without end."""
    return chain.from_iterable(steps())


def steps() -> Iterator[Sequence[Any]]:
    """The same, as they are recorded: what one command comes to is one append."""
    profile = AgentProfile(
        agent_id=AGENT_ID, name="old", team_id=TeamId("main"), role="lead", model="bench:x"
    )
    spawned = AgentSpawned(profile=profile, spawned_at=0.0)
    yield [spawned]
    state = AGENT.fold([spawned])
    reply = ModelReply(
        blocks=(TextBlock(text="An answer of some words."),),
        stop_reason=StopReason.END_TURN,
        usage=TokenUsage(input_tokens=1000, output_tokens=50),
    )
    for number in count(1):
        prompt = AcceptPrompt(prompt_id=CommandId(f"p{number}"), text="A message.", now=1.0)
        answer = partial(RecordModelReply, reply=reply, plans=(), now=2.0)
        for step in (prompt, answer):
            call = state.model_call
            command = step if step is prompt else answer(effect_id=call.effect_id if call else "")
            events = AGENT.decide(command, state)
            state = AGENT.fold(events, state)
            yield events


def write(store: EventStore, events: Sequence[Any]) -> None:
    """Append to the agent's stream."""
    journal = Journal(store)
    for first in range(0, len(events), BATCH):
        part = events[first : first + BATCH]
        append = journal.stream_append(STREAM, part, store.stream_version(STREAM))
        store.append(AppendRequest(streams=(append,)))


async def activation(events: int, *, has_snapshot: bool) -> dict[str, float]:
    """Milliseconds until an agent that was not there answers: the median of several openings."""
    with tempfile.TemporaryDirectory(prefix="bench-team-") as path:
        store = open_event_store(path, durability="volatile")
        told = list(islice(history(), events))
        while not isinstance(told[-1], RunFinished):  # an open run would go on, and be measured
            told.pop()
        write(store, told[:-TAIL])
        if has_snapshot:
            loader = StateLoader(AGENT, store)
            loader.save(STREAM, loader.load(STREAM))
        write(store, told[-TAIL:])
        store.close()
        return {"ms": median([await _first_look(path, STREAM) for _ in range(OPENINGS)])}


async def _first_look(path: str, stream_id: StreamId) -> float:
    async with _opened(path, resume="none") as runtime:
        agent = await runtime.agent(stream_id.removeprefix("agent-"))
        started = time.perf_counter()
        await agent.state()
        return (time.perf_counter() - started) * 1e3


async def main() -> None:
    """Answer requests until standard input ends."""
    work = {"passivated": passivated, "activation": activation}
    for line in iter(sys.stdin.readline, ""):
        asked = json.loads(line)
        print(json.dumps(await work[asked.pop("what")](**asked)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())

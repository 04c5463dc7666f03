"""Decoding of recorded streams, beside the vendors' SDKs and pydantic-ai; time to the first token.

Each side reads the same bytes of the same recordings, in pieces of 1 KiB. *Whole call*: from a
transport of its HTTP library, without a socket: request, events, whole answer; ours is
`HttpProvider`. *Decoded*: the part of that which makes events of bytes. Ours is `decoded_stream`,
which is parser and decoder alone; of a peer it is the whole call less the time in which its HTTP
library hands out the same bytes to nobody. The peers run in environments of their own, and the
sides take turns. The recordings are no part of the project (`MENTRA_FIXTURES` names their
directory); without them streams of the same grammar are made up, and the title says so.

*First token*: a local server process sends one delta, 2,000 times in turn with a bare httpx loop
that reads the same bytes. Ours counts from the call of `stream` to the first delta.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, aclosing
from pathlib import Path
from typing import Any

import httpx
import msgspec

from benchmarks.deltas import server
from benchmarks.harness import (
    Goal,
    at_least,
    at_most,
    median,
    parsed_arguments,
    ratio_spread,
    report,
)
from benchmarks.peers.environments import PeerMissing, PeerProcess
from benchmarks.provider_streams import made_up, recorded_paths
from mentra_actors.domain.content import TextBlock, UserMessage
from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.providers.http.transport import HttpTransport
from mentra_actors.providers.http_provider import HttpProvider
from mentra_actors.providers.port import ReplyFinished, TextDelta
from mentra_actors.providers.presets import ANTHROPIC, GEMINI, GENERIC, OPENAI
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.recorded_streams import decoded_stream

FASTER, OVERHEAD = 3.0, 1.2
CHUNK_BYTES = 1024
WIRES: Mapping[str, tuple[Profile, str, str]] = {
    "Anthropic Messages": (ANTHROPIC, "anthropic", "message_stop"),
    "OpenAI Responses": (OPENAI, "openai_responses", "response.completed"),
    "Gemini": (GEMINI, "gemini", "finishReason"),
}
PEERS = {
    "vendor's SDK": ("decode_vendor_sdks", "vendor-sdks"),
    "pydantic-ai": ("decode_pydantic_ai", "pydantic-ai-models"),
}
REQUEST = ModelRequest(model="gpt-5.4", messages=[UserMessage(text="hi")])
EVENTS = {"content-type": "text/event-stream"}

Reader = Callable[[], Awaitable[int]]


class Pieces(httpx.AsyncByteStream):
    """A body in pieces of one size."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), CHUNK_BYTES):
            yield self._body[start : start + CHUNK_BYTES]


def our_reader(profile: Profile, body: bytes) -> Reader:
    """Reads one stream to its end; gives the characters of its text."""
    client = httpx.AsyncClient(
        transport=httpx.MockTransport(
            lambda _request: httpx.Response(200, headers=EVENTS, stream=Pieces(body))
        )
    )
    provider = HttpProvider(profile, api_key="k", transport=HttpTransport(client), environ={})

    async def read() -> int:
        async with aclosing(provider.stream(REQUEST)) as events:
            async for event in events:
                if isinstance(event, ReplyFinished):
                    blocks = event.reply.blocks
        return sum(len(block.text) for block in blocks if isinstance(block, TextBlock))

    return read


async def our_seconds(profile: Profile, paths: Sequence[Path], rounds: int) -> tuple[float, float]:
    """Seconds to read all streams so often, each read once before: whole calls, and decoding."""
    bodies = [path.read_bytes() for path in paths]
    readers = [our_reader(profile, body) for body in bodies]
    cut = [
        [body[start : start + CHUNK_BYTES] for start in range(0, len(body), CHUNK_BYTES)]
        for body in bodies
    ]
    for read in readers:
        await read()
    started = time.perf_counter()
    for _ in range(rounds):
        for read in readers:
            await read()
    whole = time.perf_counter() - started
    started = time.perf_counter()
    for _ in range(rounds):
        for pieces in cut:
            assert list(decoded_stream(profile, pieces, model="m"))
    return whole, time.perf_counter() - started


def decode_goals(turns: int, rounds: int, folder: Path) -> list[Goal]:
    """Throughput of all sides on each wire."""
    goals: list[Goal] = []
    with ExitStack() as stack:
        processes: dict[str, PeerProcess] = {}
        for name, (program, environment) in PEERS.items():
            try:
                process = PeerProcess(program, environment, folder / f"{program}.txt")
                processes[name] = stack.enter_context(process)
            except PeerMissing as missing:
                print(f"left out: {missing}")
        for title, (profile, directory, end) in WIRES.items():
            paths = recorded_paths(directory, end) or made_up(folder, directory)
            goals += wire_goals(title, profile, paths, processes, turns, rounds)
    return goals


def wire_goals(
    title: str,
    profile: Profile,
    paths: Sequence[Path],
    processes: Mapping[str, PeerProcess],
    turns: int,
    rounds: int,
) -> list[Goal]:
    """One wire: sides in turn, medians."""
    size = sum(path.stat().st_size for path in paths) * rounds
    count = sum(path.read_bytes().count(b"data:") for path in paths) * rounds
    request = {"wire": profile.wire, "paths": [str(path) for path in paths], "rounds": rounds}
    whole: dict[str, list[float]] = {name: [] for name in ("ours", *processes)}
    decoding: dict[str, list[float]] = {name: [] for name in ("ours", *processes)}
    for _ in range(turns):
        for kind, seconds in zip(
            (whole, decoding), asyncio.run(our_seconds(profile, paths, rounds)), strict=True
        ):
            kind["ours"].append(seconds)
        for name, process in processes.items():
            found = process.ask(request)
            whole[name].append(found["seconds"])
            decoding[name].append(max(found["seconds"] - found["bare"], 1e-9))
    return [
        *side_goals(f"{title}, decoded", decoding, size, goal=FASTER),
        Goal(f"{title}, decoded: events", count / median(decoding["ours"]), "events/s"),
        *side_goals(f"{title}, whole call", whole, size, goal=None),
    ]


def side_goals(
    title: str, seconds: Mapping[str, Sequence[float]], size: int, *, goal: float | None
) -> list[Goal]:
    """Throughput of all sides, and ours as a multiple of each."""
    rates = {name: size / median(taken) / 1e6 for name, taken in seconds.items()}
    goals = [Goal(title, rates["ours"], "MB/s", peers=without(rates, "ours"))]
    for name, rate in without(rates, "ours").items():
        said, ratio = f"{title}: ours beside {name}", rates["ours"] / rate
        around = ratio_spread(seconds[name], seconds["ours"])
        if goal is None:
            goals.append(Goal(said, ratio, "x", spread=around))
        else:
            goals.append(at_least(said, ratio, goal, {}, around))
    return goals


def without(rates: Mapping[str, float], name: str) -> dict[str, float]:
    """The others."""
    return {other: rate for other, rate in rates.items() if other != name}


async def first_tokens(url: str, count: int) -> tuple[list[float], list[float]]:
    """Seconds to the first delta: ours, and a bare loop; in turn."""
    provider = HttpProvider(msgspec.structs.replace(GENERIC, base_url=url))
    ours: list[float] = []
    bare: list[float] = []
    async with httpx.AsyncClient(timeout=30) as client:
        for number in range(-50, count):
            mine, plain = await our_first(provider), await bare_first(client, url)
            if number >= 0:
                ours.append(mine)
                bare.append(plain)
    await provider.aclose()
    return ours, bare


async def our_first(provider: HttpProvider) -> float:
    """Until the first delta; then the stream is read to its end."""
    started, taken = time.perf_counter(), 0.0
    async with aclosing(provider.stream(REQUEST)) as events:
        async for event in events:
            if isinstance(event, TextDelta) and not taken:
                taken = time.perf_counter() - started
    return taken


async def bare_first(client: httpx.AsyncClient, url: str) -> float:
    """The same with a loop over lines."""
    started, taken = time.perf_counter(), 0.0
    body = {"model": "m", "stream": True, "input": "hi"}
    async with client.stream("POST", f"{url}/v1/responses", json=body) as response:
        async for line in response.aiter_lines():
            if line.startswith("data: ") and not taken:
                event: dict[str, Any] = json.loads(line[6:])
                if event["type"] == "response.output_text.delta":
                    taken = time.perf_counter() - started
    return taken


def main() -> None:
    """See the module."""
    arguments = parsed_arguments(__doc__ or "")
    turns, rounds, count = (2, 5, 300) if arguments.quick else (7, 20, 2000)
    with tempfile.TemporaryDirectory() as folder:
        goals = decode_goals(turns, rounds, Path(folder))
    with server(2, 0.0) as url:
        ours, bare = asyncio.run(first_tokens(url, count))
    ratio = median(ours) / median(bare)
    peers = {"ours": median(ours) * 1e3, "bare httpx": median(bare) * 1e3}
    goals.append(
        at_most("first token, beside bare httpx", ratio, OVERHEAD, peers, ratio_spread(ours, bare))
    )
    made = "" if recorded_paths("gemini", "finishReason") else " (made-up streams)"
    peers = ("vendor-sdks", "pydantic-ai-models")
    report(f"Streams of providers{made}", goals, as_json=arguments.json, environments=peers)


if __name__ == "__main__":
    main()

"""Recorded traffic of providers: where it is, how it is cut, and what our wires make of it.

The recordings are no part of the project: `MENTRA_FIXTURES` names their directory. Where there
are none, the tests that need them are skipped and say so.
"""

import json
import os
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest

from mentra_actors.domain.content import UserMessage
from mentra_actors.domain.model_call import ModelReply, ModelRequest
from mentra_actors.errors import ProviderError
from mentra_actors.providers.http.transport import HttpTransport
from mentra_actors.providers.http_provider import HttpProvider
from mentra_actors.providers.port import ModelEvent, ReplyFinished
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.recorded_streams import decoded_stream

ROOT = Path(
    os.environ.get("MENTRA_FIXTURES") or Path(__file__).parents[2] / ".." / "shared" / "fixtures"
)
CHUNK_SIZES = (1, 7, 997, 10**9)
_FRAME_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")


def recordings(*directories: str, wire: str, suffix: str) -> list[Any]:
    """Parameters for pytest: the base paths (without suffix) of recordings that have this file."""
    found = [base for base in _bases(directories, wire) if file_of(base, suffix).exists()]
    if not found:
        reason = f"no fixtures at {ROOT}: set MENTRA_FIXTURES to their directory"
        print(reason)
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason), id="absent")]
    return [pytest.param(base, id=f"{base.parent.name}-{base.name}") for base in found]


def _bases(directories: tuple[str, ...], wire: str) -> Iterator[Path]:
    for directory in directories:
        for path in sorted((ROOT / directory).glob("*.meta.json")):
            if json.loads(path.read_bytes())["wire"] == wire:
                yield path.with_name(path.name.removesuffix(".meta.json"))


def file_of(base: Path, suffix: str) -> Path:
    """A file of a recording, like `response.sse`."""
    return base.with_name(f"{base.name}.{suffix}")


def recorded(base: Path, suffix: str) -> Any:
    """A JSON file of a recording, like `expected.json`."""
    return json.loads(file_of(base, suffix).read_bytes())


def named(name: str) -> Path:
    """The base path of one recording (`directory/name`); the test is skipped where it is not."""
    base = ROOT / name
    if not file_of(base, "meta.json").exists():
        reason = f"no fixture {name} at {ROOT}: set MENTRA_FIXTURES"
        print(reason)
        pytest.skip(reason)
    return base


def frame_ends(body: bytes) -> list[int]:
    """Where the frames of an event stream end."""
    return [match.end() for match in _FRAME_END.finditer(body)]


class Chunks(httpx.AsyncByteStream):
    """A body that arrives in pieces of one size."""

    def __init__(self, body: bytes, size: int) -> None:
        self._body = body
        self._size = size

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces."""
        for start in range(0, len(self._body), self._size):
            yield self._body[start : start + self._size]


def decoded(
    profile: Profile, pieces: Iterable[bytes], request: ModelRequest | None = None
) -> tuple[list[ModelEvent], ProviderError | None]:
    """What the wire of a profile makes of a recorded stream, and the error that ended it."""
    events: list[ModelEvent] = []
    model = request.model if request else "asked"
    try:
        events.extend(decoded_stream(profile, pieces, model=model))
    except ProviderError as error:
        return events, error
    return events, None


async def play(
    profile: Profile,
    body: bytes,
    size: int,
    meta: Mapping[str, Any],
    request: ModelRequest | None = None,
) -> tuple[list[ModelEvent], ProviderError | None]:
    """What the provider of a profile makes of a recorded answer, and the error that ended it.

    A body that comes byte by byte is read without a connection, which would add minutes.
    """
    is_stream = "event-stream" in meta["response_headers"].get("content-type", "")
    if size == 1 and is_stream and meta["status"] == HTTPStatus.OK:
        return decoded(profile, [body[at : at + 1] for at in range(len(body))], request)

    def answer(_: httpx.Request) -> httpx.Response:
        headers = meta["response_headers"]
        return httpx.Response(meta["status"], headers=headers, stream=Chunks(body, size))

    events: list[ModelEvent] = []
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        provider = HttpProvider(
            profile, api_key="key", transport=HttpTransport(client), environ={}
        )
        request = request or ModelRequest(model="asked", messages=[UserMessage(text="hi")])
        try:
            async with aclosing(provider.stream(request)) as stream:
                async for event in stream:
                    events.append(event)
        except ProviderError as error:
            return events, error
    return events, None


async def played(profile: Profile, name: str, model: str = "asked") -> ModelReply:
    """The answer of one recording (`directory/name`); the test is skipped where it is not."""
    base = named(name)
    body, meta = file_of(base, "response.sse").read_bytes(), recorded(base, "meta.json")
    request = ModelRequest(model=model, messages=[UserMessage(text="hi")])
    events, error = await play(profile, body, 997, meta, request)
    assert error is None
    return reply_of(events)


async def reply_at(profile: Profile, base_url: str) -> ModelReply:
    """What the provider of a profile makes of a server on this machine."""
    provider = HttpProvider(profile, api_key="key", base_url=base_url, environ={})
    request = ModelRequest(model="asked", messages=[UserMessage(text="hi")])
    try:
        async with aclosing(provider.stream(request)) as stream:
            return reply_of([event async for event in stream])
    finally:
        await provider.aclose()


def reply_of(events: list[ModelEvent]) -> ModelReply:
    """The whole answer; there is exactly one, and it is the last event."""
    finished = [event for event in events if isinstance(event, ReplyFinished)]
    assert len(finished) == 1
    assert events[-1] is finished[0]
    return finished[0].reply


def require_malformed_when_cut(
    profile: Profile,
    base: Path,
    is_whole: Callable[[bytes], bool],
    request: ModelRequest | None = None,
) -> None:
    """Cut at each frame boundary and within frames: half an answer must never count as one.

    `is_whole` says of a part of the body whether the answer in it has ended.
    """
    body = file_of(base, "response.sse").read_bytes()
    cuts = [0, *frame_ends(body)]
    inner = [cut + more for cut in cuts[-3:] for more in (20, 60)]
    for cut in [*cuts, *inner]:
        part = body[:cut]
        if is_whole(part):
            continue
        events, error = decoded(profile, [part], request)
        assert error is not None, cut
        assert error.kind == "malformed_stream", cut
        assert not any(isinstance(event, ReplyFinished) for event in events), cut

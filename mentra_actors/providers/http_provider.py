"""Providers over HTTP: a profile and its wire, keys, connections and the stream of one answer."""

import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Literal, TypeAlias

import anyio
import httpx
import msgspec

from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.errors import ProviderError
from mentra_actors.providers.answer_reader import AnswerReader, reading, writing
from mentra_actors.providers.catalogue import ListedModel, RemoteCompaction, TokenCount
from mentra_actors.providers.credentials import (
    CredentialSource,
    found_key,
    key_hint,
    keyed,
    may_get_another_key,
)
from mentra_actors.providers.embeddings import EmbeddingRequest, Embeddings, embedded
from mentra_actors.providers.http.answer_texts import clean_error, clean_event
from mentra_actors.providers.http.call import HttpCall
from mentra_actors.providers.http.endpoint import base_url_of, endpoint
from mentra_actors.providers.http.headers import helpful_headers, is_event_stream, request_id_of
from mentra_actors.providers.http.questions import (
    compacted_conversation,
    counted_tokens,
    listed_models,
)
from mentra_actors.providers.http.session_headers import session_headers
from mentra_actors.providers.http.time_limits import LIMITS, LOCAL_LIMITS
from mentra_actors.providers.http.transport import HttpTransport
from mentra_actors.providers.http.websocket import WebsocketTransport
from mentra_actors.providers.json_access import Json
from mentra_actors.providers.port import AnswerStarted, ModelEvent, UsageReported
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import invalid_request
from mentra_actors.providers.request_encoder import RequestEncoder
from mentra_actors.providers.wires.contract import Decoder, StatefulWire
from mentra_actors.providers.wires.known import WIRES

__all__ = ["HttpProvider"]

_DRAIN_LIMIT_S = 0.5
_EVENTS_AND_JSON = {"content-type": "application/json", "accept": "text/event-stream"}
_ONLY_JSON = {"accept": "application/json"}
_Opened: TypeAlias = tuple[Mapping[str, str], AsyncGenerator[Json, None]]


class HttpProvider:
    """A `ModelProvider` for one server.

    The key and the address are looked up at each call, so a key may be set after the provider
    was made.

    Args:
        profile: the server, its wire and its habits.
        api_key: the key, or a function that gives one; without it, the variables of the profile.
        base_url: the address; without it, the variables of the profile, then its default.
        environ: where variables are looked up; the environment of the process without it.
        transport: connections and time limits; an own transport without it.
        websockets: the same for requests that ask for a websocket.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        api_key: CredentialSource | None = None,
        base_url: str | None = None,
        environ: Mapping[str, str] = os.environ,
        transport: HttpTransport | None = None,
        websockets: WebsocketTransport | None = None,
    ) -> None:
        self._profile = profile
        self._wire = WIRES[profile.wire]
        self._api_key = api_key
        self._base_url = base_url
        self._environ = environ
        limits = LOCAL_LIMITS if profile.is_local else LIMITS
        self._transport = transport or HttpTransport(limits=limits)
        self._websockets = websockets or WebsocketTransport(limits=limits)
        self._encoder = RequestEncoder(self._wire, profile)
        self._stateless_models: set[str] = set()

    @property
    def name(self) -> str:
        """The part of a model name before the colon."""
        return self._profile.name

    @property
    def profile(self) -> Profile:
        """The server, its wire and its habits."""
        return self._profile

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Events of one answer; closing the generator closes the connection.

        An error that is the first thing the server says is raised before any event. An error
        before text, thinking, a call, a citation or a hosted tool says `output_seen=False`.
        """
        request = self._without_vain_state(request)
        try:
            async with aclosing(self._answer(request)) as events:
                async for event in events:
                    yield event
            return
        except ProviderError as error:
            replayed = self._replayed(request, error)
            if replayed is None:
                raise
        async with aclosing(self._answer(replayed)) as events:
            async for event in events:
                yield event

    def _without_vain_state(self, request: ModelRequest) -> ModelRequest:
        """The request as it is sent to a model of which the server remembers nothing."""
        if request.model not in self._stateless_models:
            return request
        wire = self._wire
        stateless = wire.without_state(request, None) if isinstance(wire, StatefulWire) else None
        return request if stateless is None else stateless.request

    def _replayed(self, request: ModelRequest, error: ProviderError) -> ModelRequest | None:
        """The request to send once more, with all that the server did not remember."""
        wire = self._wire
        stateless = wire.without_state(request, error) if isinstance(wire, StatefulWire) else None
        if stateless is None:
            return None
        if stateless.is_lasting:
            self._stateless_models.add(request.model)
        return stateless.request

    async def _answer(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Events of one answer, asked for once."""
        call = await self._call(request)
        decoder = self._wire.decoder(request.model, self._profile)
        request_id: str | None = None
        output_seen = False
        try:
            async with self._opened(call, request) as (headers, values):
                request_id = request_id_of(headers)
                events = _with_headers(self._events(values, decoder), headers)
                async with aclosing(events):
                    async for event in events:
                        output_seen = output_seen or _is_output(event)
                        yield clean_event(event, call, request_id)
        except ProviderError as error:
            error.output_seen = output_seen
            raise self._judged(error, call, request_id) from None

    @asynccontextmanager
    async def _opened(
        self, call: HttpCall, request: ModelRequest
    ) -> AsyncGenerator[_Opened, None]:
        """The headers of an answer and the server's events, over HTTP or a websocket."""
        if request.options.responses.transport == "websocket":
            self._require_websockets()
            session = request.options.session
            async with self._websockets.answer(
                call,
                self._wire.is_terminal,
                session.session_affinity,
                is_fresh=not session.prefer_connection_reuse,
            ) as opened:
                yield opened
            return
        async with self._transport.answer(call) as response:
            yield response.headers, self._values(call, response)

    def _require_websockets(self) -> None:
        if not self._profile.capabilities.websockets:
            raise invalid_request(
                f"{self._profile.title} takes no websockets: leave out "
                "ResponsesOptions(transport=…)"
            )

    async def models(self) -> tuple[ListedModel, ...]:
        """All models of the server, the newest first.

        Raises:
            ProviderError: the server could not be asked, or has no list.
            MissingCredential: nothing was sent.
        """

        async def fetch(path: str, parameters: Mapping[str, str]) -> Json:
            return await self._json(await self._question(path, parameters))

        return await listed_models(self._wire, self._profile, fetch)

    async def count_tokens(self, request: ModelRequest) -> TokenCount:
        """The input tokens of a request; an estimate where the server does not count.

        Raises:
            ProviderError: the server could not be asked, or cannot do what is asked.
            MissingCredential: nothing was sent.
        """

        async def post(path: str, body: Mapping[str, object]) -> Json:
            return await self._json(await self._question(path, {}, body, request))

        return await counted_tokens(self._wire, self._profile, request, post)

    async def compact(self, request: ModelRequest) -> RemoteCompaction:
        """What the server makes of the conversation of a request, in a form of its own.

        Raises:
            ProviderError: `unsupported`: the server does not do that; else it failed.
            MissingCredential: nothing was sent.
        """

        async def post(path: str, body: Mapping[str, object]) -> Json:
            return await self._json(await self._question(path, {}, body, request))

        return await compacted_conversation(self._wire, self._profile, request, post)

    async def embed(
        self,
        texts: Sequence[str],
        *,
        model: str,
        dimensions: int | None = None,
        task: str = "",
        encoding: Literal["float", "base64"] = "float",
    ) -> Embeddings:
        """One vector for each text, in their order; see `EmbeddingRequest`.

        Raises:
            ProviderError: the server failed, has no embeddings, or answered something else.
            MissingCredential: nothing was sent.
        """
        request = EmbeddingRequest(
            model=model, dimensions=dimensions, task=task, encoding=encoding
        )

        async def post(path: str, body: Mapping[str, object]) -> Json:
            return await self._json(await self._question(path, {}, body))

        return await embedded(self._profile, texts, request, post)

    async def aclose(self) -> None:
        """Close the connections. Calling it twice is allowed."""
        await self._transport.aclose()
        await self._websockets.aclose()

    async def _events(
        self, values: AsyncGenerator[Json, None], decoder: Decoder
    ) -> AsyncGenerator[ModelEvent, None]:
        """The neutral events of the answer."""
        reader = AnswerReader(decoder, self._profile)
        async with aclosing(values):
            async for value in values:
                for event in reader.feed(value):
                    yield event
                if decoder.is_finished:
                    await _drain(values)
        for event in reader.finish():
            yield event

    async def _values(
        self, call: HttpCall, response: httpx.Response
    ) -> AsyncGenerator[Json, None]:
        """The server's events; a plain result counts as the events it stands for."""
        if not is_event_stream(response.headers):
            for result in await self._transport.results(call, response):
                with reading(self.name):
                    values = list(self._wire.events_of_result(result))
                for value in values:
                    yield value
            return
        async with aclosing(self._transport.events(call, response)) as events:
            async for value, is_whole in events:
                if is_whole or self._wire.is_terminal(value):
                    yield value

    async def _call(self, request: ModelRequest) -> HttpCall:
        with writing(self.name):
            path = self._wire.answer_path(request, self._profile)
            headers = {
                **_EVENTS_AND_JSON,
                **self._profile.headers,
                **self._asked_headers(request),
            }
            body = self._encoder.parts(request)
        return await self._made(path, {}, headers, body)

    def _asked_headers(self, request: ModelRequest) -> dict[str, str]:
        """What this request needs, and what is said of its conversation."""
        session = request.options.session
        features = self._wire.headers(request, self._profile)
        return {**features, **session_headers(session), **session.extra_headers}

    async def _question(
        self,
        path: str,
        parameters: Mapping[str, str],
        body: Mapping[str, object] | None = None,
        request: ModelRequest | None = None,
    ) -> HttpCall:
        """A call whose answer is one JSON object; with a `body` it is sent there."""
        headers = {**_ONLY_JSON, **self._profile.headers}
        if request is not None:
            headers |= self._asked_headers(request)
        if body is None:
            return await self._made(path, parameters, headers, None)
        headers["content-type"] = "application/json"
        with writing(self.name):
            content = msgspec.json.encode(body)
        return await self._made(path, parameters, headers, [content])

    async def _made(
        self,
        path: str,
        parameters: Mapping[str, str],
        headers: Mapping[str, str],
        body: Sequence[bytes] | None,
    ) -> HttpCall:
        """A call with the key and the address of now; without a body it only asks."""
        profile = self._profile
        key = await found_key(profile, self._api_key, self._environ)
        auth = keyed(profile, key)
        base_url = base_url_of(profile, self._base_url, self._environ)
        return HttpCall(
            provider=self.name,
            url=endpoint(profile, base_url, path, {**parameters, **auth.query}),
            body=tuple(body or ()),
            headers={**headers, **auth.headers},
            secrets=(key,) if key else (),
            hint_404=profile.hint_404,
            hint_key=key_hint(profile, self._api_key, self._environ),
            method="GET" if body is None else "POST",
        )

    async def _json(self, call: HttpCall) -> Json:
        request_id: str | None = None
        try:
            async with self._transport.answer(call) as response:
                request_id = request_id_of(response.headers)
                return (await self._transport.results(call, response))[0]
        except ProviderError as error:
            raise self._judged(error, call, request_id) from None

    def _judged(
        self, error: ProviderError, call: HttpCall, request_id: str | None
    ) -> ProviderError:
        """The error without keys; it may pass if only the key was old and there is another."""
        key = next(iter(call.secrets), "")
        error.transient = error.transient or may_get_another_key(self._api_key, key, error)
        return clean_error(error, call, request_id)


async def _with_headers(
    events: AsyncGenerator[ModelEvent, None], of_response: Mapping[str, str]
) -> AsyncGenerator[ModelEvent, None]:
    """The events with the response's headers in the first, which waits until more has come.

    So an error right after it is the first thing that is heard.
    """
    headers = helpful_headers(of_response)
    started = AnswerStarted(headers=headers) if headers else None
    has_begun = False
    async with aclosing(events):
        async for event in events:
            if isinstance(event, AnswerStarted):
                started = msgspec.structs.replace(event, headers={**headers, **event.headers})
                has_begun = False
                continue
            if started is not None and not has_begun:
                yield started
            has_begun = True
            yield event


def _is_output(event: ModelEvent) -> bool:
    return not isinstance(event, AnswerStarted | UsageReported)


async def _drain(values: AsyncGenerator[Json, None]) -> None:
    """Read the rest of an answer that is complete: only then can its connection be used again."""
    with suppress(ProviderError), anyio.move_on_after(_DRAIN_LIMIT_S):
        async for _ in values:
            pass

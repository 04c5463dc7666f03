"""Providers over HTTP: a profile and its wire, keys, connections and the stream of one answer."""

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress

import anyio
import httpx
import msgspec

from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.errors import ProviderError
from mentra_actors.providers.credentials import CredentialSource, found_key, keyed
from mentra_actors.providers.endpoint import base_url_of, endpoint
from mentra_actors.providers.http_transport import (
    HttpCall,
    HttpTransport,
    is_event_stream,
    request_id_of,
)
from mentra_actors.providers.json_access import Json
from mentra_actors.providers.port import ModelEvent, ReplyFinished
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.request_encoder import RequestEncoder
from mentra_actors.providers.wires.contract import Decoder
from mentra_actors.providers.wires.known import WIRES

__all__ = ["HttpProvider"]

_DRAIN_LIMIT_S = 0.5
_EVENTS_AND_JSON = {"content-type": "application/json", "accept": "text/event-stream"}


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
    """

    def __init__(
        self,
        profile: Profile,
        *,
        api_key: CredentialSource | None = None,
        base_url: str | None = None,
        environ: Mapping[str, str] = os.environ,
        transport: HttpTransport | None = None,
    ) -> None:
        self._profile = profile
        self._wire = WIRES[profile.wire]
        self._api_key = api_key
        self._base_url = base_url
        self._environ = environ
        self._transport = transport or HttpTransport()
        self._encoder = RequestEncoder(self._wire, profile)

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

        An error before the first event says `output_seen=False`: nothing was delivered.
        """
        call = await self._call(request)
        decoder = self._wire.decoder(request.model, self._profile)
        output_seen = False
        async with self._transport.answer(call) as response:
            try:
                async with aclosing(self._events(call, response, decoder)) as events:
                    async for event in events:
                        output_seen = True
                        yield _with_request_id(event, request_id_of(response))
            except ProviderError as error:
                error.output_seen = output_seen
                error.request_id = request_id_of(response)
                error.args = (call.redacted(str(error)),)
                raise

    async def aclose(self) -> None:
        """Close the connections. Calling it twice is allowed."""
        await self._transport.aclose()

    async def _events(
        self, call: HttpCall, response: httpx.Response, decoder: Decoder
    ) -> AsyncGenerator[ModelEvent, None]:
        """The neutral events of the answer; a plain result counts as the events it stands for."""
        if not is_event_stream(response):
            for value in self._wire.events_of_result(await self._transport.result(call, response)):
                for event in decoder.feed(value):
                    yield event
        else:
            async with aclosing(self._transport.events(call, response)) as values:
                async for value, is_whole in values:
                    if not is_whole and not self._wire.is_terminal(value):
                        continue
                    for event in decoder.feed(value):
                        yield event
                    if decoder.is_finished:
                        await _drain(values)
        if not decoder.is_finished:
            for event in decoder.finish():
                yield event

    async def _call(self, request: ModelRequest) -> HttpCall:
        profile = self._profile
        key = await found_key(profile, self._api_key, self._environ)
        auth = keyed(profile, key)
        base_url = base_url_of(profile, self._base_url, self._environ)
        headers = {
            **_EVENTS_AND_JSON,
            **profile.headers,
            **self._wire.headers(request, profile),
            **request.options.session.extra_headers,
            **auth.headers,
        }
        return HttpCall(
            provider=self.name,
            url=endpoint(profile, base_url, self._wire.answer_path(request, profile), auth.query),
            body=self._encoder.encode(request),
            headers=headers,
            secrets=(key,) if key else (),
            hint_404=profile.hint_404,
        )


def _with_request_id(event: ModelEvent, request_id: str | None) -> ModelEvent:
    if not isinstance(event, ReplyFinished) or not request_id:
        return event
    return ReplyFinished(msgspec.structs.replace(event.reply, request_id=request_id))


async def _drain(events: AsyncGenerator[tuple[Json, bool], None]) -> None:
    """Read the rest of an answer that is complete: only then can its connection be used again."""
    with suppress(ProviderError), anyio.move_on_after(_DRAIN_LIMIT_S):
        async for _ in events:
            pass

"""Providers that speak the Responses wire: OpenAI, Ollama, LM Studio and compatible servers."""

import os
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress

import anyio
import httpx

from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.errors import MissingCredential, ProviderError
from mentra_actors.providers.http_transport import (
    HttpCall,
    HttpTransport,
    is_event_stream,
    request_id_of,
)
from mentra_actors.providers.port import ModelEvent
from mentra_actors.providers.responses_decoder import ResponsesDecoder, is_terminal
from mentra_actors.providers.responses_request import RequestEncoder
from mentra_actors.providers.responses_wire import OPENAI, Json, Profile, object_of, text_of

__all__ = ["OpenAIResponses", "endpoint"]

_DRAIN_LIMIT_S = 0.5
_PORT = re.compile(r":[0-9]+$")
_UNREACHABLE_HOSTS = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}


class OpenAIResponses:
    """A `ModelProvider` for one server that speaks Responses.

    The key and the address are looked up at each call, so a key may be set after the provider
    was made.

    Args:
        profile: the server and its habits.
        api_key: the key; without it, the variable that the profile names.
        base_url: the address; without it, the variables of the profile, then its default.
        environ: where variables are looked up; the environment of the process without it.
        transport: connections and time limits; an own transport without it.
    """

    def __init__(
        self,
        profile: Profile = OPENAI,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        environ: Mapping[str, str] = os.environ,
        transport: HttpTransport | None = None,
    ) -> None:
        self._profile = profile
        self._api_key = api_key
        self._base_url = base_url
        self._environ = environ
        self._transport = transport or HttpTransport()
        self._encoder = RequestEncoder(profile)

    @property
    def name(self) -> str:
        """The part of a model name before the colon."""
        return self._profile.name

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Events of one answer; closing the generator closes the connection.

        An error before the first event says `output_seen=False`: nothing was delivered.
        """
        call = self._call(request)
        decoder = ResponsesDecoder(self._profile, request.model)
        output_seen = False
        async with self._transport.answer(call) as response:
            try:
                async with aclosing(self._values(call, response)) as values:
                    async for value in values:
                        for event in decoder.feed(value):
                            output_seen = True
                            yield event
                decoder.finish()
            except ProviderError as error:
                error.output_seen = output_seen
                error.request_id = request_id_of(response)
                error.args = (call.redacted(str(error)),)
                raise

    async def aclose(self) -> None:
        """Close the connections. Calling it twice is allowed."""
        await self._transport.aclose()

    async def _values(
        self, call: HttpCall, response: httpx.Response
    ) -> AsyncGenerator[Json, None]:
        """The events of the answer up to the terminal one; a plain result counts as that one."""
        if not is_event_stream(response):
            yield _terminal_event(await self._transport.result(call, response))
            return
        async with aclosing(self._transport.events(call, response)) as events:
            async for value, is_whole in events:
                if is_whole or is_terminal(value):
                    yield value
                if is_terminal(value):
                    await _drain(events)
                    return

    def _call(self, request: ModelRequest) -> HttpCall:
        key = self._key()
        headers = {"content-type": "application/json", "accept": "text/event-stream"}
        if key:
            headers["authorization"] = f"Bearer {key}"
        return HttpCall(
            provider=self.name,
            url=endpoint(self._profile, self._found_base_url()),
            body=self._encoder.encode(request),
            headers=headers,
            secrets=(key,) if key else (),
            hint_404=self._profile.hint_404,
        )

    def _key(self) -> str:
        variable = self._profile.key_variable
        key = (self._api_key or self._environ.get(variable, "")).strip()
        if not key and self._profile.needs_key:
            raise MissingCredential(f"{self.name} needs an API key: set {variable}")
        if not (key.isascii() and key.isprintable() and " " not in key):
            raise MissingCredential(
                f"the API key of {self.name} holds characters that a header cannot carry: "
                f"check {variable}"
            )
        return key

    def _found_base_url(self) -> str:
        variables = (self._environ.get(name, "") for name in self._profile.base_url_variables)
        return self._base_url or next(filter(None, variables), self._profile.base_url)


def endpoint(profile: Profile, base_url: str) -> str:
    """The URL of the Responses endpoint below a base URL.

    The base may be a bare `host`, `host:port` or `:port` (then it means http and the default
    port), may end in `/v1`, and may be an address that a server listens on but no client can call.
    """
    base = base_url.strip().rstrip("/")
    if "://" not in base:
        authority, slash, path_of_base = base.partition("/")
        port = "" if _PORT.search(authority) else f":{profile.default_port or 80}"
        host = f"127.0.0.1{authority}" if authority.startswith(":") else authority
        base = f"http://{host}{port}{slash}{path_of_base}"
    for listening, reachable in _UNREACHABLE_HOSTS.items():
        base = base.replace(f"://{listening}", f"://{reachable}")
    path = profile.path.strip("/")
    first, _, rest = path.partition("/")
    if rest and base.endswith(f"/{first}"):
        path = rest
    return f"{base}/{path}"


async def _drain(events: AsyncGenerator[tuple[Json, bool], None]) -> None:
    """Read the rest of an answer that is complete: only then can its connection be used again."""
    with suppress(ProviderError), anyio.move_on_after(_DRAIN_LIMIT_S):
        async for _ in events:
            pass


def _terminal_event(result: Json) -> Json:
    """A body that is not a stream, as the event that would have ended the stream."""
    if text_of(result, "object") != "response" and object_of(result, "error"):
        return {"type": "error", "error": object_of(result, "error")}
    if "output" not in result:
        raise ProviderError(
            f"the body is neither events nor an answer: it has the fields {sorted(result)[:20]}",
            kind="invalid_response",
            transient=False,
        )
    return {"type": f"response.{text_of(result, 'status') or 'completed'}", "response": result}

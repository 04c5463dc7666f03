"""What a server can be asked besides answers: its models, and the tokens of a request."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import httpx

from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.errors import ProviderError
from mentra_actors.providers.catalogue import (
    UNSUPPORTED,
    ListedModel,
    RemoteCompaction,
    TokenCount,
    newest_first,
)
from mentra_actors.providers.json_access import Json
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import invalid_request
from mentra_actors.providers.token_estimate import estimated_tokens
from mentra_actors.providers.wires.contract import CompactingWire, Wire

__all__ = ["Post", "compacted_conversation", "counted_tokens", "listed_models"]

_MOST_PAGES = 100
_NO_SUCH_ENDPOINT = frozenset(
    {httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED, httpx.codes.NOT_IMPLEMENTED}
)

Fetch: TypeAlias = Callable[[str, Mapping[str, str]], Awaitable[Json]]
"""The JSON object at a path below the version of an API, with these parameters."""
Post: TypeAlias = Callable[[str, Json], Awaitable[Json]]
"""The JSON object that a server answers to one that is sent to a path."""


async def listed_models(wire: Wire, profile: Profile, fetch: Fetch) -> tuple[ListedModel, ...]:
    """All models of a server, the newest first; each page once, and no more than a hundred.

    Raises:
        ProviderError: a page could not be read, or the server has no list.
    """
    if not profile.capabilities.model_listing:
        raise invalid_request(f"{profile.title} has no list of models: name one yourself")
    path = wire.models_path(profile)
    found: dict[str, ListedModel] = {}
    parameters: dict[str, str] = {}
    for _ in range(_MOST_PAGES):
        page = wire.models_page(await fetch(path, parameters), profile)
        found.update((model.model_id, model) for model in page.models)
        if not page.next_page or page.next_page == parameters:
            break
        parameters = page.next_page
    return tuple(newest_first(found.values()))


async def counted_tokens(
    wire: Wire, profile: Profile, request: ModelRequest, post: Post
) -> TokenCount:
    """The server's count of a request; an estimate where the server does not count.

    Raises:
        ProviderError: the server could not be asked, or refused the request itself.
    """
    path = wire.count_path(request, profile)
    counted = None
    if path:
        try:
            counted = wire.counted(await post(path, wire.count_body(request, profile)))
        except ProviderError as error:
            if error.status not in _NO_SUCH_ENDPOINT:
                raise
    if counted is None:
        return TokenCount(tokens=estimated_tokens(request), is_estimate=True)
    return TokenCount(tokens=counted, is_estimate=False)


async def compacted_conversation(
    wire: Wire, profile: Profile, request: ModelRequest, post: Post
) -> RemoteCompaction:
    """What the server makes of the conversation of a request.

    Raises:
        ProviderError: `unsupported`: the server has no such endpoint; else it could not be asked,
            or refused the request.
    """
    path = wire.compaction_path(profile) if isinstance(wire, CompactingWire) else ""
    if not path or not isinstance(wire, CompactingWire):
        raise _no_compaction(profile)
    try:
        result = await post(path, wire.compaction_body(request, profile))
    except ProviderError as error:
        if error.status in _NO_SUCH_ENDPOINT:
            raise _no_compaction(profile) from error
        raise
    return wire.compacted(result, request.model, profile)


def _no_compaction(profile: Profile) -> ProviderError:
    return ProviderError(
        f"{profile.title} does not compact conversations", kind=UNSUPPORTED, transient=False
    )

"""Providers that users describe themselves: `provider(…)`, and `custom:` from the environment."""

import os
from collections.abc import Mapping
from typing import Literal, TypeAlias, TypedDict, Unpack, get_args

import msgspec

from mentra_actors.errors import ConfigurationError
from mentra_actors.providers.credentials import CredentialSource
from mentra_actors.providers.http.transport import HttpTransport
from mentra_actors.providers.http_provider import HttpProvider
from mentra_actors.providers.presets import CUSTOM_PROVIDER, GENERIC
from mentra_actors.providers.profile import (
    AuthScheme,
    Bearer,
    Capabilities,
    NoAuth,
    Profile,
    ReasoningReplay,
    WireName,
)

__all__ = ["Habits", "provider", "provider_of_environment"]

_BASE_URL, _KEY, _WIRE = "MENTRA_CUSTOM_BASE_URL", "MENTRA_CUSTOM_API_KEY", "MENTRA_CUSTOM_WIRE"
_AUTH_BY_WORD: Mapping[str, AuthScheme] = {"none": NoAuth(), "bearer": Bearer()}
_AuthWord: TypeAlias = Literal["none", "bearer"]


class Habits(TypedDict, total=False):
    """What else may be said of a server; see `Profile`."""

    display_name: str
    path: str
    version_path: str
    capabilities: Capabilities
    needs_key: bool
    asks_encrypted_reasoning: bool
    plain_models: tuple[str, ...]
    replays_reasoning: bool
    replays_opaque: bool
    replays_item_ids: bool
    takes_phase: bool
    takes_tool_choice: bool
    takes_image_urls: bool
    takes_previous_response: bool
    is_local: bool
    hint_404: str
    embeddings_per_call: int
    embedding_task_field: str
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"]
    reasoning_request: Literal["word", "object"]
    reasoning_replay: ReasoningReplay
    splits_think_tags: bool
    takes_stream_options: bool
    takes_cache_marks: bool


def provider(  # noqa: PLR0913 - what tells one server from another
    name: str,
    *,
    base_url: str,
    wire: WireName | None = None,
    auth: AuthScheme | _AuthWord | None = None,
    api_key: CredentialSource | None = None,
    key_variable: str = "",
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    like: Profile = GENERIC,
    transport: HttpTransport | None = None,
    **habits: Unpack[Habits],
) -> HttpProvider:
    """A provider for a server of your own: `open_runtime(providers=[provider(…)])`.

    Its models are `name:model`. What is not said is as with `like`, but for keys and addresses:
    a key of another provider is never sent here. A key that is named must be there.

    Args:
        name: the part of a model name before the colon.
        base_url: where the server is, with or without the version (`http://host:8000/v1`).
        wire: the protocol that it speaks, `chat_completions` for most servers of others.
        auth: how the key is sent: `bearer`, `none`, `HeaderKey("x-key")` or `QueryKey("key")`.
        api_key: the key, or a function (sync or async) that gives one for each call.
        key_variable: the variable of the environment that holds the key.
        headers: sent with each call; no secrets: those belong into `api_key`.
        query: parameters of each URL.
        like: a profile that it resembles, like those in `mentra_actors.providers.presets`.
        transport: connections and time limits; an own transport without it.
        habits: other fields of `Profile`.

    Raises:
        ConfigurationError: a name, an address, a word, a header or a field that cannot be.
    """
    if not isinstance(like, Profile):
        raise ConfigurationError(f"like= of provider {name!r} is no Profile: {like!r}")
    _require_name(name)
    _require_address(name, base_url)
    scheme = _scheme(auth, like)
    profile = msgspec.structs.replace(
        like,
        name=name,
        base_url=base_url,
        base_url_variables=(),
        wire=_wire(wire or like.wire),
        auth=scheme,
        key_variables=(key_variable,) if key_variable else (),
        headers={**like.headers, **_sendable(_pairs(name, headers))},
        query={**like.query, **_pairs(name, query)},
        **{
            "display_name": name,
            "needs_key": not isinstance(scheme, NoAuth) and bool(api_key or key_variable),
            **habits,
        },
    )
    return HttpProvider(_checked(profile), api_key=api_key, transport=transport)


def provider_of_environment(environ: Mapping[str, str] = os.environ) -> HttpProvider:
    """The provider `custom`, as variables of the environment describe it.

    `MENTRA_CUSTOM_BASE_URL` says where it is, `MENTRA_CUSTOM_WIRE` what it speaks (Chat
    Completions without it), and `MENTRA_CUSTOM_API_KEY` is its key, if it needs one.

    Raises:
        ConfigurationError: there is no address, or no such wire.
    """
    base_url = environ.get(_BASE_URL, "").strip()
    if not base_url:
        raise ConfigurationError(
            f"the provider {CUSTOM_PROVIDER!r} has no address: set {_BASE_URL}, for example to "
            "http://127.0.0.1:8000/v1"
        )
    wire = _wire(environ.get(_WIRE, "").strip() or "chat_completions")
    return provider(
        CUSTOM_PROVIDER,
        base_url=base_url,
        wire=wire,
        key_variable=_KEY,
        needs_key=False,
    )


def _require_name(name: str) -> None:
    if not name or ":" in name or name != name.strip():
        raise ConfigurationError(
            f"a provider name is not empty and has no colon or spaces around it, found {name!r}"
        )


def _require_address(name: str, base_url: object) -> None:
    scheme, has_scheme, _ = str(base_url).strip().partition("://")
    is_other = has_scheme and scheme.lower() not in ("http", "https")
    if not isinstance(base_url, str) or not scheme or is_other:
        shown = f" ({scheme}://)" if has_scheme and scheme.isalnum() else ""  # no password
        raise ConfigurationError(f"the base_url of provider {name!r} is no http address{shown}")


def _pairs(name: str, given: object) -> dict[str, str]:
    try:
        return msgspec.convert({} if given is None else given, dict[str, str])
    except msgspec.ValidationError as error:
        raise ConfigurationError(
            f"headers and query of provider {name!r} are mappings from text to text: {error}"
        ) from None


def _checked(profile: Profile) -> Profile:
    """The profile, if all that users said of it is of the right type."""
    try:
        return msgspec.convert(msgspec.to_builtins(profile), Profile)
    except (msgspec.ValidationError, TypeError) as error:
        raise ConfigurationError(
            f"provider {profile.name!r} cannot be described like this: {error}"
        ) from None


def _wire(word: str) -> WireName:
    wires: tuple[WireName, ...] = get_args(WireName)
    for wire in wires:
        if wire == word:
            return wire
    raise ConfigurationError(f"no wire {word!r}; known: {', '.join(wires)}")


def _scheme(auth: AuthScheme | str | None, like: Profile) -> AuthScheme:
    if auth is None:
        return like.auth
    if not isinstance(auth, str):
        return auth
    if auth not in _AUTH_BY_WORD:
        raise ConfigurationError(
            f"no way to send a key is called {auth!r}: say 'bearer' or 'none', or give "
            "HeaderKey(name) or QueryKey(name)"
        )
    return _AUTH_BY_WORD[auth]


def _sendable(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in headers.items():
        is_name = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
        if not is_name or not (value.isascii() and value.isprintable()):
            raise ConfigurationError(f"the header {name!r} cannot be sent: use plain characters")
    return headers

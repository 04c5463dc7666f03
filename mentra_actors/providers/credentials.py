"""Keys: where they come from, and how they go with a call."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeAlias, runtime_checkable

from mentra_actors.errors import MissingCredential, ProviderError
from mentra_actors.providers.profile import Bearer, HeaderKey, NoAuth, Profile, QueryKey

__all__ = [
    "CredentialSource",
    "KeyedCall",
    "RenewableKey",
    "found_key",
    "key_hint",
    "key_of_environment",
    "keyed",
    "may_get_another_key",
]

_UNAUTHORIZED = 401
_QUOTES = "\"'`"

CredentialSource: TypeAlias = str | Callable[[], str | Awaitable[str]]
"""A key, or a function (sync or async) that gives one; it is asked before each call."""


@runtime_checkable
class RenewableKey(Protocol):
    """A source of keys that ends before its time, and can then give another one."""

    def refused(self, key: str) -> bool:
        """A server refused this key; whether the next call may get another one."""
        ...


class KeyedCall:
    """What a key adds to a call."""

    def __init__(self, headers: Mapping[str, str], query: Mapping[str, str]) -> None:
        self.headers = headers
        self.query = query


def key_of_environment(profile: Profile, environ: Mapping[str, str]) -> str:
    """The key in the first variable of the profile that is set; empty if none is."""
    values = (environ.get(name, "").strip() for name in profile.key_variables)
    return next(filter(None, values), "")


async def found_key(
    profile: Profile, source: CredentialSource | None, environ: Mapping[str, str]
) -> str:
    """The key of a provider; empty where it needs none and none is set.

    Raises:
        MissingCredential: there is none, or it cannot be sent.
    """
    if callable(source):
        given = source()
        key = await given if inspect.isawaitable(given) else given
    else:
        key = source or ""
    key = key.strip() or key_of_environment(profile, environ)
    if not key and profile.needs_key:
        named = " or ".join(profile.key_variables) or "its api_key"
        raise MissingCredential(f"{profile.name} needs an API key: set {named}")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise MissingCredential(
            f"the API key of {profile.name} holds characters that a header cannot carry: "
            f"check {' or '.join(profile.key_variables) or 'its api_key'}"
        )
    if key.startswith(tuple(_QUOTES)) or key.endswith(tuple(_QUOTES)):
        raise MissingCredential(
            f"the API key of {profile.name} is in quotes, which are no part of it: "
            f"{key_hint(profile, source, environ)}"
        )
    return key


def key_hint(profile: Profile, source: object, environ: Mapping[str, str]) -> str:
    """Where to look when a server refuses the key: at its variable, or at what was given."""
    if isinstance(profile.auth, NoAuth):
        return ""
    if isinstance(source, RenewableKey):
        return "sign in again"
    if source:
        return "check its api_key"
    set_variables = (name for name in profile.key_variables if environ.get(name, "").strip())
    if name := next(set_variables, ""):
        return f"check {name}"
    return f"no key was sent: set {' or '.join(profile.key_variables) or 'its api_key'}"


def keyed(profile: Profile, key: str) -> KeyedCall:
    """The headers and the query that carry a key."""
    if not key:
        return KeyedCall({}, {})
    match profile.auth:
        case Bearer():
            return KeyedCall({"authorization": f"Bearer {key}"}, {})
        case HeaderKey(name=name):
            return KeyedCall({name: key}, {})
        case QueryKey(name=name):
            return KeyedCall({}, {name: key})
        case _:
            return KeyedCall({}, {})


def may_get_another_key(source: object, key: str, error: ProviderError) -> bool:
    """Whether a call that failed like this may succeed with another key of its source."""
    if error.status != _UNAUTHORIZED or not isinstance(source, RenewableKey):
        return False
    return source.refused(key)

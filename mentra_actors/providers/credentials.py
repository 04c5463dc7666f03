"""Keys: where they come from, and how they go with a call."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeAlias, runtime_checkable

from mentra_actors.errors import MissingCredential, ProviderError
from mentra_actors.providers.profile import Bearer, HeaderKey, Profile, QueryKey

__all__ = [
    "CredentialSource",
    "KeyedCall",
    "RenewableKey",
    "found_key",
    "key_of_environment",
    "keyed",
    "may_get_another_key",
]

_UNAUTHORIZED = 401

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
    return key


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

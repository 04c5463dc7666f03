"""Providers for which somebody has signed in on this machine."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mentra_actors.errors import ConfigurationError
from mentra_actors.late_module import LateModule
from mentra_actors.providers.credentials import key_of_environment
from mentra_actors.providers.oauth.token_store import (
    FileTokens,
    KeyringTokens,
    TokenStore,
    login_file,
)
from mentra_actors.providers.presets import PRESETS

if TYPE_CHECKING:  # a client for HTTP is imported where somebody has signed in
    from mentra_actors.providers import http_provider
    from mentra_actors.providers.oauth import source
else:
    http_provider = LateModule("mentra_actors.providers.http_provider")
    source = LateModule("mentra_actors.providers.oauth.source")

__all__ = ["is_signed_in", "signed_in_providers", "token_store"]

_STORE_VARIABLE = "MENTRA_LOGIN_STORE"


def token_store(provider: str, environ: Mapping[str, str] = os.environ) -> TokenStore:
    """Where the login of a provider is kept: a file, or what `MENTRA_LOGIN_STORE` says.

    Raises:
        ConfigurationError: there is no such place.
    """
    match environ.get(_STORE_VARIABLE, "").strip() or "file":
        case "file":
            return FileTokens(login_file(provider, environ))
        case "keyring":
            return KeyringTokens(provider)
        case other:
            raise ConfigurationError(
                f"{_STORE_VARIABLE} is {other!r}; logins are kept in a 'file' or the 'keyring'"
            )


def is_signed_in(provider: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a login is kept; one that cannot be read counts, and is told of when it is used."""
    try:
        return token_store(provider, environ).load() is not None
    except ConfigurationError:
        return True


def signed_in_providers(
    environ: Mapping[str, str] = os.environ,
) -> "list[http_provider.HttpProvider]":
    """The providers that have a login and no key: a key that is set is the nearer choice."""
    return [
        http_provider.HttpProvider(profile, api_key=source.LoginKey(token_store(name, environ)))
        for name, profile in PRESETS.items()
        if not key_of_environment(profile, environ) and is_signed_in(name, environ)
    ]

"""One login: a browser goes to the authorization server and comes back with a code."""

import time
from collections.abc import Callable
from urllib.parse import urlencode

import anyio

from mentra_actors.errors import LoginFailed
from mentra_actors.providers.oauth.callback import listening_callback
from mentra_actors.providers.oauth.exchange import ClientFactory, TokenEndpoint
from mentra_actors.providers.oauth.pkce import new_pkce, new_state
from mentra_actors.providers.oauth.settings import OAuthSettings, SavedLogin

__all__ = ["sign_in"]


async def sign_in(
    settings: OAuthSettings,
    show: Callable[[str], None],
    *,
    clock: Callable[[], float] = time.time,
    client: ClientFactory | None = None,
) -> SavedLogin:
    """The tokens of a new login, to be kept in a `TokenStore`.

    `show` gets the address to which a browser is to go; it may open one, and must not block for
    long. `clock` gives Unix seconds.

    Raises:
        LoginFailed: it was refused, nobody came back in time, or no token was given out.
    """
    pkce, state = new_pkce(), new_state()
    try:
        with anyio.fail_after(settings.login_limit_s):
            async with listening_callback(
                settings.redirect_host, settings.redirect_port, settings.redirect_path, state
            ) as callback:
                show(_authorize_url(settings, callback.url, pkce.challenge, state))
                failure: LoginFailed | None = None
                try:
                    code = await callback.code()
                except LoginFailed as error:
                    failure = error  # raised outside of the group, which would wrap it
    except TimeoutError:
        raise LoginFailed(
            f"nobody came back from the browser within {settings.login_limit_s:g} s"
        ) from None
    if failure is not None:
        raise failure
    endpoint = TokenEndpoint(settings, clock, client)
    tokens = await endpoint.exchanged(code, pkce.verifier, callback.url)
    return SavedLogin(settings=settings, tokens=tokens)


def _authorize_url(settings: OAuthSettings, redirect_url: str, challenge: str, state: str) -> str:
    fields = {
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": redirect_url,
        "scope": settings.scope,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "state": state,
        **settings.authorize_fields,
    }
    joined = "&" if "?" in settings.authorize_url else "?"
    pairs = urlencode({name: value for name, value in fields.items() if value})
    return f"{settings.authorize_url}{joined}{pairs}"

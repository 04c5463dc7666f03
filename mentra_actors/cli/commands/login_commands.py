"""`mentra login` and `mentra logout`: sign in with a browser instead of a key."""

import webbrowser
from typing import Annotated
from urllib.parse import urlsplit

import anyio
import msgspec
import typer
from rich.text import Text

from mentra_actors.cli.options import AsJson
from mentra_actors.cli.output import Output
from mentra_actors.cli.signed_in import token_store
from mentra_actors.errors import ConfigurationError
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.oauth.flow import sign_in
from mentra_actors.providers.oauth.settings import BearerRule, OAuthSettings, openai_settings
from mentra_actors.providers.presets import OPENAI, PRESETS

__all__ = ["login", "logout"]

_REDIRECT = "http://127.0.0.1:0/callback"
_Provider = Annotated[str, typer.Argument(help="The provider, like openai.")]


def login(
    provider: _Provider,
    client_id: Annotated[
        str,
        typer.Option(envvar="MENTRA_OAUTH_CLIENT_ID", help="The client that you registered."),
    ],
    authorize_url: Annotated[str, typer.Option(help="Where the browser signs in.")] = "",
    token_url: Annotated[str, typer.Option(help="Where tokens are given out.")] = "",
    scope: Annotated[str, typer.Option(help="What is asked for.")] = "",
    bearer: Annotated[
        BearerRule, typer.Option(help="Which token is sent as the key.")
    ] = "access_token",
    redirect: Annotated[
        str, typer.Option(help="Where the browser comes back to; port 0 takes a free one.")
    ] = _REDIRECT,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
    as_json: AsJson = False,
) -> None:
    """Sign in to a provider with a browser, in place of a key.

    From then on `mentra run` needs no key of this provider.
    """
    output = Output(as_json=as_json)
    _require_known(provider)
    settings = _settings(provider, client_id, authorize_url, token_url)
    settings = msgspec.structs.replace(
        settings, bearer=bearer, scope=scope or settings.scope, **_redirect_fields(redirect)
    )
    store = token_store(provider)

    def show(url: str) -> None:
        if as_json:
            output.json_line({"sign_in_at": url})
        else:
            output.remark("Sign in here:")
            output.remarks.print(Text(url), soft_wrap=True, highlight=False)
        if browser:
            webbrowser.open(url)

    saved = anyio.run(sign_in, settings, show)
    store.save(saved)
    if as_json:
        output.json_line({"provider": provider, "expires_at": saved.tokens.expires_at})
    else:
        output.show(f"You are signed in to {provider}.")


def logout(provider: _Provider, as_json: AsJson = False) -> None:
    """Forget a login on this machine.

    It ends on this machine; the provider may know it for a while.
    """
    output = Output(as_json=as_json)
    _require_known(provider)
    is_forgotten = token_store(provider).clear()
    if as_json:
        output.document({"provider": provider, "forgotten": is_forgotten})
    elif is_forgotten:
        output.show(f"You are signed out of {provider}.")
    else:
        output.show(f"Nobody was signed in to {provider}.")


def _redirect_fields(redirect: str) -> JsonObject:
    parts = urlsplit(redirect)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme != "http" or not parts.hostname or port is None or parts.query:
        raise ConfigurationError(
            f"--redirect is an address of this machine with a port, like {_REDIRECT}; "
            f"found {redirect!r}"
        )
    path = parts.path or "/"
    return {"redirect_host": parts.hostname, "redirect_port": port, "redirect_path": path}


def _require_known(provider: str) -> None:
    if provider not in PRESETS:
        raise ConfigurationError(
            f"no provider {provider!r} to sign in to; known: {', '.join(PRESETS)}"
        )


def _settings(provider: str, client_id: str, authorize_url: str, token_url: str) -> OAuthSettings:
    if authorize_url and token_url:
        return OAuthSettings(
            provider=provider,
            client_id=client_id,
            authorize_url=authorize_url,
            token_url=token_url,
        )
    if provider == OPENAI.name and not (authorize_url or token_url):
        return openai_settings(client_id)
    raise ConfigurationError(f"to sign in to {provider}, say both --authorize-url and --token-url")

"""Whom to sign in with, and how: all of it is the configuration of the user."""

from typing import Literal, TypeAlias

import msgspec

from mentra_actors.providers.http.redaction import MASK
from mentra_actors.providers.oauth.tokens import Tokens

__all__ = ["BearerRule", "OAuthSettings", "SavedLogin", "openai_settings"]

BearerRule: TypeAlias = Literal["access_token", "api_key", "id_token"]
"""Which of the tokens is sent as the key of a call."""


class OAuthSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A client of an authorization server; the client id is one that you have registered there.

    `redirect_port` 0 takes any free port, for servers that allow that. `authorize_fields` and
    `token_fields` are further fields that a server wants. A token is renewed `early_s` seconds
    before it ends, and a login may take `login_limit_s`.
    """

    provider: str
    client_id: str
    authorize_url: str
    token_url: str
    scope: str = ""
    bearer: BearerRule = "access_token"
    redirect_host: str = "127.0.0.1"
    redirect_port: int = 0
    redirect_path: str = "/callback"
    authorize_fields: dict[str, str] = {}
    token_fields: dict[str, str] = {}
    early_s: float = 60.0
    login_limit_s: float = 300.0

    def __repr__(self) -> str:
        """Without the values of `token_fields`: some servers want a secret there."""
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        shown["token_fields"] = dict.fromkeys(self.token_fields, MASK)
        return f"OAuthSettings({', '.join(f'{name}={one!r}' for name, one in shown.items())})"


class SavedLogin(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a login: enough to renew it."""

    settings: OAuthSettings
    tokens: Tokens


def openai_settings(
    client_id: str,
    *,
    bearer: BearerRule = "access_token",
    scope: str = "openid profile email offline_access",
    authorize_url: str = "https://auth.openai.com/oauth/authorize",
    token_url: str = "https://auth.openai.com/oauth/token",
) -> OAuthSettings:
    """Settings for OpenAI's own authorization server.

    Whether it accepts a client, and which token its API takes, is between you and OpenAI.
    """
    return OAuthSettings(
        provider="openai",
        client_id=client_id,
        authorize_url=authorize_url,
        token_url=token_url,
        scope=scope,
        bearer=bearer,
    )

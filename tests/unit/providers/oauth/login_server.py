"""A server to sign in at, and a login there, for tests."""

import json
from typing import Any
from urllib.parse import parse_qs

import msgspec
from local_server import Answer, Asked

from mentra_actors.providers.oauth.settings import OAuthSettings, SavedLogin, openai_settings
from mentra_actors.providers.oauth.tokens import Tokens

NOW = 1_000_000.0


class AuthServer:
    """A token endpoint that answers by script and keeps the forms that it was sent."""

    def __init__(self) -> None:
        self.url = ""
        self.forms: list[dict[str, str]] = []
        self.answers: list[tuple[int, Any]] = []

    def answer(self, asked: Asked) -> Answer:
        form = parse_qs(asked.body.decode())
        self.forms.append({name: values[0] for name, values in form.items()})
        status, result = self.answers.pop(0)
        return status, "application/json", json.dumps(result).encode()


def settings_for(server: AuthServer | None = None, **changes: Any) -> OAuthSettings:
    url = server.url if server else "http://127.0.0.1:1"
    settings = openai_settings(
        "client-1", authorize_url=f"{url}/authorize", token_url=f"{url}/token"
    )
    return msgspec.structs.replace(settings, **changes)


def login_at(server: AuthServer | None = None, **changes: Any) -> SavedLogin:
    settings = settings_for(server, **changes)
    tokens = Tokens(access_token="at-1", refresh_token="rt-1", expires_at=NOW + 3600)
    return SavedLogin(settings=settings, tokens=tokens)

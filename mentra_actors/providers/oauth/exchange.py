"""Codes and refresh tokens for tokens: two questions to the token endpoint."""

from collections.abc import Callable, Mapping

import httpx
import msgspec

from mentra_actors.errors import LoginFailed, MissingCredential, ProviderError
from mentra_actors.providers.http.redaction import Redaction
from mentra_actors.providers.json_access import Json, text_of
from mentra_actors.providers.oauth.settings import OAuthSettings
from mentra_actors.providers.oauth.tokens import Tokens, tokens_of
from mentra_actors.providers.provider_faults import is_transient_status

__all__ = ["ClientFactory", "TokenEndpoint", "bearer_of"]

ClientFactory = Callable[[], httpx.AsyncClient]
_TIMEOUT_S = 30.0
_MOST_WORDS = 300


class TokenEndpoint:
    """The token endpoint of an authorization server. `clock` gives Unix seconds."""

    def __init__(
        self,
        settings: OAuthSettings,
        clock: Callable[[], float],
        client: ClientFactory | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._client = client or _new_client

    async def exchanged(self, code: str, verifier: str, redirect_url: str) -> Tokens:
        """The tokens for a code.

        Raises:
            LoginFailed: there are none, or the server was not reached.
        """
        fields = {"code": code, "code_verifier": verifier, "redirect_uri": redirect_url}
        try:
            result = await self._asked("authorization_code", fields)
        except ProviderError as error:
            raise LoginFailed(f"the sign-in did not end: {error}") from None
        tokens = tokens_of(result, self._clock())
        bearer_of(tokens, self._settings)
        return tokens

    async def refreshed(self, tokens: Tokens) -> Tokens:
        """New tokens; the refresh token stays where no other is given.

        Raises:
            MissingCredential: the login has ended; only a new one helps.
            ProviderError: the server was not reached, or is in trouble; a repeat may help.
        """
        again = f"sign in again with `mentra login {self._settings.provider}`"
        if not tokens.refresh_token:
            raise MissingCredential(f"the login cannot be renewed: {again}")
        fields = {"refresh_token": tokens.refresh_token}
        try:
            result = await self._asked("refresh_token", fields)
        except ProviderError as error:
            if error.transient:
                raise
            raise MissingCredential(f"the login was not renewed, {again}: {error}") from None
        return tokens_of(result, self._clock(), tokens)

    async def _asked(self, grant_type: str, fields: Mapping[str, str]) -> Json:
        settings = self._settings
        form = {
            "grant_type": grant_type,
            "client_id": settings.client_id,
            **fields,
            **settings.token_fields,
        }
        try:
            async with self._client() as client:
                response = await client.post(settings.token_url, data=form)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ProviderError(
                f"the sign-in server of {settings.provider} was not reached: "
                f"{type(error).__name__}",
                kind="transport",
                transient=True,
            ) from None
        secrets = [*fields.values(), *settings.token_fields.values()]
        return self._result(response, Redaction(secrets))

    def _result(self, response: httpx.Response, redacted: Redaction) -> Json:
        """The tokens' object; an error says what the server said, without codes and tokens."""
        try:
            result = msgspec.json.decode(response.content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            result = None
        if response.is_success and isinstance(result, dict):
            return result
        said = result if isinstance(result, dict) else {}
        code = text_of(said, "error")
        words = text_of(said, "error_description") or code or "no reason"
        raise ProviderError(
            f"the sign-in server of {self._settings.provider} answered HTTP "
            f"{response.status_code}: {redacted(words)[:_MOST_WORDS]}",
            kind="http",
            transient=is_transient_status(response.status_code),
            status=response.status_code,
            code=code or None,
        )


def bearer_of(tokens: Tokens, settings: OAuthSettings) -> str:
    """The token that is sent as the key of a call.

    Raises:
        LoginFailed: the server did not give out that one.
    """
    bearer: str = getattr(tokens, settings.bearer)
    if not bearer:
        raise LoginFailed(
            f"{settings.provider} gave no {settings.bearer}: choose another token as the bearer"
        )
    return bearer


def _new_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=False)

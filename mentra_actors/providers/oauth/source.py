"""The key of a login: renewed before it ends, and when a server refuses it."""

import time
from collections.abc import Callable

import anyio

from mentra_actors.errors import MissingCredential
from mentra_actors.providers.oauth.exchange import ClientFactory, TokenEndpoint, bearer_of
from mentra_actors.providers.oauth.settings import SavedLogin
from mentra_actors.providers.oauth.token_store import TokenStore

__all__ = ["LoginKey"]


class LoginKey:
    """A `CredentialSource`: `HttpProvider(OPENAI, api_key=LoginKey(store))`.

    One login may be used by several processes: before a token is renewed, the store is asked
    whether somebody else has done it. A token that a server refused is renewed once; if the new
    one is refused as well, that is the answer.
    """

    def __init__(
        self,
        store: TokenStore,
        *,
        clock: Callable[[], float] = time.time,
        client: ClientFactory | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._client = client
        self._lock = anyio.Lock()
        self._login: SavedLogin | None = None
        self._refused = ""
        self._renewed_for_refusal = ""

    async def __call__(self) -> str:
        """The key for a call that is made now.

        Raises:
            MissingCredential: nobody has signed in, or the login has ended.
            ProviderError: it could not be renewed now; a repeat may help.
            ConfigurationError: the store cannot be read or written.
        """
        async with self._lock:
            login = self._login or await self._loaded()
            if self._must_renew(login):
                login = await self._loaded()
            if self._must_renew(login):
                with anyio.CancelScope(shield=True):  # else a new refresh token could be lost
                    login = await self._renewed(login)
            self._login = login
            return bearer_of(login.tokens, login.settings)

    def refused(self, key: str) -> bool:
        """A server refused this key; whether the next call may get another one."""
        login = self._login
        if login is None or not key or key == self._renewed_for_refusal:
            return False
        if key != bearer_of(login.tokens, login.settings):
            return True  # it was renewed meanwhile
        self._refused = key
        return bool(login.tokens.refresh_token)

    def _must_renew(self, login: SavedLogin) -> bool:
        if bearer_of(login.tokens, login.settings) == self._refused:
            return True
        return login.tokens.ends_within(login.settings.early_s, self._clock())

    async def _loaded(self) -> SavedLogin:
        login = await anyio.to_thread.run_sync(self._store.load)
        if login is None:
            raise MissingCredential("nobody has signed in: use `mentra login`, or set a key")
        return login

    async def _renewed(self, login: SavedLogin) -> SavedLogin:
        was_refused = bearer_of(login.tokens, login.settings) == self._refused
        endpoint = TokenEndpoint(login.settings, self._clock, self._client)
        tokens = await endpoint.refreshed(login.tokens)
        renewed = SavedLogin(settings=login.settings, tokens=tokens)
        await anyio.to_thread.run_sync(self._store.save, renewed)
        self._refused = ""
        if was_refused:
            self._renewed_for_refusal = bearer_of(tokens, login.settings)
        return renewed

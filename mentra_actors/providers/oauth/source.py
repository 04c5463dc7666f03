"""The key of a login: renewed before it ends, and when a server refuses it."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import anyio

from mentra_actors.errors import MissingCredential
from mentra_actors.providers.oauth.exchange import ClientFactory, TokenEndpoint, bearer_of
from mentra_actors.providers.oauth.settings import SavedLogin
from mentra_actors.providers.oauth.token_store import SharedTokens, TokenStore

__all__ = ["LoginKey"]

_HOLD_LIMIT_S = 40.0
"""A program that renews for longer has stopped, and is not waited for."""
_HOLD_STEP_S = 0.05


class LoginKey:
    """A `CredentialSource`: `HttpProvider(OPENAI, api_key=LoginKey(store))`.

    One login may be used by several processes: before a token is renewed, the store is asked
    whether somebody else has done it, and again if the renewal is refused. Where the store can
    (a file), only one of them renews at a time: a refresh token often counts only once.

    A token that a server refused is renewed once; if the new one is refused as well, that is the
    answer.
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
                    login = await self._renewed_in_turn()
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

    async def _renewed_in_turn(self) -> SavedLogin:
        """The login, renewed by us or by whoever was before us."""
        async with self._held():
            login = await self._loaded()
            if not self._must_renew(login):
                return login
            try:
                return await self._renewed(login)
            except MissingCredential:
                login = await self._loaded()
                if self._must_renew(login):
                    raise
                return login  # somebody else has renewed it, and ended ours by that

    @asynccontextmanager
    async def _held(self) -> AsyncGenerator[None, None]:
        """Keep other programs from renewing, where the store can."""
        let_go = None
        if isinstance(self._store, SharedTokens):
            with anyio.move_on_after(_HOLD_LIMIT_S):
                while (  # noqa: ASYNC110 - another process cannot set an event here
                    let_go := await anyio.to_thread.run_sync(self._store.try_hold)
                ) is None:
                    await anyio.sleep(_HOLD_STEP_S)
        try:
            yield
        finally:
            if let_go is not None:
                let_go()

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

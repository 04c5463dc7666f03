"""Signing in, against an authorization server of our own on this machine."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import anyio
import anyio.to_thread
import httpx
import pytest
from local_server import running

from mentra_actors.errors import (
    LoginFailed,
    MissingCredential,
    ProviderError,
)
from mentra_actors.providers.http.transport import HttpTransport
from mentra_actors.providers.http_provider import HttpProvider
from mentra_actors.providers.oauth.flow import sign_in
from mentra_actors.providers.oauth.pkce import challenge_of, new_pkce
from mentra_actors.providers.oauth.settings import OAuthSettings, SavedLogin
from mentra_actors.providers.oauth.source import LoginKey
from mentra_actors.providers.oauth.token_store import (
    FileTokens,
    MemoryTokens,
)
from mentra_actors.providers.oauth.tokens import Tokens, tokens_of
from mentra_actors.providers.presets import OPENAI
from mentra_actors.testing.scripted_http import COMPLETED, error_from, events_from, streamed

sys.path.insert(0, str(Path(__file__).parent))
from login_server import NOW, AuthServer, login_at, settings_for

pytestmark = pytest.mark.anyio
_FIRST = {"access_token": "at-1", "refresh_token": "rt-1", "expires_in": 3600}


@pytest.fixture
def server() -> Iterator[AuthServer]:
    auth = AuthServer()
    with running(auth.answer) as local:
        auth.url = local.url
        yield auth


class _Browser:
    """Goes where it is sent, and comes back with what it was told to."""

    def __init__(self, *, before: tuple[str, ...] = (), **answer: str) -> None:
        self.asked: dict[str, str] = {}
        self.pages: list[tuple[int, str]] = []
        self._before = before
        self._answer = answer

    async def login(self, settings: OAuthSettings) -> SavedLogin:
        """Sign in with this browser."""
        shown = anyio.Event()
        address: list[str] = []

        def show(url: str) -> None:
            address.append(url)
            shown.set()

        async def browse() -> None:
            await shown.wait()
            await self._go(address[0])

        failure: LoginFailed | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(browse)
            try:
                saved = await sign_in(settings, show, clock=lambda: NOW)
            except LoginFailed as error:
                failure = error
        if failure is not None:
            raise failure
        return saved

    async def _go(self, url: str) -> None:
        query = parse_qs(urlsplit(url).query)
        self.asked = {name: values[0] for name, values in query.items()}
        back = self.asked["redirect_uri"]
        answer = {"state": self.asked["state"], **self._answer}
        answer = {name: value for name, value in answer.items() if value}
        async with httpx.AsyncClient() as client:
            for stray in self._before:
                response = await client.get(back.rpartition("/")[0] + stray)
                self.pages.append((response.status_code, response.text))
            response = await client.get(back, params=answer)
            self.pages.append((response.status_code, response.text))


async def test_a_login_gives_tokens(server: AuthServer) -> None:
    """The whole way: address, browser, code, tokens."""
    server.answers = [(200, _FIRST)]
    browser = _Browser(code="c-1")

    login = await browser.login(settings_for(server))

    assert login.tokens == Tokens(access_token="at-1", refresh_token="rt-1", expires_at=NOW + 3600)
    [form] = server.forms
    assert form["grant_type"] == "authorization_code"
    assert (form["code"], form["client_id"]) == ("c-1", "client-1")
    assert form["redirect_uri"] == browser.asked["redirect_uri"]
    assert challenge_of(form["code_verifier"]) == browser.asked["code_challenge"]
    assert browser.asked["code_challenge_method"] == "S256"
    assert browser.asked["response_type"] == "code"
    assert browser.asked["scope"] == "openid profile email offline_access"
    status, page = browser.pages[-1]
    assert status == 200
    assert "Go back to the terminal" in page
    assert "You are signed in" not in page, "the tokens have not come yet"


async def test_stray_requests_do_not_end_a_login(server: AuthServer) -> None:
    """Browsers ask for icons, and any page may send a request here."""
    server.answers = [(200, _FIRST)]
    strays = (
        "/favicon.ico",
        "/callback?code=evil&state=wrong",
        "/callback",
        "/callback?error=access_denied&error_description=gone",
    )
    browser = _Browser(before=strays, code="c-1")

    await browser.login(settings_for(server))

    assert [status for status, _ in browser.pages] == [404, 400, 400, 400, 200]
    assert server.forms[0]["code"] == "c-1"


@pytest.mark.parametrize("target", ["http://[/callback", "//[x"])
async def test_a_request_for_no_address_does_not_end_a_login(
    target: str, server: AuthServer
) -> None:
    """Any page and any program may send nonsense here."""
    server.answers = [(200, _FIRST)]
    browser = _Browser(code="c-1")
    go = browser._go
    heads: list[bytes] = []

    async def go_after_nonsense(url: str) -> None:
        back = urlsplit(parse_qs(urlsplit(url).query)["redirect_uri"][0])
        assert back.port is not None
        async with await anyio.connect_tcp("127.0.0.1", back.port) as stream:
            await stream.send(f"GET {target} HTTP/1.1\r\n\r\n".encode())
            heads.append(await stream.receive())
        await go(url)

    browser._go = go_after_nonsense  # type: ignore[method-assign]
    login = await browser.login(settings_for(server))

    assert login.tokens.access_token == "at-1"
    assert heads[0].startswith(b"HTTP/1.1 400 ")


async def test_connections_that_say_nothing_do_not_end_a_login(server: AuthServer) -> None:
    """Browsers connect ahead and send nothing, or go away."""
    server.answers = [(200, _FIRST)]
    browser = _Browser(code="c-1")
    go = browser._go

    async def go_after_silence(url: str) -> None:
        back = urlsplit(parse_qs(urlsplit(url).query)["redirect_uri"][0])
        assert back.port is not None
        async with await anyio.connect_tcp("127.0.0.1", back.port):
            async with await anyio.connect_tcp("127.0.0.1", back.port) as half:
                await half.send(b"GET /callback?co")
            await go(url)

    browser._go = go_after_silence  # type: ignore[method-assign]
    login = await browser.login(settings_for(server))

    assert login.tokens.access_token == "at-1"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"error": "access_denied", "error_description": "not today"}, "not today"),
        (
            {"error": "access_\x1b[2Jdenied", "error_description": "no\x07t"},
            r"access_\[2Jdenied\): not",
        ),
        ({}, "no code"),
    ],
)
async def test_a_refusal_ends_the_login_with_its_reason(
    answer: dict[str, str], words: str, server: AuthServer
) -> None:
    """Who pressed "cancel" must not wait for minutes."""
    browser = _Browser(**answer)

    with pytest.raises(LoginFailed, match=words):
        await browser.login(settings_for(server))

    assert browser.pages[-1][0] == 400
    assert not server.forms


async def test_nobody_who_comes_back_ends_the_login() -> None:
    """A closed browser is not waited for for ever."""
    with pytest.raises(LoginFailed, match="nobody came back"):
        await sign_in(settings_for(login_limit_s=0.01), lambda _: None)


async def test_a_taken_port_is_told(server: AuthServer) -> None:
    """A fixed port may be in use."""
    port = urlsplit(server.url).port

    with pytest.raises(LoginFailed, match=f"cannot listen on 127.0.0.1:{port}"):
        await sign_in(settings_for(redirect_port=port), lambda _: None)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((400, {"error": "invalid_grant", "error_description": "code code-1 is old"}), "is old"),
        ((500, "oops"), "HTTP 500"),
        ((200, []), "HTTP 200"),
        ((200, {"refresh_token": "rt"}), "no access_token"),
    ],
)
async def test_a_code_without_tokens_is_a_failed_login(
    answer: tuple[int, Any], words: str, server: AuthServer
) -> None:
    """The reason is the server's, and no code is shown."""
    server.answers = [answer]

    with pytest.raises(LoginFailed, match=words) as caught:
        await _Browser(code="code-1").login(settings_for(server))

    assert "code-1" not in str(caught.value)


async def test_the_bearer_may_be_another_token(server: AuthServer) -> None:
    """Which token an API takes is for its owner to say."""
    server.answers = [(200, {**_FIRST, "api_key": "sk-1"})]

    login = await _Browser(code="c").login(settings_for(server, bearer="api_key"))

    assert await LoginKey(MemoryTokens(login), clock=lambda: NOW)() == "sk-1"


def test_a_challenge_fits_a_url() -> None:
    """No padding, and no character that a URL would change."""
    first, second = new_pkce(), new_pkce()

    assert first != second
    assert len(first.verifier) == len(first.challenge) == 43
    assert set("+/=").isdisjoint(first.challenge + first.verifier)
    # the example of RFC 7636
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == (
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )


@pytest.mark.parametrize(
    ("result", "expires_at"),
    [
        ({"expires_in": 10}, NOW + 10),
        ({"expires_in": "10"}, NOW + 10),
        ({"expires_in_seconds": 10}, NOW + 10),
        ({"expires_in": None}, None),
        ({"expires_in": 10**400}, None),
        ({"expires_in": "1" * 400}, None),
        ({"expires_in": "1" * 400, "expires_in_seconds": 10}, NOW + 10),
        ({}, None),
    ],
)
def test_a_lifetime_is_read_where_servers_write_it(
    result: dict[str, Any], expires_at: float | None
) -> None:
    """A token whose end is not known is used until it is refused."""
    assert tokens_of({"access_token": "a", **result}, NOW).expires_at == expires_at


def test_tokens_do_not_show_themselves() -> None:
    """A log of an object must not hold a key."""
    assert "at-1" not in repr(login_at())
    assert "rt-1" not in str(login_at().tokens)
    login = login_at(token_fields={"client_secret": "very-secret"})
    assert "very-secret" not in f"{login!r} {login.settings}"
    assert "client_secret" in repr(login)


async def test_a_server_that_repeats_a_field_does_not_show_it(server: AuthServer) -> None:
    """Its message stands in logs."""
    server.answers = [(400, {"error": "invalid_client", "error_description": "no: very-secret"})]
    login = login_at(server, token_fields={"client_secret": "very-secret"})

    with pytest.raises(MissingCredential, match=r"no: \[redacted\]"):
        await LoginKey(MemoryTokens(login), clock=lambda: NOW + 3600)()


async def test_a_young_token_is_used_as_it_is(server: AuthServer) -> None:
    """No call is made for it."""
    key = LoginKey(MemoryTokens(login_at(server)), clock=lambda: NOW + 3600 - 61)

    assert await key() == "at-1"
    assert not server.forms


async def test_a_token_is_renewed_before_it_ends(server: AuthServer) -> None:
    """A call that begins now must still be answered; a refresh token not given stays."""
    server.answers = [(200, {"access_token": "at-2", "expires_in": 3600})]
    store = MemoryTokens(login_at(server))
    key = LoginKey(store, clock=lambda: NOW + 3600 - 60)

    assert await key() == "at-2"
    assert await key() == "at-2"

    [form] = server.forms
    assert (form["grant_type"], form["refresh_token"]) == ("refresh_token", "rt-1")
    saved = store.load()
    assert saved is not None
    assert (saved.tokens.access_token, saved.tokens.refresh_token) == ("at-2", "rt-1")


async def test_calls_at_once_renew_once(server: AuthServer) -> None:
    """A refresh token often counts only once."""
    server.answers = [(200, {"access_token": "at-2", "refresh_token": "rt-2", "expires_in": 99})]
    key = LoginKey(MemoryTokens(login_at(server)), clock=lambda: NOW + 3600)
    found: list[str] = []

    async def ask() -> None:
        found.append(await key())

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(ask)

    assert found == ["at-2"] * 5
    assert len(server.forms) == 1


async def test_a_token_that_another_process_renewed_is_taken(server: AuthServer) -> None:
    """Two programs of one person share a login."""
    store = MemoryTokens(login_at(server))
    now = [NOW]
    key = LoginKey(store, clock=lambda: now[0])
    assert await key() == "at-1"
    renewed = Tokens(access_token="at-other", refresh_token="rt-2", expires_at=NOW + 7200)
    store.save(SavedLogin(settings=settings_for(server), tokens=renewed))
    now[0] = NOW + 3600

    assert await key() == "at-other"
    assert not server.forms


def _renewed_by_another() -> SavedLogin:
    tokens = Tokens(access_token="at-other", refresh_token="rt-2", expires_at=NOW + 7200)
    return SavedLogin(settings=settings_for(), tokens=tokens)


async def test_a_refusal_because_another_has_renewed_is_none() -> None:
    """Two programs asked with one refresh token, and the other one was first."""
    store = MemoryTokens(login_at())

    def refused(_: httpx.Request) -> httpx.Response:
        store.save(_renewed_by_another())
        return httpx.Response(400, json={"error": "invalid_grant"})

    def client() -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(refused))

    assert await LoginKey(store, clock=lambda: NOW + 3600, client=client)() == "at-other"


async def test_a_program_waits_while_another_renews(
    server: AuthServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some servers end a whole login when a refresh token comes twice."""
    store = FileTokens(tmp_path / "openai.json")
    store.save(login_at(server))
    let_go = FileTokens(store.file).try_hold()
    assert let_go is not None
    tries: list[bool] = []
    try_hold = store.try_hold

    def counted() -> Any:
        held = try_hold()
        tries.append(held is not None)
        if held is None:
            store.save(_renewed_by_another())
            let_go()
        return held

    monkeypatch.setattr(store, "try_hold", counted)
    assert await LoginKey(store, clock=lambda: NOW + 3600)() == "at-other"
    assert tries == [False, True]
    assert not server.forms
    last = try_hold()
    assert last is not None, "it was let go"
    last()


async def test_an_ended_login_asks_for_a_new_one(server: AuthServer) -> None:
    """Nothing else helps, so no call is repeated."""
    server.answers = [(400, {"error": "invalid_grant", "error_description": "rt-1 revoked"})]
    key = LoginKey(MemoryTokens(login_at(server)), clock=lambda: NOW + 3600)

    with pytest.raises(MissingCredential, match="mentra login openai") as caught:
        await key()

    assert "rt-1" not in str(caught.value)


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_a_server_in_trouble_is_asked_again_later(status: int, server: AuthServer) -> None:
    """A login must not be lost for a moment of trouble."""
    server.answers = [(status, {"error": "busy"})]
    store = MemoryTokens(login_at(server))

    with pytest.raises(ProviderError) as caught:
        await LoginKey(store, clock=lambda: NOW + 3600)()

    assert caught.value.transient
    assert store.load() == login_at(server)


async def test_a_server_that_is_away_is_asked_again_later() -> None:
    """The network comes back."""
    key = LoginKey(MemoryTokens(login_at()), clock=lambda: NOW + 3600)

    with pytest.raises(ProviderError, match="not reached") as caught:
        await key()

    assert caught.value.transient


async def test_without_a_login_there_is_no_key() -> None:
    """The message says what to do."""
    with pytest.raises(MissingCredential, match="mentra login"):
        await LoginKey(MemoryTokens())()


class _Api:
    """An API that takes some tokens and refuses others."""

    def __init__(self, *good: str) -> None:
        self.seen: list[str] = []
        self._good = good
        client = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        self.transport = HttpTransport(client)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        token = request.headers["authorization"].removeprefix("Bearer ")
        self.seen.append(token)
        if token in self._good:
            return streamed(COMPLETED)
        return httpx.Response(401, json={"error": {"message": "token expired"}})


async def test_a_token_that_is_refused_early_is_renewed_for_the_next_call(
    server: AuthServer,
) -> None:
    """The repeat of the call, which a runtime makes of a transient error, succeeds."""
    server.answers = [(200, {"access_token": "at-2", "expires_in": 3600})]
    api = _Api("at-2")
    key = LoginKey(MemoryTokens(login_at(server)), clock=lambda: NOW)
    provider = HttpProvider(OPENAI, api_key=key, environ={}, transport=api.transport)

    error = await error_from(provider)
    await events_from(provider)

    assert (error.status, error.transient) == (401, True)
    assert api.seen == ["at-1", "at-2"]


async def test_a_token_that_is_refused_again_is_the_answer(server: AuthServer) -> None:
    """Else a login without the right to call would be renewed for ever."""
    server.answers = [(200, {"access_token": "at-2", "expires_in": 3600})]
    api = _Api()
    key = LoginKey(MemoryTokens(login_at(server)), clock=lambda: NOW)
    provider = HttpProvider(OPENAI, api_key=key, environ={}, transport=api.transport)

    errors = [await error_from(provider) for _ in range(3)]

    assert [error.transient for error in errors] == [True, False, False]
    assert api.seen == ["at-1", "at-2", "at-2"]
    assert len(server.forms) == 1


async def test_a_plain_key_that_is_refused_is_final() -> None:
    """Nobody can renew it."""
    api = _Api()
    provider = HttpProvider(OPENAI, api_key="sk", environ={}, transport=api.transport)

    assert not (await error_from(provider)).transient

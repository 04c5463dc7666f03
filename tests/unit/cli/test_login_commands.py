"""`mentra login` and `mentra logout`, and what a login is good for."""

import json
import socket
import stat
import threading
import webbrowser
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from local_server import running


def _answer(asked):
    """Tokens for any code, and answers for the token of that login."""
    if asked.path == "/token":
        return 200, "application/json", b'{"access_token":"at-1","expires_in":3600}'
    if asked.headers["authorization"] != "Bearer at-1":
        return 401, "application/json", b"{}"
    done = {"type": "response.completed", "response": {"status": "completed"}}
    text = {"type": "response.output_text.done", "text": "Signed in."}
    frames = [f"data: {json.dumps(event)}\n\n" for event in (text, done)]
    return 200, "text/event-stream", "".join(frames).encode()


@pytest.fixture
def server():
    with running(_answer) as local:
        yield local.url


@pytest.fixture
def browser(monkeypatch):
    """A browser in which somebody agrees at once; the threads that it browses on are joined."""
    threads = []

    def go(url):
        query = parse_qs(urlsplit(url).query)
        back = {"state": query["state"][0], "code": "c"}
        arguments = {"url": query["redirect_uri"][0], "params": back}
        threads.append(threading.Thread(target=httpx.get, kwargs=arguments))
        threads[-1].start()
        return True

    monkeypatch.setattr(webbrowser, "open", go)
    yield threads
    for thread in threads:
        thread.join()


@pytest.fixture
def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def urls(server):
    return ["--authorize-url", f"{server}/authorize", "--token-url", f"{server}/token"]


def test_a_login_is_used_until_the_logout(mentra, server, urls, browser, tmp_path, monkeypatch):
    """The whole way: sign in, work without a key, sign out."""
    monkeypatch.setenv("MENTRA_OPENAI_BASE_URL", server)
    store = ["--store", tmp_path / "team.mentra"]
    run = ["run", "Hi", *store, "--model", "openai:m", "--no-files"]

    assert mentra("login", "openai", "--client-id", "c1", *urls) == 0
    assert "You are signed in to openai." in mentra.out
    file = tmp_path / "home" / "mentra" / "auth" / "openai.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    assert mentra(*run) == 0
    assert "Signed in." in mentra.out

    assert mentra("logout", "openai") == 0
    assert "signed out" in mentra.out
    assert not file.exists()
    assert mentra(*run) == 2
    assert "OPENAI_API_KEY" in mentra.err


def test_a_login_for_programs(mentra, urls, browser):
    """The address for a browser of their own, then what came of it; no token is shown."""
    arguments = ["login", "openai", "--client-id", "c1", *urls, "--json"]

    assert mentra(*arguments) == 0

    address, outcome = map(json.loads, mentra.out.splitlines())
    assert "code_challenge" in address["sign_in_at"]
    assert outcome["provider"] == "openai"
    assert "at-1" not in mentra.out + mentra.err


def test_the_browser_comes_back_to_a_registered_address(mentra, urls, browser, unused_port):
    """Many servers know only the addresses that were registered with a client."""
    redirect = f"http://localhost:{unused_port}/auth/callback"
    arguments = ["login", "openai", "--client-id", "c1", *urls, "--redirect", redirect, "--json"]

    assert mentra(*arguments) == 0

    address = json.loads(mentra.out.splitlines()[0])["sign_in_at"]
    assert parse_qs(urlsplit(address).query)["redirect_uri"] == [redirect]


def test_a_logout_without_a_login_is_no_failure(mentra):
    """It is what was wanted."""
    assert mentra.json("logout", "openai") == {"provider": "openai", "forgotten": False}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["login", "nobody", "--client-id", "c"], "known: anthropic"),
        (["login", "gemini", "--client-id", "c"], "--authorize-url and --token-url"),
        (["login", "openai", "--client-id", "c", "--token-url", "http://h"], "say both"),
        (["login", "openai"], "client"),
        (["login", "openai", "--client-id", "c", "--redirect", "http://h/x"], "with a port"),
        (["login", "openai", "--client-id", "c", "--redirect", "http://h:x/"], "with a port"),
    ],
)
def test_what_a_login_needs_is_said(mentra, arguments, words):
    """Before a browser is opened."""
    assert mentra(*arguments) == 2
    assert words in mentra.err


def test_an_unknown_place_for_logins_is_told(mentra, monkeypatch):
    """A typing mistake must not leave a login in a file."""
    monkeypatch.setenv("MENTRA_LOGIN_STORE", "cloud")

    assert mentra("logout", "openai") == 2
    assert "'file' or the 'keyring'" in mentra.err


def test_a_broken_login_is_told_when_it_is_used(mentra, tmp_path):
    """And stands in the way of no other provider."""
    file = tmp_path / "home" / "mentra" / "auth" / "openai.json"
    file.parent.mkdir(parents=True)
    file.write_text("{")
    run = ["run", "Hi", "--store", tmp_path / "team.mentra", "--no-files"]

    assert mentra(*run, "--model", "offline:survey") == 0
    assert mentra(*run, "--model", "openai:m") == 1
    assert "sign in again" in mentra.err

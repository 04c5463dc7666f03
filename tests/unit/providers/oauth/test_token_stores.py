"""Where logins are kept: in memory, in a file of their owner, in the keyring."""

import os
import sys
from pathlib import Path

import pytest

from mentra_actors.errors import (
    ConfigurationError,
)
from mentra_actors.providers.oauth.settings import SavedLogin
from mentra_actors.providers.oauth.token_store import (
    FileTokens,
    KeyringTokens,
    MemoryTokens,
    TokenStore,
    login_file,
)
from mentra_actors.providers.oauth.tokens import Tokens

sys.path.insert(0, str(Path(__file__).parent))
from login_server import login_at, settings_for

pytestmark = pytest.mark.anyio


@pytest.fixture
def stores(tmp_path: Path) -> list[TokenStore]:
    return [MemoryTokens(), FileTokens(tmp_path / "auth" / "openai.json")]


async def test_stores_keep_one_login(stores: list[TokenStore]) -> None:
    """Saved, read, replaced, forgotten."""
    for store in stores:
        assert store.load() is None
        assert store.clear() is False
        store.save(login_at())
        other = SavedLogin(settings=settings_for(), tokens=Tokens(access_token="new"))
        store.save(other)

        assert store.load() == other
        assert store.clear() is True
        assert store.load() is None


def test_a_file_is_for_its_owner_only(tmp_path: Path) -> None:
    """Also where an older file was open to others, and nothing else is left."""
    directory = tmp_path / "auth"
    file = directory / "openai.json"
    FileTokens(file).save(login_at())
    file.chmod(0o644)

    FileTokens(file).save(login_at())

    assert file.stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700
    assert list(directory.iterdir()) == [file]


def test_a_directory_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    """Others may have to read what else stands in it."""
    directory = tmp_path / "shared"
    directory.mkdir()
    directory.chmod(0o755)

    FileTokens(directory / "openai.json").save(login_at())

    assert directory.stat().st_mode & 0o777 == 0o755


def test_a_file_that_cannot_be_replaced_keeps_the_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a login is none: the old one stays until the new one is whole."""
    store = FileTokens(tmp_path / "auth" / "openai.json")
    store.save(login_at())

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigurationError, match="No space left"):
        store.save(SavedLogin(settings=settings_for(), tokens=Tokens(access_token="new")))

    assert store.load() == login_at()
    assert len(list((tmp_path / "auth").iterdir())) == 1


@pytest.mark.parametrize("content", [b"", b"{", b'{"settings": 1}', b"\xff"])
def test_a_broken_file_is_told(content: bytes, tmp_path: Path) -> None:
    """And what to do about it; not what stands in it."""
    file = tmp_path / "openai.json"
    file.write_bytes(content)

    with pytest.raises(ConfigurationError, match="sign in again"):
        FileTokens(file).load()


def test_the_file_is_where_the_platform_keeps_such_things() -> None:
    """By the simple rule of each platform."""
    linux = login_file("openai", {"XDG_DATA_HOME": "/data"}, "linux")

    assert linux == Path("/data/mentra/auth/openai.json")
    assert login_file("openai", {}, "linux").parts[-5:-3] == (".local", "share")
    assert "Application Support" in str(login_file("openai", {}, "darwin"))
    assert login_file("openai", {"APPDATA": "/roaming"}, "win32").parent.parent == Path(
        "/roaming/mentra"
    )


def test_the_keyring_keeps_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same contract, over the keyring of the system (here: one in memory)."""
    keyring = pytest.importorskip("keyring")
    kept: dict[tuple[str, str], str] = {}

    class _Memory(keyring.backend.KeyringBackend):
        priority = 1

        def get_password(self, service: str, username: str) -> str | None:
            return kept.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            kept[service, username] = password

        def delete_password(self, service: str, username: str) -> None:
            del kept[service, username]

    before = keyring.get_keyring()
    keyring.set_keyring(_Memory())
    try:
        store = KeyringTokens("openai")
        assert store.load() is None
        assert store.clear() is False
        store.save(login_at())
        assert store.load() == login_at()
        assert store.clear() is True
        assert not kept
    finally:
        keyring.set_keyring(before)

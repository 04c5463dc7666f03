"""Where logins are kept: in memory, in a file that only its owner can read, or in the keyring."""

import fcntl
import importlib
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import msgspec

from mentra_actors.errors import ConfigurationError
from mentra_actors.providers.oauth.settings import SavedLogin

__all__ = [
    "FileTokens",
    "KeyringTokens",
    "MemoryTokens",
    "SharedTokens",
    "TokenStore",
    "login_file",
]

_OWNER_ONLY_DIRECTORY = 0o700
_OWNER_ONLY_FILE = 0o600
_SERVICE = "mentra"


class TokenStore(Protocol):
    """Keeps one login. The methods may block, and are called on a thread."""

    def load(self) -> SavedLogin | None:
        """The login, or None if there is none.

        Raises:
            ConfigurationError: it cannot be read.
        """
        ...

    def save(self, login: SavedLogin) -> None:
        """Keep a login in the place of the one before.

        Raises:
            ConfigurationError: it cannot be written.
        """
        ...

    def clear(self) -> bool:
        """Forget the login; False if there was none."""
        ...


@runtime_checkable
class SharedTokens(Protocol):
    """A `TokenStore` that lets one program at a time renew the login."""

    def try_hold(self) -> Callable[[], None] | None:
        """Keep others from renewing until what is returned is called; None while one renews.

        Raises:
            ConfigurationError: there is no place for it.
        """
        ...


class MemoryTokens:
    """A login that ends with the process."""

    def __init__(self, login: SavedLogin | None = None) -> None:
        self._login = login

    def load(self) -> SavedLogin | None:
        """See `TokenStore`."""
        return self._login

    def save(self, login: SavedLogin) -> None:
        """See `TokenStore`."""
        self._login = login

    def clear(self) -> bool:
        """See `TokenStore`."""
        had_one, self._login = self._login is not None, None
        return had_one


class FileTokens:
    """A login in a file with the mode 0600, in a directory with the mode 0700.

    A new login takes the place of the old by one renaming, so nobody reads half of one, and a
    wider mode of an older file does not stay. A directory that is there already keeps its mode.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def load(self) -> SavedLogin | None:
        """See `TokenStore`."""
        try:
            content = self.file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigurationError(f"cannot read {self.file}: {error.strerror}") from error
        return _login_of(content, str(self.file))

    def save(self, login: SavedLogin) -> None:
        """See `TokenStore`."""
        directory = self.file.parent
        try:
            directory.mkdir(mode=_OWNER_ONLY_DIRECTORY, parents=True, exist_ok=True)
            descriptor, draft = tempfile.mkstemp(prefix=".login-", dir=directory)
            try:
                with open(descriptor, "wb") as opened:
                    opened.write(msgspec.json.encode(login))
                    opened.flush()
                    os.fsync(descriptor)
                Path(draft).replace(self.file)
            except BaseException:
                Path(draft).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise ConfigurationError(f"cannot write {self.file}: {error.strerror}") from error

    def try_hold(self) -> Callable[[], None] | None:
        """See `SharedTokens`; by a lock on a file beside that of the login."""
        beside = self.file.with_name(f"{self.file.name}.lock")
        try:
            self.file.parent.mkdir(mode=_OWNER_ONLY_DIRECTORY, parents=True, exist_ok=True)
            descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, _OWNER_ONLY_FILE)
        except OSError as error:
            raise ConfigurationError(f"cannot open {beside}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError:  # a file system without locks: nobody can be kept out
            return partial(os.close, descriptor)
        return partial(_let_go, descriptor)

    def clear(self) -> bool:
        """See `TokenStore`."""
        try:
            self.file.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise ConfigurationError(f"cannot remove {self.file}: {error.strerror}") from error
        return True


class KeyringTokens:
    """A login in the keyring of the system; needs the extra `keyring`.

    Raises:
        ConfigurationError: the extra is not installed.
    """

    def __init__(self, provider: str) -> None:
        self._provider = provider
        try:
            self._keyring: Any = importlib.import_module("keyring")
        except ImportError as error:
            raise ConfigurationError(
                "the keyring needs an extra: pip install 'mentra-actors[keyring]'"
            ) from error

    def load(self) -> SavedLogin | None:
        """See `TokenStore`."""
        content = self._asked("get_password")
        return None if content is None else _login_of(content.encode(), "the keyring")

    def save(self, login: SavedLogin) -> None:
        """See `TokenStore`."""
        self._asked("set_password", msgspec.json.encode(login).decode())

    def clear(self) -> bool:
        """See `TokenStore`."""
        if self._asked("get_password") is None:
            return False
        self._asked("delete_password")
        return True

    def _asked(self, what: str, *more: str) -> Any:
        try:
            return getattr(self._keyring, what)(_SERVICE, self._provider, *more)
        except self._keyring.errors.KeyringError as error:
            raise ConfigurationError(f"the keyring refused: {type(error).__name__}") from None


def login_file(
    provider: str, environ: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> Path:
    """Where the login of a provider is kept, in the user's own directory for data."""
    home = Path.home()
    if platform == "darwin":
        base = home / "Library" / "Application Support"
    elif platform == "win32":
        base = Path(environ.get("APPDATA") or home / "AppData" / "Roaming")
    else:
        base = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "mentra" / "auth" / f"{provider}.json"


def _let_go(descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_UN)  # a child of a fork may have it as well
    os.close(descriptor)


def _login_of(content: bytes, place: str) -> SavedLogin:
    try:
        return msgspec.json.decode(content, type=SavedLogin)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ConfigurationError(
            f"{place} holds no login: sign in again, or sign out to remove it"
        ) from None

"""One call to a server, before it is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal
from urllib.parse import urlsplit

from mentra_actors.providers.http.redaction import Redaction, secret_texts

__all__ = ["HttpCall"]

_MOST_CHARS = 8 * 1024
_MOST_LABEL_CHARS = 256
_MOST_READ_CHARS = 64 * 1024


@dataclass(frozen=True)
class HttpCall:
    """One request. `secrets` are texts that no message may hold; its `repr` hides them too.

    Headers and parameters of the query whose names say that they are secret are kept out of
    messages as well.
    """

    provider: str
    url: str = field(repr=False)
    body: tuple[bytes, ...] = field(default=(), repr=False)
    """In parts: of a long conversation those that the next request has, too."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    hint_404: str = ""
    hint_key: str = ""
    method: Literal["GET", "POST"] = "POST"

    def redacted(self, text: str) -> str:
        """The beginning of a text, without the secrets of this call.

        Much more than is kept is read, so that no key is cut where its rest is not known for one.
        """
        return self._redaction(text[:_MOST_READ_CHARS])[:_MOST_CHARS]

    def label(self, text: str) -> str:
        """The same for an id, a code or a name."""
        return self.redacted(text)[:_MOST_LABEL_CHARS]

    @cached_property
    def host(self) -> str:
        """Where the call goes, without the password that a URL may hold."""
        try:
            return urlsplit(self.url).netloc.rpartition("@")[2] or "an invalid URL"
        except ValueError:
            return "an invalid URL"

    @cached_property
    def _redaction(self) -> Redaction:
        return Redaction((*self.secrets, *secret_texts(self.headers, self.url)))

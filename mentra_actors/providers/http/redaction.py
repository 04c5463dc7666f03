"""Texts without keys, in whatever form a server or a library repeats them."""

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

__all__ = ["Redaction", "secret_texts"]

MASK = "[redacted]"

_LEAST_CHARS = 4
_LEAST_ENCODED_CHARS = 8
_NAMES = r"key|secret|token|passw|\bsig|credential"
_SECRET_NAME = re.compile(rf"auth|cookie|{_NAMES}", re.IGNORECASE)
_SECRET_QUERY = re.compile(rf"([?&][^=&\s]*(?:{_NAMES})[^=&\s]*=)[^&\s\"'<>]+", re.IGNORECASE)


class Redaction:
    """Takes secrets out of texts: as they are, percent-encoded, in JSON and in base64.

    Secrets of fewer than four characters are none: they stand in every other word.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret.strip())}
        self._pattern = _pattern_of(forms)

    def __call__(self, text: str) -> str:
        """The text with `[redacted]` in the place of each secret."""
        text = _SECRET_QUERY.sub(rf"\1{MASK}", text) if "=" in text else text
        return self._pattern.sub(MASK, text) if self._pattern else text


def secret_texts(headers: Mapping[str, str], url: str) -> Iterator[str]:
    """What is secret in a call: values of headers and parameters that are named so, passwords."""
    for name, value in headers.items():
        if _SECRET_NAME.search(name):
            yield value
            yield value.rpartition(" ")[2]
    try:
        parts = urlsplit(url)
        password, query = parts.password, parts.query
    except ValueError:
        return
    if password:
        yield unquote(password)
    for name, value in parse_qsl(query):
        if _SECRET_NAME.search(name):
            yield value


def _pattern_of(forms: Iterable[str]) -> re.Pattern[str] | None:
    longest_first = sorted(filter(None, forms), key=len, reverse=True)
    # percent-encoding may be written in small or capital letters
    escaped = (re.sub(r"%([0-9A-F]{2})", r"(?i:%\1)", re.escape(form)) for form in longest_first)
    pattern = "|".join(escaped)
    return re.compile(pattern) if pattern else None


def _forms(secret: str) -> Iterator[str]:
    if len(secret) < _LEAST_CHARS:
        return
    yield secret
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield secret.replace("\\", "\\\\").replace('"', '\\"')
    if len(secret) >= _LEAST_ENCODED_CHARS:
        for encode in (b64encode, urlsafe_b64encode):
            yield from _base64_forms(secret.encode(), encode)


def _base64_forms(secret: bytes, encode: Callable[[bytes], bytes]) -> Iterator[str]:
    """The characters that only the secret decides, wherever it begins in what was encoded."""
    for before in range(3):
        encoded = encode(b"\0" * before + secret).decode()
        first = -(-before * 8 // 6)
        last = (before + len(secret)) * 8 // 6
        yield encoded[first:last]

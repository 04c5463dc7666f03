"""Texts without keys, in whatever form a server or a library repeats them."""

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from html.entities import codepoint2name
from urllib.parse import parse_qsl, quote, unquote, urlsplit

__all__ = ["Redaction", "is_secret_name", "secret_texts"]

MASK = "[redacted]"

_KNOWN_KEYS = 32  # a key serves many calls, and the forms of each are many
_LEAST_CHARS = 4
_LEAST_ENCODED_CHARS = 8
_MOST_BACKSLASHES = 8  # JSON inside JSON doubles them each time
_NAMES = r"key|secret|token|passw|\bsig|credential"
_SECRET_NAME = re.compile(rf"auth|cookie|{_NAMES}", re.IGNORECASE)
_SECRET_PARAMETER = re.compile(_NAMES, re.IGNORECASE)
# no mark of a beginning inside a name: each character of a text is looked at once
_QUERY_PARAMETER = re.compile(r"([?&]([^=&\s?]*)=)[^&\s\"'<>]+")


class Redaction:
    """Takes secrets out of texts: as they are, escaped for URLs, JSON or HTML, and in base64.

    Secrets of fewer than four characters are none: they stand in every other word.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._pattern = _pattern_of(frozenset(secret.strip() for secret in secrets))

    def __call__(self, text: str) -> str:
        """The text with `[redacted]` in the place of each secret."""
        text = _QUERY_PARAMETER.sub(_masked_parameter, text) if "=" in text else text
        return self._pattern.sub(MASK, text) if self._pattern else text


def is_secret_name(name: str) -> bool:
    """True for what headers, parameters and fields with a secret in them are called."""
    return _SECRET_NAME.search(name) is not None


def secret_texts(headers: Mapping[str, str], url: str) -> Iterator[str]:
    """What is secret in a call: values of headers and parameters that are named so, passwords."""
    for name, value in headers.items():
        if is_secret_name(name):
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
        if is_secret_name(name):
            yield value


def _masked_parameter(found: re.Match[str]) -> str:
    return f"{found[1]}{MASK}" if _SECRET_PARAMETER.search(found[2]) else found[0]


@lru_cache(maxsize=_KNOWN_KEYS)
def _pattern_of(secrets: frozenset[str]) -> re.Pattern[str] | None:
    long_enough = [secret for secret in secrets if len(secret) >= _LEAST_CHARS]
    longest_first = sorted(long_enough, key=len, reverse=True)
    patterns = ["".join(map(_character_pattern, secret)) for secret in longest_first]
    for secret in longest_first:
        patterns += map(re.escape, filter(None, _encoded_forms(secret)))
    return re.compile("|".join(patterns)) if patterns else None


def _character_pattern(character: str) -> str:
    """A character as it is, or as URLs, JSON and HTML write it; letters are never escaped."""
    if character.isascii() and character.isalnum():
        return character
    code, plain = ord(character), re.escape(character)
    in_url = re.escape(quote(character, safe="", errors="surrogatepass"))
    ways = [
        rf"(?i:{in_url}|&#0{{0,5}}{code};|&#x0{{0,5}}{code:x};)",
        rf"\\{{0,{_MOST_BACKSLASHES}}}(?:(?i:u{code:04x})|{plain})",
    ]
    if code in codepoint2name:
        ways.insert(0, f"&{codepoint2name[code]};")
    return f"(?:{'|'.join(ways)}{'|[+]' if character == ' ' else ''})"


def _encoded_forms(secret: str) -> Iterator[str]:
    if len(secret) >= _LEAST_ENCODED_CHARS:
        for encode in (b64encode, urlsafe_b64encode):
            yield from _base64_forms(secret.encode("utf-8", "surrogatepass"), encode)


def _base64_forms(secret: bytes, encode: Callable[[bytes], bytes]) -> Iterator[str]:
    """The characters that only the secret decides, wherever it begins in what was encoded."""
    for before in range(3):
        encoded = encode(b"\0" * before + secret).decode()
        first = -(-before * 8 // 6)
        last = (before + len(secret)) * 8 // 6
        yield encoded[first:last]

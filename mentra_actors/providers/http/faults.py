"""What goes wrong with a call over HTTP, in neutral words.

A message never holds a key: servers and proxies repeat headers in their errors, so every text
from outside passes through `HttpCall.redacted`, and the original error is not kept.
"""

import html
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, TypeAlias
from urllib.parse import urljoin, urlsplit

import anyio
import httpx

from mentra_actors.errors import ProviderError
from mentra_actors.providers.http.body import first_bytes
from mentra_actors.providers.http.call import HttpCall
from mentra_actors.providers.http.headers import request_id_of
from mentra_actors.providers.http.retry_hints import (
    rate_limit_reset_s,
    retry_after_s,
)
from mentra_actors.providers.json_access import Json, decoded_json, object_of, text_of, whole_of
from mentra_actors.providers.provider_faults import (
    is_final_code,
    is_transient_status,
    retry_delay_of,
)

__all__ = [
    "HTTPX_ERRORS",
    "Phase",
    "body_start",
    "neutral_error",
    "neutral_errors",
    "status_error",
    "too_late",
]

Phase: TypeAlias = Literal["connecting", "sent", "streaming"]

_MAX_ERROR_BYTES = 64 * 1024
_ERROR_BODY_LIMIT_S = 10.0
_SHOULD_RETRY: Mapping[str, bool] = {"true": True, "false": False}
_MOST_PAGE_CHARS = 500
_TITLE = re.compile(r"<title[^<>]*>([^<]{1,200})", re.IGNORECASE)
_KEY_REFUSED = frozenset({httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN})
_NOTHING_THERE = frozenset({httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED})
HTTPX_ERRORS = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError)
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
    httpx.ProxyError,
)
_NO_TLS_THERE = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")


@contextmanager
def neutral_errors(call: HttpCall, phase: Phase) -> Iterator[None]:
    """Turns what httpx raises into a `ProviderError`; the original may repeat a header."""
    try:
        yield
    except HTTPX_ERRORS as error:
        raise neutral_error(call, phase, error) from None


def neutral_error(call: HttpCall, phase: Phase, error: Exception) -> ProviderError:
    """The same for an error that was caught; it is one of `HTTPX_ERRORS`."""
    fault = _from_httpx(call, error)
    fault.phase = "connecting" if isinstance(error, _NEVER_SENT) else phase
    return fault


def _from_httpx(call: HttpCall, error: Exception) -> ProviderError:
    words = call.redacted(str(error)) or "no details"
    where = f"{call.provider} at {call.host}"
    message = f"{where}: {type(error).__name__}: {words}"
    match error:
        case httpx.ConnectError() if _is_about_tls(error):
            return _tls_error(where, error, words)
        case httpx.ConnectError():
            hint = f"nothing answers there ({words}): is it running, is the address right?"
            return ProviderError(f"{where}: {hint}", kind="transport", transient=True)
        case httpx.UnsupportedProtocol() | httpx.InvalidURL() | httpx.LocalProtocolError():
            return ProviderError(message, kind="invalid_request", transient=False)
        case httpx.TimeoutException():
            return ProviderError(message, kind="timeout", transient=True)
        case httpx.DecodingError():
            return ProviderError(message, kind="malformed_stream", transient=False)
        case _:
            return ProviderError(message, kind="transport", transient=True)


def _is_about_tls(error: BaseException) -> bool:
    return any(isinstance(one, ssl.SSLError) for one in _causes(error)) or "SSL" in str(error)


def _tls_error(where: str, error: BaseException, words: str) -> ProviderError:
    """A certificate does not get better by waiting; a handshake that was cut may."""
    is_refused = "CERTIFICATE_VERIFY_FAILED" in words or any(
        isinstance(one, ssl.SSLCertVerificationError) for one in _causes(error)
    )
    is_plain = any(word in words for word in _NO_TLS_THERE)
    hint = ""
    if is_refused:
        hint = ": its certificate is not trusted; check the address, or give a client that trusts"
    elif is_plain:
        hint = ": it does not speak TLS; should the address begin with http:// ?"
    return ProviderError(
        f"{where}: TLS failed ({words}){hint}",
        kind="transport",
        transient=not (is_refused or is_plain),
        code="tls",
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def too_late(call: HttpCall, what: str, phase: Phase) -> ProviderError:
    """A limit of time has passed; `what` the server has not done by then."""
    error = ProviderError(f"{call.provider} {what}", kind="timeout", transient=True)
    error.phase = phase
    return error


async def status_error(call: HttpCall, response: httpx.Response, now: float) -> ProviderError:
    """The error that a response with a status other than 2xx stands for; reads its body."""
    body = await _error_body(response)
    error = _error_object(body)
    status = response.status_code
    code = _code_of(error)
    is_final = is_final_code(code) or is_final_code(text_of(error, "type"))
    transient = is_transient_status(status) and not is_final
    advice = response.headers.get("x-should-retry", "").strip().lower()
    said = text_of(error, "message")
    reason = call.redacted(_reason(response, error, body)).strip()
    hint = call.redacted(_hint(call, response, is_explained=bool(said)))
    return ProviderError(
        f"{call.provider} answered HTTP {status}{': ' if reason else ''}{reason}{hint}",
        kind="http",
        transient=_SHOULD_RETRY.get(advice, transient) and not response.has_redirect_location,
        status=status,
        code=call.redacted(code) or None,
        retry_after_s=_wait_s(response, error, now),
        request_id=request_id_of(response.headers),
        phase="sent",
        body=call.redacted(body.decode("utf-8", "replace")),
    )


def _wait_s(response: httpx.Response, error: Json, now: float) -> float | None:
    wait_s = retry_after_s(response.headers, now)
    if wait_s is None:
        wait_s = retry_delay_of(error)
    if wait_s is None and response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        wait_s = rate_limit_reset_s(response.headers)
    return wait_s


def _code_of(error: Json) -> str:
    """The word for the error, or its number where it has none."""
    words = (text_of(error, name) for name in ("code", "type", "status"))
    number = whole_of(error, "code")
    return next(filter(None, words), "") or (str(number) if number else "")


def _error_object(body: bytes) -> Json:
    """The object that describes an error; it may lie in a list, or be the whole body."""
    value = decoded_json(body)
    if isinstance(value, list):
        value = next((one for one in value if isinstance(one, dict)), None)
    whole: Json = value if isinstance(value, dict) else {}
    return object_of(whole, "error") or whole


def _reason(response: httpx.Response, error: Json, body: bytes) -> str:
    """Why the server refused: the message of its error object, else the start of the body."""
    message = text_of(error, "message")
    upstream = text_of(object_of(error, "metadata"), "raw")
    if message and upstream:
        return f"{message}: {upstream}"
    return message or body_start(response, body)


def body_start(response: httpx.Response, body: bytes) -> str:
    """The beginning of a body, for a message; of a page its title, or what is short."""
    text = body.decode("utf-8", "replace").strip()
    if text[:1] != "<" and "html" not in response.headers.get("content-type", ""):
        return text
    title = _TITLE.search(text)
    words = " ".join(html.unescape(title[1]).split()) if title else ""
    return words or text[:_MOST_PAGE_CHARS]


def _hint(call: HttpCall, response: httpx.Response, *, is_explained: bool) -> str:
    """What the user may do about it."""
    status = response.status_code
    if status == httpx.codes.NOT_FOUND and call.hint_404:
        return f" ({call.hint_404})"
    if status in _NOTHING_THERE and not is_explained:
        return " (is the address or `wire=` right?)"
    if status in _KEY_REFUSED and call.hint_key:
        return f" ({call.hint_key})"
    if response.has_redirect_location:
        return (
            f" (it redirects to {_target_host(call, response)}, which is not followed: the key "
            "would go there; set the base URL to the address that answers)"
        )
    return ""


def _target_host(call: HttpCall, response: httpx.Response) -> str:
    try:
        netloc = urlsplit(urljoin(call.url, response.headers["location"])).netloc
    except ValueError:
        return "an invalid URL"
    return netloc.rpartition("@")[2] or "an invalid URL"


async def _error_body(response: httpx.Response) -> bytes:
    """What can be read of an error's body; that it breaks must not hide the error."""
    pieces: list[bytes] = []
    try:
        with anyio.move_on_after(_ERROR_BODY_LIMIT_S):
            await first_bytes(response, _MAX_ERROR_BYTES, pieces)
    except (httpx.HTTPError, httpx.StreamError):
        pass
    return b"".join(pieces)[:_MAX_ERROR_BYTES]

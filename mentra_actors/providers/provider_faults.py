"""What the errors of providers mean: which stay, and which may pass when a call is repeated."""

import re
from collections.abc import Mapping

from mentra_actors.errors import ProviderError
from mentra_actors.providers.json_access import Json, list_of, text_of, whole_of

__all__ = [
    "foreign_events",
    "in_band_error",
    "invalid_request",
    "is_final_code",
    "is_transient_status",
    "malformed_answer",
    "malformed_stream",
    "no_answer",
    "open_call",
    "retry_delay_of",
    "unreadable_answer",
    "unwritable_request",
]

_STATUS_BY_CODE: Mapping[str, int] = {
    "server_error": 500,
    "rate_limit_exceeded": 429,
    "vector_store_timeout": 504,
    "server_is_overloaded": 503,
    "overloaded_error": 529,
    "rate_limit_error": 429,
    "api_error": 500,
    "internal_server_error": 500,
    "timeout_error": 408,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "invalid_request_error": 400,
    "billing_error": 402,
    "insufficient_quota": 429,
    "context_length_exceeded": 400,
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_TRANSIENT_STATUSES = frozenset({408, 409, 425, 429, *range(500, 600)})
_DURATION = re.compile(r"(?P<seconds>[0-9]{1,9}(\.[0-9]{1,9})?)s")
_HTTP_STATUS = re.compile(r"[1-5][0-9]{2}")
_FINAL_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached"})


def in_band_error(provider: str, error: Json) -> ProviderError:
    """An error that came inside an answer, from its object with `code`, `type` and `message`.

    A code says more than a type; an error that has neither of the known ones is final. Some
    servers send a number as the code, and then a word for it as `status`.
    """
    code = text_of(error, "code") or str(whole_of(error, "code") or "")
    word = text_of(error, "type") or text_of(error, "status")
    status = _status_of(code) or _STATUS_BY_CODE.get(word)
    is_final = not _FINAL_CODES.isdisjoint({code, word})
    label = (word or code) if code.isdecimal() else (code or word)
    message = text_of(error, "message") or "no message"
    return ProviderError(
        f"{provider} reported an error ({label or 'no code'}): {message}",
        kind="in_band",
        transient=not is_final and is_transient_status(status),
        status=status,
        code=label or None,
        retry_after_s=retry_delay_of(error),
    )


def retry_delay_of(error: Json) -> float | None:
    """Seconds that the `RetryInfo` among the details of an error asks to wait; None without."""
    for detail in list_of(error, "details"):
        delay = _DURATION.fullmatch(text_of(detail, "retryDelay").strip())
        if text_of(detail, "@type").endswith("google.rpc.RetryInfo") and delay:
            return float(delay["seconds"])
    return None


def is_final_code(code: str) -> bool:
    """Whether an error of this code stays, whatever its status says."""
    return code in _FINAL_CODES


def is_transient_status(status: int | None) -> bool:
    """Whether a call that got this HTTP status may succeed when it is repeated."""
    return status in _TRANSIENT_STATUSES


def _status_of(code: str) -> int | None:
    """The HTTP status that a code stands for; some servers send the number itself."""
    return int(code) if _HTTP_STATUS.fullmatch(code) else _STATUS_BY_CODE.get(code)


def invalid_request(message: str) -> ProviderError:
    """The provider cannot do what is asked; nothing was sent."""
    return ProviderError(message, kind="invalid_request", transient=False)


def malformed_stream(message: str, *, transient: bool = True) -> ProviderError:
    """An answer that broke off, or that nobody can read."""
    return ProviderError(message, kind="malformed_stream", transient=transient)


def malformed_answer(provider: str, fault: str, *, transient: bool = True) -> ProviderError:
    """A stream in which a decoder found a fault."""
    return malformed_stream(f"{provider} sent a malformed stream: {fault}", transient=transient)


def open_call(provider: str, name: str) -> ProviderError:
    """An answer has ended, and a call in it has not."""
    return malformed_answer(provider, f"the call of {name!r} was never closed")


def foreign_events(provider: str, wire: str) -> ProviderError:
    """Events have come, and a wire knew none of them: asking again would change nothing."""
    fault = f"no event of the wire {wire} was among its events; is `wire=` right?"
    return malformed_answer(provider, fault, transient=False)


def unreadable_answer(provider: str, error: Exception) -> ProviderError:
    """An answer that broke the decoder: a fault of ours that must not end more than a call."""
    fault = f"it could not be read ({type(error).__name__}: {error})"
    return malformed_answer(provider, fault, transient=False)


def unwritable_request(provider: str, error: Exception) -> ProviderError:
    """A request that cannot be put into bytes; it would fail in the same way again."""
    words = f"{type(error).__name__}: {error}"
    return invalid_request(f"the request to {provider} cannot be written: {words}")


def no_answer(result: Json) -> ProviderError:
    """A body that is JSON, and nothing that a wire knows."""
    return ProviderError(
        f"the body is neither events nor an answer: it has the fields {sorted(result)[:20]}",
        kind="invalid_response",
        transient=False,
    )

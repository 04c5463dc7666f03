"""Models to go on with when one fails, and the names of failures by which they are chosen."""

import re
from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.model_call import ProviderOptions, ReasoningOptions

__all__ = ["FailureName", "Fallback", "failure_name"]

FailureName: TypeAlias = Literal[
    "authentication",
    "configuration",
    "context_exceeded",
    "invalid_request",
    "malformed_stream",
    "not_found",
    "overloaded",
    "quota",
    "rate_limit",
    "server_error",
    "timeout",
    "transport",
    "other",
]
"""Why a model call failed, in the words by which a fallback is chosen."""

_BY_CODE: dict[str, FailureName] = {
    "insufficient_quota": "quota",
    "billing_error": "quota",
    "billing_hard_limit_reached": "quota",
    "context_length_exceeded": "context_exceeded",
    "overloaded_error": "overloaded",
    "server_is_overloaded": "overloaded",
    "rate_limit_error": "rate_limit",
    "rate_limit_exceeded": "rate_limit",
}
_BY_STATUS: dict[int, FailureName] = {
    401: "authentication",
    402: "quota",
    403: "authentication",
    404: "not_found",
    408: "timeout",
    429: "rate_limit",
    503: "overloaded",
    529: "overloaded",
}
_BY_KIND: dict[str, FailureName] = {
    "configuration": "configuration",
    "invalid_request": "invalid_request",
    "malformed_stream": "malformed_stream",
    "invalid_response": "malformed_stream",
    "timeout": "timeout",
    "transport": "transport",
}
_BY_WORDS: tuple[tuple[re.Pattern[str], FailureName], ...] = (
    (
        re.compile(
            r"prompt is too long|context.(length|size|window)|maximum context|input token count"
            r"|exceed_context|too many (input )?tokens",
            re.IGNORECASE,
        ),
        "context_exceeded",
    ),
    (re.compile(r"credit balance|insufficient (funds|credits|quota)", re.IGNORECASE), "quota"),
    (
        re.compile(
            r"api.key (is )?(not valid|invalid)|(invalid|incorrect) api.key|API_KEY_INVALID",
            re.IGNORECASE,
        ),
        "authentication",
    ),
)
"""Most servers have no code for these and say them in a 400, each in words of its own."""
_SAID_IN_WORDS = {400, 402, 403, 413, 422, 500, None}
_CLIENT_ERRORS = range(400, 500)
_SERVER_ERRORS = range(500, 600)


class Fallback(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model (`provider:name`) to go on with when the one before it in the list has failed.

    It takes over for the failures named in `on`, or for all of them if that is empty, once the
    retries of the one before are used up, or after `after_attempts` failed attempts if that is
    fewer (1: at once). It then serves the rest of the run; the next run begins with the first
    model again. `retry_budget` counts for each model anew. `temperature`, `max_output_tokens`,
    `reasoning` and `provider` are the agent's, unless they are set here: what one model takes
    another may refuse.
    """

    model: str
    on: tuple[FailureName, ...] = ()
    after_attempts: int | None = None
    temperature: float | msgspec.UnsetType | None = msgspec.UNSET
    max_output_tokens: int | msgspec.UnsetType | None = msgspec.UNSET
    reasoning: ReasoningOptions | msgspec.UnsetType | None = msgspec.UNSET
    provider: ProviderOptions | msgspec.UnsetType = msgspec.UNSET

    def is_for(self, failure: FailureName, attempt: int, *, is_tried_again: bool) -> bool:
        """Whether it takes over when the attempt of this number (from 1) has failed."""
        if self.on and failure not in self.on:
            return False
        is_early = self.after_attempts is not None and attempt >= self.after_attempts
        return is_early or not is_tried_again


def failure_name(kind: str, status: int | None, code: str, message: str = "") -> FailureName:
    """The name of a failure: a code says more than words, these more than a status or a kind."""
    if code in _BY_CODE:
        return _BY_CODE[code]
    if status in _SAID_IN_WORDS and kind in ("http", "in_band"):
        for words, name in _BY_WORDS:
            if words.search(message):
                return name
    if status is not None and status in _BY_STATUS:
        return _BY_STATUS[status]
    if status in _SERVER_ERRORS:
        return "server_error"
    if status in _CLIENT_ERRORS:
        return "invalid_request"
    return _BY_KIND.get(kind, "other")

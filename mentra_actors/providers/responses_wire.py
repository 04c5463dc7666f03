"""The Responses wire: how servers that speak it differ, what their errors mean, safe JSON access.

A difference between servers is a field of `Profile`, never a branch on a name.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from mentra_actors.domain.content import Provenance
from mentra_actors.errors import ProviderError

__all__ = [
    "GENERIC",
    "LMSTUDIO",
    "OLLAMA",
    "OPENAI",
    "WIRE",
    "Json",
    "Profile",
    "in_band_error",
    "is_final_code",
    "is_transient_status",
    "list_of",
    "object_of",
    "text_of",
    "whole_of",
]

WIRE = "openai_responses"

Json: TypeAlias = Mapping[str, Any]


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A server that speaks Responses: where it is, and which habits of its own it has.

    `base_url` may be overridden by the first of `base_url_variables` that is set. A key is sent
    when `key_variable` is set, and `needs_key` refuses to call without.

    `asks_encrypted_reasoning` requests reasoning in a form that can be sent back, except for
    models whose name begins with one of `plain_models`: they do not reason and answer 400.
    `replays_reasoning`, `replays_opaque` and `replays_item_ids` say what the server takes back;
    `takes_phase` and `takes_tool_choice` which fields it knows. `hint_404` explains the usual
    cause of that status.
    """

    name: str
    base_url: str
    path: str = "v1/responses"
    base_url_variables: tuple[str, ...] = ()
    default_port: int | None = None
    key_variable: str = ""
    needs_key: bool = False
    asks_encrypted_reasoning: bool = False
    plain_models: tuple[str, ...] = ()
    replays_reasoning: bool = True
    replays_opaque: bool = True
    replays_item_ids: bool = True
    takes_phase: bool = False
    takes_tool_choice: bool = True
    hint_404: str = ""

    def provenance(self, model: str) -> Provenance:
        """The mark on blocks that only this server and model can read back."""
        return Provenance(provider=self.name, model=model, wire=WIRE)


OPENAI = Profile(
    name="openai",
    base_url="https://api.openai.com",
    base_url_variables=("MENTRA_OPENAI_BASE_URL", "OPENAI_BASE_URL"),
    key_variable="OPENAI_API_KEY",
    needs_key=True,
    asks_encrypted_reasoning=True,
    plain_models=("gpt-3", "gpt-4", "gpt-5-chat", "chatgpt-", "ft:gpt-3", "ft:gpt-4"),
    takes_phase=True,
)

OLLAMA = Profile(
    name="ollama",
    base_url="http://127.0.0.1:11434",
    base_url_variables=("MENTRA_OLLAMA_BASE_URL", "OLLAMA_HOST"),
    default_port=11434,
    key_variable="OLLAMA_API_KEY",
    replays_opaque=False,
    replays_item_ids=False,
    takes_tool_choice=False,
    hint_404="the model may not be pulled, or the server is older than 0.13 and has no Responses",
)

LMSTUDIO = Profile(
    name="lmstudio",
    base_url="http://127.0.0.1:1234",
    base_url_variables=("MENTRA_LMSTUDIO_BASE_URL",),
    default_port=1234,
    key_variable="LMSTUDIO_API_KEY",
    replays_opaque=False,
    replays_item_ids=False,
    hint_404="the server may be older than 0.3.29 and have no Responses",
)

GENERIC = Profile(name="generic", base_url="http://127.0.0.1:8000")
"""A compatible server of which nothing is known; use `msgspec.structs.replace` to describe it."""

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
}
_TRANSIENT_STATUSES = frozenset({408, 409, 429, *range(500, 600)})
_HTTP_STATUS = re.compile(r"[1-5][0-9]{2}")
_FINAL_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached"})


def in_band_error(provider: str, error: Json) -> ProviderError:
    """An error that came inside an answer, from its object with `code`, `type` and `message`.

    A code says more than a type; an error that has neither of the known ones is final.
    """
    code = text_of(error, "code") or str(whole_of(error, "code") or "")
    error_type = text_of(error, "type")
    status = _status_of(code) or _STATUS_BY_CODE.get(error_type)
    is_final = not _FINAL_CODES.isdisjoint({code, error_type})
    label = code or error_type
    message = text_of(error, "message") or "no message"
    return ProviderError(
        f"{provider} reported an error ({label or 'no code'}): {message}",
        kind="in_band",
        transient=not is_final and is_transient_status(status),
        status=status,
        code=label or None,
    )


def is_final_code(code: str) -> bool:
    """Whether an error of this code stays, whatever its status says."""
    return code in _FINAL_CODES


def is_transient_status(status: int | None) -> bool:
    """Whether a call that got this HTTP status may succeed when it is repeated."""
    return status in _TRANSIENT_STATUSES


def _status_of(code: str) -> int | None:
    """The HTTP status that a code stands for; some servers send the number itself."""
    return int(code) if _HTTP_STATUS.fullmatch(code) else _STATUS_BY_CODE.get(code)


def text_of(value: Json, key: str) -> str:
    """A text field, or `""` where it is missing, null or of another type."""
    found = value.get(key)
    return found if isinstance(found, str) else ""


def whole_of(value: Json, key: str) -> int:
    """A field that is a whole number, or 0."""
    found = value.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def object_of(value: Json, key: str) -> Json:
    """A field that is an object, or an empty one."""
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def list_of(value: Json, key: str) -> list[Json]:
    """The objects in a field that is a list, or none."""
    found = value.get(key)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []

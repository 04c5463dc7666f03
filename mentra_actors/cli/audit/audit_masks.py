"""What an audit shows of an event: everything, but for keys that stand in arguments or texts."""

import json
import re

import msgspec

from mentra_actors.json_types import JsonObject
from mentra_actors.providers.http.redaction import MASK, Redaction, is_secret_name
from projections.hooks.hook_event import HookEvent

__all__ = ["masked", "masked_text"]

_DATA = frozenset({"preview", "details"})
_WORDS = frozenset(
    {"command", "description", "detail", "error", "output_preview", "reason", "rule"}
)
_TOKEN = re.compile(r"(?i:\bbearer\s+)[\w.~+/=-]{8,}|\bsk-[\w-]{16,}|\beyJ[\w-]{16,}\.[\w.-]+")
_without_parameters = Redaction(())


def masked(event: HookEvent) -> dict[str, object]:
    """The fields of an event as JSON data, with `[redacted]` for what looks like a key.

    In the arguments of calls that is each text in a field that is named like a secret.
    """
    fields: JsonObject = msgspec.to_builtins(event)
    for name in _DATA & fields.keys():
        fields[name] = _masked_data(fields[name])
    for name in _WORDS & fields.keys():
        if isinstance(fields[name], str):
            fields[name] = _masked_text(fields[name])
    if "match" in fields:
        fields["match"] = _masked_value(fields["match"])
    return fields


def masked_text(text: str) -> str:
    """A text, or JSON, with `[redacted]` for what looks like a key."""
    if text[:1] not in ("{", "["):
        return _masked_text(text)
    hidden = _masked_data(text)
    return hidden if MASK in hidden else text  # as it was written, spaces and all


def _masked_text(text: str) -> str:
    return _TOKEN.sub(MASK, _without_parameters(text))


def _masked_data(text: str) -> str:
    """JSON text; what is none is masked as text."""
    try:
        data = json.loads(text)
        return json.dumps(_masked_value(data), ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return _masked_text(text)


def _masked_value(value: object) -> object:
    if isinstance(value, dict):
        return {
            name: MASK if isinstance(one, str) and is_secret_name(name) else _masked_value(one)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [_masked_value(one) for one in value]
    return _masked_text(value) if isinstance(value, str) else value

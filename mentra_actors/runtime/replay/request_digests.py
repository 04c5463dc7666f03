"""What each model call of an agent was sent, as short digests; pure.

A digest is of what the log tells of a request: the system prompt, the options, the names of tools,
every message. It is made of what differs from defaults, so that a release which adds a field to a
message leaves it as it is.
"""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache

import msgspec

from mentra_actors.domain.past_calls import PastCall, agent_past
from mentra_actors.effects.models.model_requests import request_of
from mentra_actors.tools.registry import ToolRegistry

__all__ = ["request_digests"]

_BYTES = 12
_NO_TOOLS = ToolRegistry(())


def request_digests(events: Iterable[object]) -> Mapping[str, str]:
    """A digest of each request by the id of its call; the events are those of one agent."""
    by_message: dict[int, tuple[object, bytes]] = {}
    calls = agent_past(events).calls
    return {one.effect.effect_id: _digest(one, by_message) for one in calls}


def _digest(call: PastCall, by_message: dict[int, tuple[object, bytes]]) -> str:
    effect = call.effect
    model = effect.profile.model
    request = request_of(
        effect.profile, effect.options, call.transcript, model, _NO_TOOLS, call.view
    )
    digest = hashlib.blake2b(digest_size=_BYTES)
    frame = msgspec.structs.replace(request, messages=())
    digest.update(_bytes((_plain(frame), effect.profile.tools)))
    for message in request.messages:
        known = by_message.get(id(message))
        if known is None:  # conversations share their messages; the value keeps its id taken
            known = by_message[id(message)] = (message, _bytes(_plain(message)))
        digest.update(known[1])
    return digest.hexdigest()


def _bytes(value: object) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(value), digest_size=_BYTES).digest()


def _plain(value: object) -> object:
    if isinstance(value, msgspec.Struct):
        kind: type[msgspec.Struct] = type(value)
        told = [[name, _plain(one)] for name, one in _said(value)]
        return [kind.__struct_config__.tag or kind.__name__, told]
    if isinstance(value, dict):
        return [[key, _plain(one)] for key, one in sorted(value.items())]
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def _said(value: msgspec.Struct) -> Iterable[tuple[str, object]]:
    for name, default in _defaults(type(value)):
        one = getattr(value, name)
        if one != default:
            yield name, one


@cache
def _defaults(kind: type[msgspec.Struct]) -> tuple[tuple[str, object], ...]:
    return tuple(
        (one.name, one.default_factory() if callable(one.default_factory) else one.default)
        for one in msgspec.structs.fields(kind)
    )

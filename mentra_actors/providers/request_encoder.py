"""Requests as bytes: each message of a conversation is encoded once, and joined once."""

from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from mentra_actors.domain.content import Message
from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.providers.joined_prefix import JoinedPrefix
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.wires.contract import Wire

__all__ = ["RequestEncoder"]

_MAX_CACHED_BYTES = 64 * 1024 * 1024
_ENTRY_BYTES = 512  # what an entry costs beside its fragment, roughly
_Key = tuple[int, str, bool]


class RequestEncoder:
    """Encodes requests, each message of a conversation once.

    The encoded messages are kept by the identity of the message object, which is kept alive with
    them, and the ones that were not used for the longest time go first. So are the joined bytes
    of the last requests, by the first message of their conversation. Used on the effects loop
    only.
    """

    def __init__(
        self, wire: Wire, profile: Profile, max_cached_bytes: int = _MAX_CACHED_BYTES
    ) -> None:
        self._wire = wire
        self._profile = profile
        self._max_cached_bytes = max_cached_bytes
        self._cached_bytes = 0
        self._fragments: OrderedDict[_Key, tuple[Message, bytes]] = OrderedDict()
        self._prefixes: OrderedDict[tuple[int, str], JoinedPrefix] = OrderedDict()

    def encode(self, request: ModelRequest) -> bytes:
        """The bytes of `whole_body`, up to the order of fields; see `parts`."""
        return b"".join(self.parts(request))

    def parts(self, request: ModelRequest) -> Sequence[bytes]:
        """The same in parts, of which the next request of the conversation has most, too.

        Raises:
            ProviderError: `invalid_request`: the server cannot do what is asked.
        """
        plan = self._wire.plan(request, self._profile)
        field = self._wire.messages_field
        fields = {**plan.fields, **request.options.extra_body}
        head = msgspec.json.encode(fields)
        if field in request.options.extra_body:
            return [head]
        first_items = b"".join(b"," + msgspec.json.encode(item) for item in plan.first_items)
        messages, first = request.messages, plan.first_message
        told = messages[first:] if first else messages
        marked = {index - first for index in plan.breakpoints if index >= first}
        steady = min(marked, default=len(told))
        prefix = self._prefix(told, steady, request.model)
        tail = [
            self._fragment(told[index], request.model, is_breakpoint=index in marked)
            for index in range(steady, len(told))
        ]
        last_items = b"".join(b"," + fragment for fragment in tail if fragment)
        self._evict()
        comma = b"," if fields else b""
        opening = b'%b%b"%b":[' % (head[:-1], comma, field.encode())
        return _body(opening, (first_items, *prefix, last_items))

    def _prefix(self, messages: Sequence[Message], count: int, model: str) -> Sequence[bytes]:
        """The items of the first `count` messages, each with a comma before it."""
        if not count:
            return []
        key = (id(messages[0]), model)
        prefix = self._prefixes.pop(key, None) or JoinedPrefix()
        self._prefixes[key] = prefix
        self._cached_bytes -= prefix.size_bytes
        prefix.follow(
            messages,
            count,
            lambda message: self._fragment(message, model, is_breakpoint=False),
        )
        self._cached_bytes += prefix.size_bytes
        return prefix.parts

    def _fragment(self, message: Message, model: str, *, is_breakpoint: bool) -> bytes:
        """The items of a message as JSON, without the brackets around them; it may be empty."""
        key = (id(message), model, is_breakpoint)
        kept = self._fragments.get(key)
        if kept is not None:
            self._fragments.move_to_end(key)
            return kept[1]
        items = self._wire.items(message, model, self._profile, is_breakpoint=is_breakpoint)
        fragment = msgspec.json.encode(items)[1:-1]
        self._fragments[key] = (message, fragment)
        self._cached_bytes += len(fragment) + _ENTRY_BYTES
        return fragment

    def _evict(self) -> None:
        while self._cached_bytes > self._max_cached_bytes and self._prefixes:
            _, prefix = self._prefixes.popitem(last=False)
            self._cached_bytes -= prefix.size_bytes
        while self._cached_bytes > self._max_cached_bytes:
            _, (_, fragment) = self._fragments.popitem(last=False)
            self._cached_bytes -= len(fragment) + _ENTRY_BYTES


def _body(opening: bytes, parts: Sequence[bytes]) -> Sequence[bytes]:
    """The parts in one list, without the comma before the first."""
    items = [part for part in parts if part]
    if not items:
        return [opening + b"]}"]
    return [opening, items[0][1:], *items[1:], b"]}"]

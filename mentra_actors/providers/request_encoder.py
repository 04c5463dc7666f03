"""Requests as bytes: each message of a conversation is encoded once."""

from collections import OrderedDict

import msgspec

from mentra_actors.domain.content import Message
from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.wires.contract import Wire

__all__ = ["RequestEncoder"]

_MAX_CACHED_BYTES = 64 * 1024 * 1024
_ENTRY_BYTES = 512  # what an entry costs beside its fragment, roughly
_Key = tuple[int, str, bool]


class RequestEncoder:
    """Encodes requests, each message of a conversation once.

    The encoded messages are kept by the identity of the message object, which is kept alive with
    them, and the ones that were not used for the longest time go first. Used on the effects loop
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

    def encode(self, request: ModelRequest) -> bytes:
        """The bytes of `whole_body`, up to the order of fields.

        Raises:
            ProviderError: `invalid_request`: the server cannot do what is asked.
        """
        plan = self._wire.plan(request, self._profile)
        field = self._wire.messages_field
        fields = {**plan.fields, **request.options.extra_body}
        head = msgspec.json.encode(fields)
        if field in request.options.extra_body:
            return head
        fragments = [msgspec.json.encode(item) for item in plan.first_items]
        fragments += [
            self._fragment(message, request.model, is_breakpoint=index in plan.breakpoints)
            for index, message in enumerate(request.messages)
            if index >= plan.first_message
        ]
        self._evict()
        joined = b",".join(fragment for fragment in fragments if fragment)
        comma = b"," if fields else b""
        return b'%b%b"%b":[%b]}' % (head[:-1], comma, field.encode(), joined)

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
        while self._cached_bytes > self._max_cached_bytes:
            _, (_, fragment) = self._fragments.popitem(last=False)
            self._cached_bytes -= len(fragment) + _ENTRY_BYTES

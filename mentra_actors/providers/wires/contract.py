"""What a wire is: pure functions from a request to JSON, and from events to an answer."""

from typing import Protocol, runtime_checkable

import msgspec

from mentra_actors.domain.content import Message
from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.errors import ProviderError
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.catalogue import ListedModel, RemoteCompaction
from mentra_actors.providers.json_access import Json
from mentra_actors.providers.port import ModelEvent
from mentra_actors.providers.profile import Profile

__all__ = [
    "CompactingWire",
    "Decoder",
    "ModelPage",
    "RequestPlan",
    "StatefulWire",
    "StatelessRequest",
    "Wire",
    "whole_body",
]

_Fields = JsonObject


class RequestPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A request but for its messages.

    The messages from `first_message` on are sent (the server remembers those before), after
    `first_items`. After the last block of each message in `breakpoints` the server is asked to
    cache what came so far.
    """

    fields: _Fields
    first_items: tuple[_Fields, ...] = ()
    first_message: int = 0
    breakpoints: frozenset[int] = frozenset()


class StatelessRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request that needs nothing that the server remembers, in place of one that does.

    `is_lasting`: the server remembers nothing for this model, so the other need not be tried.
    """

    request: ModelRequest
    is_lasting: bool


class ModelPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list of models; `next_page` are the query parameters of the next, if any."""

    models: tuple[ListedModel, ...]
    next_page: dict[str, str] = {}


class Decoder(Protocol):
    """The state of one answer. Feed it each event in order, then `finish`."""

    @property
    def is_finished(self) -> bool:
        """Whether `ReplyFinished` was given: what follows changes nothing."""
        ...

    def feed(self, event: Json) -> list[ModelEvent]:
        """The neutral events that this event gives; none after `ReplyFinished`.

        Raises:
            ProviderError: `in_band`: the server reported an error; `malformed_stream`: the answer
                ended and a call in it did not.
        """
        ...

    def finish(self) -> list[ModelEvent]:
        """Say that no event follows; some wires end an answer like this.

        Raises:
            ProviderError: `malformed_stream`: the answer has not ended.
        """
        ...


class Wire(Protocol):
    """One protocol. All of it is pure; one instance serves every provider that speaks it."""

    @property
    def name(self) -> str:
        """The word of `Profile.wire` and of `Provenance.wire`."""
        ...

    @property
    def messages_field(self) -> str:
        """The field of the body that holds the messages."""
        ...

    def answer_path(self, request: ModelRequest, profile: Profile) -> str:
        """The path of the answering endpoint below the version, with its query if it has one."""
        ...

    def plan(self, request: ModelRequest, profile: Profile) -> RequestPlan:
        """The request but for its messages.

        Raises:
            ProviderError: `invalid_request`: the server cannot do what is asked.
        """
        ...

    def items(
        self, message: Message, model: str, profile: Profile, *, is_breakpoint: bool = False
    ) -> list[_Fields]:
        """One message as items of `messages_field`; they depend on no other message.

        Nothing is refused: every history gives items that the server takes.
        """
        ...

    def headers(self, request: ModelRequest, profile: Profile) -> dict[str, str]:
        """Headers that this request needs beside those of the profile."""
        ...

    def decoder(self, model: str, profile: Profile) -> Decoder:
        """The decoder of one answer; `model` is the one that was asked for."""
        ...

    def is_terminal(self, event: Json) -> bool:
        """Whether an event that was cut off after its data may be taken for a whole one."""
        ...

    def events_of_result(self, result: Json) -> list[Json]:
        """A body that is one JSON object and no stream, as the events that would have said it.

        Raises:
            ProviderError: `invalid_response`: it is no answer.
        """
        ...

    def count_path(self, request: ModelRequest, profile: Profile) -> str:
        """The path of the endpoint that counts tokens; empty if there is none."""
        ...

    def count_body(self, request: ModelRequest, profile: Profile) -> _Fields:
        """The body of a request to count the tokens of `request`."""
        ...

    def counted(self, result: Json) -> int | None:
        """The number of input tokens that was counted; None if the result does not say."""
        ...

    def models_path(self, profile: Profile) -> str:
        """The path of the list of models, with the query of its first page."""
        ...

    def models_page(self, result: Json, profile: Profile) -> ModelPage:
        """The models of one page."""
        ...


@runtime_checkable
class StatefulWire(Protocol):
    """A wire whose servers may remember their answers, so that not all is sent again."""

    def without_state(
        self, request: ModelRequest, error: ProviderError | None
    ) -> StatelessRequest | None:
        """The request with its whole history; None if it has to be sent as it is.

        With an `error`, which the request has met: only if that is about what the server
        remembers, and the request allows a repeat.
        """
        ...


@runtime_checkable
class CompactingWire(Protocol):
    """A wire whose servers may shorten a conversation in a form of their own."""

    def compaction_path(self, profile: Profile) -> str:
        """The path of the endpoint; empty if the server has none."""
        ...

    def compaction_body(self, request: ModelRequest, profile: Profile) -> _Fields:
        """The body of the question.

        Raises:
            ProviderError: `invalid_request`: the server cannot do what is asked.
        """
        ...

    def compacted(self, result: Json, model: str, profile: Profile) -> RemoteCompaction:
        """What the server has made of it."""
        ...


def whole_body(wire: Wire, request: ModelRequest, profile: Profile) -> _Fields:
    """The body of a request, as one object.

    Raises:
        ProviderError: `invalid_request`: the server cannot do what is asked.
    """
    plan = wire.plan(request, profile)
    items = [
        item
        for index, message in enumerate(request.messages)
        if index >= plan.first_message
        for item in wire.items(
            message, request.model, profile, is_breakpoint=index in plan.breakpoints
        )
    ]
    all_items = [*plan.first_items, *items]
    return {**plan.fields, wire.messages_field: all_items, **request.options.extra_body}

"""What members have asked each other, and how each of it stands."""

from collections.abc import Sequence
from typing import Any, get_args

import msgspec

from mentra_actors.domain.team.events import MemberRenamed
from mentra_actors.domain.team.evolve import RequestEvent, requests_after
from mentra_actors.domain.team.state import Request
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId

__all__ = ["REQUESTS", "RequestsProjection", "RequestsView"]

_EVENTS: frozenset[type[object]] = frozenset(get_args(RequestEvent)) | {MemberRenamed}


class RequestsView(msgspec.Struct, frozen=True, kw_only=True):
    """The requests of one team by id, oldest first: the open ones and the last 1,000 others."""

    requests: dict[str, Request] = {}


class RequestsProjection:
    """Requests between members, and their answers.

    View: one part per team stream, under the stream's id.
    """

    name = "requests"
    version = 2
    handles: frozenset[type[object]] | None = _EVENTS
    view_type = RequestsView

    def keys(self, recorded: RecordedEvent[object]) -> Sequence[str]:
        """See `Projection.keys`."""
        return (recorded.stream_id,) if type(recorded.event) in _EVENTS else ()

    def stream_of(self, key: str) -> StreamId | None:
        """See `PartsOfStreams.stream_of`."""
        return StreamId(key)

    def initial(self, key: str) -> RequestsView:  # noqa: ARG002 - all teams start without any
        """See `Projection.initial`."""
        return RequestsView()

    def apply(self, view: RequestsView, key: str, recorded: RecordedEvent[Any]) -> RequestsView:  # noqa: ARG002 - one key per team
        """See `Projection.apply`."""
        if type(recorded.event) not in _EVENTS:
            return view
        return RequestsView(requests=requests_after(view.requests, recorded.event))


REQUESTS = RequestsProjection()

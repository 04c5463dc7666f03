"""Sessions and state of the Google ADK as of the end of their streams, without the events."""

import json
from collections.abc import Callable
from typing import Generic, TypeVar

from mentra_actors.adapters.folded_streams import StreamView
from mentra_actors.domain.frameworks.google_adk import (
    SessionCreated,
    SessionDeleted,
    SessionGrew,
    StateChanged,
)
from mentra_actors.envelope import AnyRecorded
from mentra_actors.ids import StreamId
from mentra_actors.json_types import JsonObject

__all__ = ["SCOPES", "SESSIONS", "ScopeView", "SessionView", "json_bytes"]


def json_bytes(value: object) -> bytes:
    """A value of JSON, as it is stored."""
    return json.dumps(value, separators=(",", ":")).encode()


class SessionView:
    """A session. Events of the framework are those of its stream after `begins_at`."""

    def __init__(self) -> None:
        self.begins_at = 0
        """Version of the event that created it; 0 if there is no session."""
        self.state: JsonObject = {}
        self.updated_at = 0.0
        """Unix seconds: when it was created, or the time of its last event."""
        self.last_id = ""
        """The id of its last event."""

    @property
    def is_there(self) -> bool:
        """False before it is created and after it is deleted."""
        return self.begins_at > 0

    def apply(self, recorded: AnyRecorded) -> None:
        """See `StreamView.apply`."""
        match recorded.event:
            case SessionCreated(state=state, created_at=created_at):
                self.begins_at, self.last_id = recorded.stream_version, ""
                self.state, self.updated_at = json.loads(state), created_at
            case SessionGrew(changed=changed, happened_at=happened_at, event_id=event_id):
                self.state.update(json.loads(changed or b"{}"))
                self.updated_at, self.last_id = happened_at, event_id
            case SessionDeleted():
                self.begins_at, self.state, self.last_id = 0, {}, ""

    def encoded(self) -> bytes:
        """See `StreamView.encoded`."""
        return json_bytes([self.begins_at, self.state, self.updated_at, self.last_id])

    @classmethod
    def from_bytes(cls, payload: bytes) -> "SessionView":
        """The view of `encoded`."""
        view = cls()
        view.begins_at, view.state, view.updated_at, view.last_id = json.loads(payload)
        return view


class ScopeView:
    """State that the sessions of an app, or of a user, have in common."""

    def __init__(self) -> None:
        self.state: JsonObject = {}

    def apply(self, recorded: AnyRecorded) -> None:
        """See `StreamView.apply`."""
        if isinstance(recorded.event, StateChanged):
            self.state.update(json.loads(recorded.event.changed))

    def encoded(self) -> bytes:
        """See `StreamView.encoded`."""
        return json_bytes(self.state)

    @classmethod
    def from_bytes(cls, payload: bytes) -> "ScopeView":
        """The view of `encoded`."""
        view = cls()
        view.state = json.loads(payload)
        return view


V = TypeVar("V", bound=StreamView)


class _Kind(Generic[V]):
    """How a view begins; see `ViewKind`."""

    fold_version = 1

    def __init__(self, new: Callable[[], V], from_bytes: Callable[[bytes], V]) -> None:
        self._new = new
        self._from_bytes = from_bytes

    def initial(self, stream_id: StreamId) -> V:  # noqa: ARG002 - all begin alike
        return self._new()

    def decoded(self, stream_id: StreamId, payload: bytes) -> V | None:  # noqa: ARG002
        try:
            return self._from_bytes(payload)
        except (ValueError, TypeError):
            return None


SESSIONS = _Kind(SessionView, SessionView.from_bytes)
SCOPES = _Kind(ScopeView, ScopeView.from_bytes)

"""Sessions of the Google ADK: their events, and state by scope. One stream a session or scope."""

from typing import TypeAlias

import msgspec

__all__ = ["SessionCreated", "SessionDeleted", "SessionEvent", "SessionGrew", "StateChanged"]


class SessionCreated(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag="adk_session.created.v1",
):
    """A session begins. `state` is JSON, of the session's own scope; `created_at` Unix seconds."""

    state: bytes
    created_at: float


class SessionGrew(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="adk_session.event_appended.v1",
):
    """An event of the framework, as JSON, and what it changes of the session's own state.

    `happened_at` is its time in Unix seconds, `event_id` its id there.
    """

    event_id: str
    author: str
    happened_at: float
    event: bytes
    changed: bytes = b""


class SessionDeleted(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag="adk_session.deleted.v1",
):
    """The session is gone; one of the same name may begin."""


class StateChanged(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag="adk_state.changed.v1",
):
    """What a session changes of the state of its app or of its user: keys and values, as JSON."""

    changed: bytes
    session: str


SessionEvent: TypeAlias = SessionCreated | SessionGrew | SessionDeleted

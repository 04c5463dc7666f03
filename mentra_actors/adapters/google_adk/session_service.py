"""`MentraSessionService`: the sessions of the Google ADK in our store."""

import asyncio
import threading
from types import TracebackType
from typing import Self

try:
    from google.adk.errors import StaleSessionError
    from google.adk.errors.already_exists_error import AlreadyExistsError
    from google.adk.errors.session_not_found_error import SessionNotFoundError
    from google.adk.events.event import Event
    from google.adk.platform import time as platform_time
    from google.adk.platform import uuid as platform_uuid
    from google.adk.sessions import Session
    from google.adk.sessions._session_util import extract_json_safe_state_delta
    from google.adk.sessions.base_session_service import (
        BaseSessionService,
        GetSessionConfig,
        ListSessionsResponse,
    )
except ImportError as error:
    raise ImportError(
        "the Google ADK is missing, or of another release: "
        f"pip install 'mentra-actors[google-adk]' ({error})"
    ) from error

from mentra_actors.adapters.google_adk.saved_sessions import (
    USER,
    Changes,
    SavedSession,
    SavedSessions,
    SessionKey,
)
from mentra_actors.adapters.google_adk.session_views import json_bytes
from mentra_actors.adapters.held_store import StoreOrRuntime, hold
from mentra_actors.adapters.settled_calls import settled
from mentra_actors.domain.frameworks.google_adk import SessionGrew
from mentra_actors.errors import VersionConflict
from mentra_actors.json_types import JsonObject
from mentra_actors.store.sealing.options import Sealing

__all__ = ["MentraSessionService"]


class MentraSessionService(BaseSessionService):
    """Sessions whose events, and changes of state in all scopes, are one append each.

    `store` is a path (a directory, `sqlite:FILE`, `postgresql://…`, `":memory:"`) or a running
    team, of whose store it becomes a part. Use it as a context, or `close()` it.

    An event goes to a session as it is in the store, or not at all: whoever holds an older one
    gets `StaleSessionError`. What is deleted stays on the log; see docs/adapters.md.
    """

    def __init__(self, store: StoreOrRuntime, *, sealing: Sealing | None = None) -> None:
        """`sealing` has the key of a store that is encrypted.

        Raises:
            StoreLocked: another process writes the store; nothing was changed.
            StoreError: it cannot be opened; nothing was changed.
        """
        self._holder = hold(store, sealing=sealing)
        self._saved = SavedSessions(self._holder.held)
        self._turns = threading.Lock()

    async def close(self) -> None:
        """Let go of the store, which is closed if nothing else of this process holds it."""
        await settled(self._holder.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def create_session(
        self,
        *,
        app_name: str,
        user_id: str,
        state: JsonObject | None = None,
        session_id: str | None = None,
    ) -> Session:
        """A new session. Without an id it gets one; spaces around an id do not count.

        Raises:
            AlreadyExistsError: there is a session with this id; nothing was changed.
        """
        chosen = (session_id or "").strip() or platform_uuid.new_uuid()
        key = SessionKey(app_name, user_id, chosen)
        now = platform_time.get_time()
        saved = await settled(self._saved.create, key, _changes(state), now)
        if saved is None:
            raise AlreadyExistsError(f"Session with id {chosen} already exists.")
        return _session(saved, [])

    async def get_session(
        self,
        *,
        app_name: str,
        user_id: str,
        session_id: str,
        config: GetSessionConfig | None = None,
    ) -> Session | None:
        """A session with its events, or with those that `config` asks for; None if it is not."""
        key = SessionKey(app_name, user_id, session_id.strip())
        return await asyncio.to_thread(self._found, key, config or GetSessionConfig())

    async def list_sessions(
        self, *, app_name: str, user_id: str | None = None
    ) -> ListSessionsResponse:
        """The sessions of an app, of one user or of all, without events; the latest last."""
        found = await asyncio.to_thread(self._saved.of_app, app_name, user_id)
        return ListSessionsResponse(sessions=[_session(one, []) for one in found])

    async def delete_session(self, *, app_name: str, user_id: str, session_id: str) -> None:
        """End a session, if it is there. State of the app and of the user stays."""
        key = SessionKey(app_name, user_id, session_id.strip())
        await settled(self._saved.delete, key)

    async def get_user_state(self, *, app_name: str, user_id: str) -> JsonObject:
        """What the sessions of a user have in common, without the prefix `user:`."""
        return await asyncio.to_thread(self._saved.scope, USER, app_name, user_id)

    async def append_event(self, session: Session, event: Event) -> Event:
        """Record an event of a session and add it to the object. It is durable on return.

        Part of an answer (`event.partial`) is not recorded.

        Raises:
            SessionNotFoundError: there is no such session; nothing was recorded.
            StaleSessionError: the object is older than the session; nothing was recorded.
        """
        if event.partial:
            return event
        self._apply_temp_state(session, event)
        event = self._trim_temp_delta_state(event)
        await settled(self._record, session, event)
        return self._commit_event_to_session(session, event)

    def _found(self, key: SessionKey, config: GetSessionConfig) -> Session | None:
        saved = self._saved.find(key)
        if saved is None:
            return None
        events = self._saved.events(saved, config.num_recent_events, config.after_timestamp)
        return _session(saved, [Event.model_validate_json(one) for one in events])

    def _record(self, session: Session, event: Event) -> None:
        """Branches of one run share a session object: each of them finds it up to date."""
        key = SessionKey(session.app_name, session.user_id, session.id)
        changes = _changes(event.actions.state_delta)
        grew = SessionGrew(
            event_id=event.id,
            author=event.author or "",
            happened_at=event.timestamp,
            event=event.model_dump_json(exclude_none=True).encode(),
            changed=json_bytes(changes.session) if changes.session else b"",
        )
        with self._turns:
            version = self._version_of(session, key)
            try:
                version = self._saved.grow(key, grew, changes, version)
            except VersionConflict as error:
                raise StaleSessionError(_stale(session)) from error
            session.last_update_time = event.timestamp
            session._storage_update_marker = str(version)  # noqa: SLF001 - see `_session`

    def _version_of(self, session: Session, key: SessionKey) -> int:
        """The version that the object is of; one without a marker is known by its last event."""
        saved = self._saved.find(key)
        if saved is None:
            raise SessionNotFoundError(f"Session {session.id} not found.")
        marker = session._storage_update_marker  # noqa: SLF001 - see `_session`
        if marker is not None:
            return int(marker) if marker.isdecimal() else 0
        last_id = session.events[-1].id if session.events else ""
        if saved.updated_at > session.last_update_time and saved.last_id != last_id:
            raise StaleSessionError(_stale(session))
        return saved.version


def _session(saved: SavedSession, events: list[Event]) -> Session:
    """A session object, with its version in the mark that the framework has for this."""
    session = Session(
        id=saved.key.session,
        app_name=saved.key.app,
        user_id=saved.key.user,
        state=saved.state,
        events=events,
        last_update_time=saved.updated_at,
    )
    session._storage_update_marker = str(saved.version)  # noqa: SLF001 - made for services
    return session


def _changes(state: JsonObject | None) -> Changes:
    by_scope = extract_json_safe_state_delta(state or {})
    return Changes(by_scope["app"], by_scope["user"], by_scope["session"])


def _stale(session: Session) -> str:
    return (
        f"session {session.id} has been modified in storage since it was loaded: "
        "load it again with get_session, then append to it"
    )

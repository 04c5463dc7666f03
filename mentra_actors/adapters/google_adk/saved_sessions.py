"""Sessions of the Google ADK in a store, as JSON; `session_service` stands on it."""

import copy
from collections.abc import Iterator

import msgspec

from mentra_actors.adapters.folded_streams import FoldedStreams
from mentra_actors.adapters.google_adk.session_views import (
    SCOPES,
    SESSIONS,
    ScopeView,
    SessionView,
    json_bytes,
)
from mentra_actors.adapters.held_store import Appending, HeldStore
from mentra_actors.adapters.stream_names import named_stream
from mentra_actors.domain.frameworks.google_adk import (
    SessionCreated,
    SessionDeleted,
    SessionGrew,
    StateChanged,
)
from mentra_actors.errors import StoreError, VersionConflict
from mentra_actors.ids import StreamId
from mentra_actors.json_types import Json, JsonObject

__all__ = ["APP", "CATEGORY", "USER", "Changes", "SavedSession", "SavedSessions", "SessionKey"]

CATEGORY, APP, USER = "adk", "adkapp", "adkuser"
_PAGE_EVENTS = 64


class SessionKey(msgspec.Struct, frozen=True):
    """Which session."""

    app: str
    user: str
    session: str

    @property
    def stream_id(self) -> StreamId:
        """The stream of the session."""
        return named_stream(CATEGORY, self.app, self.user, self.session)


class Changes(msgspec.Struct, frozen=True):
    """What changes of the state, by scope."""

    app: Json
    user: Json
    session: Json


class SavedSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session without its events. `version` is that of its stream, `state` of all scopes."""

    key: SessionKey
    version: int
    begins_at: int
    updated_at: float
    last_id: str
    state: JsonObject


class SavedSessions:
    """All sessions of a store. Safe from any thread; every call blocks for file I/O."""

    def __init__(self, held: HeldStore) -> None:
        self._held = held
        self._sessions: FoldedStreams[SessionView] = FoldedStreams(held, SESSIONS)
        self._scopes: FoldedStreams[ScopeView] = FoldedStreams(held, SCOPES)

    def find(self, key: SessionKey) -> SavedSession | None:
        """A session, or None if there is none."""
        with self._sessions.locked(key.stream_id) as (view, version):
            if not view.is_there:
                return None
            found = SavedSession(
                key=key,
                version=version,
                begins_at=view.begins_at,
                updated_at=view.updated_at,
                last_id=view.last_id,
                state=copy.deepcopy(view.state),
            )
        of_app, of_user = self.scope(APP, key.app), self.scope(USER, key.app, key.user)
        found.state.update({f"app:{name}": value for name, value in of_app.items()})
        found.state.update({f"user:{name}": value for name, value in of_user.items()})
        return found

    def scope(self, category: str, *names: str) -> JsonObject:
        """The state of an app, or of a user of it."""
        with self._scopes.locked(named_stream(category, *names)) as (view, _version):
            return copy.deepcopy(view.state)

    def of_app(self, app: str, user: str | None) -> list[SavedSession]:
        """The sessions of an app, of one user or of all; the one changed last comes last."""
        found = (self.find(key) for key in self._keys(app, user))
        return sorted(
            (one for one in found if one is not None),
            key=lambda one: (one.updated_at, one.key.user, one.key.session),
        )

    def create(self, key: SessionKey, changes: Changes, created_at: float) -> SavedSession | None:
        """Begin a session; None if it is there already."""
        event = SessionCreated(state=json_bytes(changes.session), created_at=created_at)
        while True:
            with self._sessions.locked(key.stream_id) as (view, version):
                if view.is_there:
                    return None
            try:
                self._append(key, event, version, changes, "create_session")
            except VersionConflict:
                continue
            return self.find(key)

    def grow(self, key: SessionKey, event: SessionGrew, changes: Changes, version: int) -> int:
        """Record an event of a session that is at this version; the new version.

        Raises:
            VersionConflict: it is at another one; nothing was written.
        """
        return self._append(key, event, version, changes, "append_event")

    def delete(self, key: SessionKey) -> None:
        """End a session, if it is there."""
        with self._sessions.locked(key.stream_id) as (view, _version):
            is_there = view.is_there
        if is_there:
            nothing = Changes({}, {}, {})
            self._append(key, SessionDeleted(), None, nothing, "delete_session")

    def events(self, session: SavedSession, count: int | None, since: float | None) -> list[bytes]:
        """Events of a session, the oldest first: the last `count`, or all.

        With `since` only those behind the last event that is older (Unix seconds).
        """
        first = session.begins_at + 1
        if count is not None:
            first = max(first, session.version - count + 1)
        found: list[bytes] = []
        for grew in self._backwards(session.key.stream_id, first, session.version):
            if since is not None and grew.happened_at < since:
                break
            found.append(grew.event)
        return found[::-1]

    def _backwards(self, stream_id: StreamId, first: int, last: int) -> Iterator[SessionGrew]:
        while last >= first:
            after = max(first - 1, last - _PAGE_EVENTS)
            page = self._held.journal.read_stream(stream_id, after=after, through=last)
            for recorded in reversed(page):
                if not isinstance(recorded.event, SessionGrew):
                    reason = getattr(recorded.event, "reason", "another event is there")
                    raise StoreError(
                        f"{stream_id}, version {recorded.stream_version}: "
                        f"the event cannot be read ({reason})"
                    )
                yield recorded.event
            last = after

    def _keys(self, app: str, user: str | None) -> Iterator[SessionKey]:
        for stream_id in self._held.store.stream_ids(CATEGORY):
            names = self._held.names_of(stream_id)
            if names[0] == app and user in {None, names[1]}:
                yield SessionKey(*names)

    def _append(
        self, key: SessionKey, event: object, version: int | None, changes: Changes, cause: str
    ) -> int:
        scopes: list[Appending] = [
            (
                named_stream(category, *names),
                [StateChanged(changed=json_bytes(changed), session=key.session)],
                None,
            )
            for category, names, changed in (
                (APP, (key.app,), changes.app),
                (USER, (key.app, key.user), changes.user),
            )
            if changed
        ]
        own: Appending = (key.stream_id, [event], version)
        names = (key.app, key.user, key.session)
        return self._held.append(own, *scopes, names=names, cause=cause)

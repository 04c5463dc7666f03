"""The sessions of a runtime: begun, found again, listed, searched."""

from collections.abc import Sequence
from functools import partial
from typing import Unpack

import anyio

from mentra_actors.runtime.agents.agent import Agent
from mentra_actors.runtime.agents.profiles import SpawnOptions
from mentra_actors.runtime.agents.sync_agent import SyncAgent
from mentra_actors.runtime.awaiting import asked
from mentra_actors.runtime.blocking import result_of
from mentra_actors.runtime.operations import Operations
from mentra_actors.runtime.sessions.session import Session
from mentra_actors.runtime.sessions.session_reading import MOST_FOUND
from mentra_actors.runtime.sessions.sync_session import SyncSession
from projections.views.session_words import SessionMatch
from projections.views.sessions import SessionMetadata

__all__ = ["Sessions", "SyncSessions"]


class Sessions:
    """The sessions of the team: its conversations with leads; `runtime.sessions`."""

    def __init__(self, operations: Operations) -> None:
        """Made by `Runtime`."""
        self._operations = operations
        self._sessions = operations.sessions

    async def start(
        self, *, model: str, name: str = "", **options: Unpack[SpawnOptions]
    ) -> Session:
        """Begin a session with a new lead; `title` and its like are the options of `spawn`.

        `model` is `provider:name`. Without a `name` the lead gets one that nobody has.

            session = await runtime.sessions.start(model="openai:gpt-5", title="The survey")
            reply = await session.append_turn("What is left to do?")

        Raises:
            CommandRejected: the name is taken, or not a name.
            UnknownModel: no provider serves the model; nothing was recorded.
            TypeError, ValueError: an option is not known, or no agent could work with it.
        """
        profile = self._sessions.profile(name, model, options)
        spawn = partial(self._operations.spawn, profile, prompt="", reuse=False)
        agent_id = await asked(spawn)
        return Session(Agent(profile.name, agent_id, self._operations), self._sessions)

    async def resume(self, session: str) -> Session:
        """The session with this id or the name of this lead, which goes on with what is open.

        Raises:
            CommandRejected: there is none, or this agent is no lead.
        """
        team = await asked(self._operations.team)
        agent_id = await anyio.to_thread.run_sync(self._operations.agent_id, team, session)
        name = await anyio.to_thread.run_sync(self._sessions.resumed, team, agent_id)
        return Session(Agent(name, agent_id, self._operations), self._sessions)

    async def list(self, *, limit: int | None = None) -> Sequence[SessionMetadata]:
        """The sessions, those first in which something happened last; nobody is woken.

        They are read from a view that is kept beside the log, so this costs little, however many
        there are: only what was recorded since the last look is folded.

        Raises:
            TypeError, ValueError: `limit` is no number of sessions.
        """
        return await anyio.to_thread.run_sync(self._sessions.listed, limit)

    async def search(self, words: str, *, limit: int = MOST_FOUND) -> Sequence[SessionMatch]:
        """The newest sessions that have all of the words in their title or in one message.

        Large and small letters are the same, and parts of words are found. Of each message the
        first 4,000 characters are searched.

        Raises:
            TypeError, ValueError: `limit` is no number of sessions, or the words are no text.
        """
        return await anyio.to_thread.run_sync(self._sessions.found, words, limit)


class SyncSessions:
    """See `Sessions`. Every call blocks."""

    def __init__(self, operations: Operations) -> None:
        """Made by `SyncRuntime`."""
        self._operations = operations
        self._sessions = operations.sessions

    def start(self, *, model: str, name: str = "", **options: Unpack[SpawnOptions]) -> SyncSession:
        """See `Sessions.start`."""
        operations = self._operations
        profile = self._sessions.profile(name, model, options)
        agent_id = result_of(
            operations.core, lambda: operations.spawn(profile, prompt="", reuse=False)
        )
        return SyncSession(SyncAgent(profile.name, agent_id, operations), self._sessions)

    def resume(self, session: str) -> SyncSession:
        """See `Sessions.resume`."""
        operations = self._operations
        team = result_of(operations.core, operations.team)
        agent_id = operations.agent_id(team, session)
        name = self._sessions.resumed(team, agent_id)
        return SyncSession(SyncAgent(name, agent_id, operations), self._sessions)

    def list(self, *, limit: int | None = None) -> Sequence[SessionMetadata]:
        """See `Sessions.list`."""
        return self._sessions.listed(limit)

    def search(self, words: str, *, limit: int = MOST_FOUND) -> Sequence[SessionMatch]:
        """See `Sessions.search`."""
        return self._sessions.found(words, limit)

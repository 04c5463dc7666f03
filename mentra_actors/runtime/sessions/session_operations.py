"""What can be asked about sessions: the one body of both faces. What reads views blocks."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from mentra_actors.actors.messages import Accepted
from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.domain.permission_rules import ScopedRule
from mentra_actors.domain.team import TeamState, name_in
from mentra_actors.errors import CommandRejected, StoreClosed, StoreError
from mentra_actors.ids import AgentId, StreamId, agent_stream
from mentra_actors.late_module import LateModule
from mentra_actors.runtime.agents.agent_feed import session_source
from mentra_actors.runtime.agents.agent_operations import AgentOperations
from mentra_actors.runtime.agents.decisions import Remembering, decision
from mentra_actors.runtime.agents.profiles import SpawnOptions, profile_of
from mentra_actors.runtime.agents.rule_operations import RuleOperations
from mentra_actors.runtime.agents.run_operations import new_id
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.futures import mapped
from mentra_actors.runtime.plain_arguments import require_text
from mentra_actors.runtime.sessions.session_reading import (
    found_sessions,
    listed_sessions,
    require_count,
)
from mentra_actors.runtime.teams.member_views import TeamMember
from mentra_actors.runtime.teams.team_operations import TeamOperations
from mentra_actors.runtime.views.feeds import FeedItem
from mentra_actors.runtime.views.snapshots import PermissionView, permissions
from mentra_actors.tools.plain_kinds import require_flag
from projections.contract import AnyProjection
from projections.feeds.session_event import SessionEvent
from projections.views.session_words import SESSION_WORDS, SessionMatch
from projections.views.sessions import SESSIONS, SessionMetadata, session_metadata

if TYPE_CHECKING:  # views are imported when somebody reads one
    from mentra_actors.runtime.views import kept_views
else:
    kept_views = LateModule("mentra_actors.runtime.views.kept_views")

__all__ = ["SessionOperations"]

T = TypeVar("T")


class SessionOperations:
    """Commands and questions about the sessions of a runtime. Safe from any thread."""

    def __init__(
        self,
        core: RuntimeCore,
        agents: AgentOperations,
        members: TeamOperations,
        rules: RuleOperations,
    ) -> None:
        self.core = core
        self._agents = agents
        self._members = members
        self._rules = rules
        self._team = core.settings.team
        self._views: dict[str, kept_views.KeptViews] = {}
        self._opening = threading.Lock()

    # --- beginning ------------------------------------------------------------------------

    def profile(self, name: str, model: str, options: SpawnOptions) -> AgentProfile:
        """The profile of a lead to speak with; without a name it gets one of its own."""
        require_text(name, "a name")
        return profile_of(self._team, name or f"session-{new_id()[:12]}", model, options)

    def resumed(self, team: TeamState, agent_id: AgentId) -> str:
        """Let the lead go on with what it has open; its name. Reads the store.

        Raises:
            CommandRejected: this agent is no lead.
        """
        profile = self.core.members.state(agent_id).profile
        if profile is None:
            raise CommandRejected(f"there is no session {agent_id!r}")
        if profile.lead or profile.parent or profile.is_person:
            what = "a person" if profile.is_person else f"spawned by {profile.lead!r}"
            raise CommandRejected(
                f"{profile.name!r} is {what}: a session is with a lead; `runtime.agent` has others"
            )
        self.core.directory.wake(agent_stream(agent_id))
        return name_in(team, agent_id) or profile.name

    # --- lists ----------------------------------------------------------------------------

    def listed(self, limit: int | None) -> Sequence[SessionMetadata]:
        """See `Sessions.list`. Blocks."""
        if limit is not None:
            require_count(limit)
        is_left = self._is_left()
        return self._looked(
            (SESSIONS,),
            lambda views: listed_sessions(views, self._team, is_left=is_left, limit=limit),
        )

    def found(self, words: str, limit: int) -> Sequence[SessionMatch]:
        """See `Sessions.search`. Blocks."""
        require_text(words, "what to search for")
        require_count(limit)
        is_left = self._is_left()
        return self._looked(
            (SESSIONS, SESSION_WORDS),
            lambda views: found_sessions(views, words, self._team, is_left=is_left, limit=limit),
        )

    def metadata(self, agent_id: AgentId) -> SessionMetadata:
        """See `Session.metadata`. Blocks."""
        stream_id, is_left = agent_stream(agent_id), self._is_left()
        part = self._looked((SESSIONS,), lambda views: views.view(SESSIONS, stream_id))
        if part is None:
            raise CommandRejected(f"there is no session {agent_id!r}")
        return session_metadata(part, is_left=is_left(stream_id))

    def _is_left(self) -> Callable[[StreamId], bool]:
        """Asked before the views are read: whoever works by then is seen there as well."""
        left = self.core.resumption.asleep() | self.core.directory.quarantined().keys()
        return left.__contains__

    def _looked(
        self, projections: Sequence[AnyProjection], look: "Callable[[kept_views.KeptViews], T]"
    ) -> T:
        """What `look` sees in views that have all that is recorded by now.

        Raises:
            StoreError: they cannot be read, or have stopped.
            RuntimeClosed, Fenced: the runtime has ended.
        """
        name = projections[-1].name
        try:
            with self._opening:
                if name not in self._views:
                    core = self.core
                    opening = kept_views.views_on_demand(
                        core.store, core.settings.path, projections
                    )
                    self._views[name] = core.keep_open(opening)
            views = self._views[name]
            if not views.wait():
                why = "; ".join(one.failure for one in views.status() if one.failure)
                raise StoreError(f"the views of sessions are behind: {why or 'the log is slow'}")
            return look(views)
        except StoreClosed as closed:
            raise self.core.ended or closed from None

    # --- one session ----------------------------------------------------------------------

    def replay(self, agent_id: AgentId) -> list[FeedItem[SessionEvent]]:
        """See `Session.replay`. Blocks."""
        items = session_source(self.core, agent_id, 0).fetch()
        return [one for one in items if one.cursor is not None]

    def teammates(self, agent_id: AgentId) -> "Future[Sequence[TeamMember]]":
        """The members that an agent leads."""

        def led(members: Sequence[TeamMember]) -> Sequence[TeamMember]:
            own = [one.name for one in members if one.agent_id == agent_id]
            return [one for one in members if one.lead in own]

        return mapped(self._members.listed(), led)

    def pending(self, agent_id: AgentId) -> "Future[tuple[PermissionView, ...]]":
        """Calls of a session that wait for a person."""
        return mapped(self._agents.state(agent_id), permissions)

    def resolve(
        self, agent_id: AgentId, request_id: str, reason: str, more: Remembering, *, allow: bool
    ) -> "Future[Accepted]":
        """Decide about a call that waits.

        Raises:
            TypeError, ValueError: see `Agent.allow`.
        """
        require_flag(allow, "allow")
        require_text(reason, "a reason")
        made = decision(request_id, allow=allow, reason="" if allow else reason, more=more)
        return self._agents.resolve_permission(agent_id, made)

    def rules(self, agent_id: AgentId) -> "Future[Sequence[ScopedRule]]":
        """The rules that hold for a session: its own, those of its team, those for all."""
        owners = {("session", agent_id), ("project", self._team), ("global", "")}

        def own(rules: Sequence[ScopedRule]) -> Sequence[ScopedRule]:
            return [one for one in rules if (one.scope, one.owner) in owners]

        return mapped(self._rules.listed(), own)

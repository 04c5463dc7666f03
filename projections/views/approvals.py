"""What waits for a person: calls that somebody must allow, of all agents, as of any position.

The view has a part per agent. A request leaves it when somebody has decided, when its time is
over, and when its call or its run ends in another way.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from mentra_actors.decider import Steps
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.rule_match import RuleOffer, rule_offers, shown_call
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import AgentId, CommandId, EffectId, StreamId, TeamId, category_of, name_of

__all__ = [
    "APPROVALS",
    "AgentApprovals",
    "Approval",
    "ApprovalsProjection",
    "approvals_in",
    "approvals_named",
]

_PREFIX = "perm-tool-"


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """A call that waits for a person.

    `preview` is JSON text that says what it would do; the tool has made it if it `is_by_tool`,
    else it is what the model has written. Times are Unix seconds.
    """

    agent_id: AgentId
    agent_name: str
    team_id: TeamId
    request_id: CommandId
    key: EffectId
    tool: str
    description: str
    preview: str
    is_by_tool: bool
    requested_at: float
    expires_at: float | None = None

    @property
    def name(self) -> str:
        """What a person types for it: the agent, and the number of the call."""
        return f"{self.agent_name}/{self.request_id.removeprefix(_PREFIX)}"

    @property
    def offers(self) -> tuple[RuleOffer, ...]:
        """What may be remembered of it, the narrowest first."""
        return rule_offers(shown_call(self.tool, self.preview, is_by_tool=self.is_by_tool))


class AgentApprovals(msgspec.Struct, frozen=True, kw_only=True):
    """What waits of one agent, oldest first."""

    agent_id: AgentId
    name: str = ""
    team_id: TeamId = TeamId("")
    waiting: tuple[Approval, ...] = ()


def _asked(view: AgentApprovals, event: e.PermissionRequested) -> AgentApprovals:
    approval = Approval(
        agent_id=view.agent_id,
        agent_name=view.name or view.agent_id,
        team_id=view.team_id,
        request_id=event.request_id,
        key=event.key,
        tool=event.tool,
        description=event.description,
        preview=event.preview,
        is_by_tool=event.is_by_tool,
        requested_at=event.requested_at,
        expires_at=event.expires_at,
    )
    return msgspec.structs.replace(view, waiting=(*view.waiting, approval))


def _decided(view: AgentApprovals, event: Any) -> AgentApprovals:
    left = tuple(one for one in view.waiting if one.key != event.key)
    return msgspec.structs.replace(view, waiting=left)


def _ended(view: AgentApprovals, _event: object) -> AgentApprovals:
    return msgspec.structs.replace(view, waiting=())


def _spawned(view: AgentApprovals, event: e.AgentSpawned) -> AgentApprovals:
    profile = event.profile
    return msgspec.structs.replace(view, name=profile.name, team_id=profile.team_id)


_STEPS: Steps[AgentApprovals] = {
    e.AgentSpawned: _spawned,
    e.PermissionRequested: _asked,
    e.PermissionResolved: _decided,
    e.PermissionExpired: _decided,
    e.ToolCallFinished: _decided,
    e.ToolCallSkipped: _decided,
    e.ToolCallOutcomeUnknown: _decided,
    e.RunFinished: _ended,
    e.RunFailed: _ended,
    e.RunCancelled: _ended,
}


class ApprovalsProjection:
    """Calls that wait for a person.

    View: streams `agent-…` hold `AgentApprovals`.
    """

    name = "approvals"
    version = 1
    handles: frozenset[type[object]] | None = frozenset(_STEPS)
    view_type = AgentApprovals

    def keys(self, recorded: RecordedEvent[object]) -> Sequence[str]:
        """See `Projection.keys`."""
        is_agent = type(recorded.event) in _STEPS and category_of(recorded.stream_id) == "agent"
        return (recorded.stream_id,) if is_agent else ()

    def stream_of(self, key: str) -> StreamId | None:
        """See `PartsOfStreams.stream_of`."""
        return StreamId(key)

    def initial(self, key: str) -> AgentApprovals:
        """See `Projection.initial`."""
        return AgentApprovals(agent_id=AgentId(name_of(StreamId(key))))

    def apply(
        self,
        view: AgentApprovals,
        key: str,  # noqa: ARG002 - the part knows what it is
        recorded: RecordedEvent[object],
    ) -> AgentApprovals:
        """See `Projection.apply`."""
        return _STEPS[type(recorded.event)](view, recorded.event)


APPROVALS = ApprovalsProjection()


def approvals_in(
    parts: Iterable[AgentApprovals], team_id: TeamId | None = None
) -> tuple[Approval, ...]:
    """All that waits, of one team or of all, the oldest first."""
    waiting = [one for part in parts if team_id in (None, part.team_id) for one in part.waiting]
    return tuple(sorted(waiting, key=lambda one: (one.requested_at, one.agent_id, one.key)))


def approvals_named(approvals: Iterable[Approval], name: str) -> tuple[Approval, ...]:
    """Those that `name` may mean: `lead/3.0`, `3.0`, or the id of the request."""
    agent, slash, request = name.rpartition("/")
    return tuple(
        one
        for one in approvals
        if (not slash or agent in (one.agent_name, one.agent_id))
        and request in (one.request_id, one.request_id.removeprefix(_PREFIX))
    )

"""The sessions of a store: the conversations with leads, by the ids of these.

The view has a part per agent. Those of agents that somebody has spawned stay empty: a program
speaks with a lead. Listing sessions reads parts and no stream.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, TypeAlias, get_args

import msgspec

from mentra_actors.decider import Steps
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.inbox import HOST
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import AgentId, EffectId, MailId, StreamId, TeamId, agent_stream, name_of
from projections.feeds.session_events import NO_VALUE

__all__ = [
    "SESSIONS",
    "SessionMetadata",
    "SessionPart",
    "SessionStatus",
    "SessionsProjection",
    "session_metadata",
    "sessions_in",
    "title_of",
]

SessionStatus: TypeAlias = Literal[
    "created", "active", "waiting", "compacting", "idle", "failed", "interrupted", "stopped"
]
"""`created`: no turn yet. `waiting`: for a person to allow a call. `failed`: the last turn did, or
was cancelled. `interrupted`: a turn is open, and no process works on it."""

MOST_TITLE_CHARS = 60

_AGENT_EVENTS: frozenset[type[object]] = frozenset(get_args(e.AgentEvent))
_replace = msgspec.structs.replace


class SessionMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """One session, for lists. `session_id` is the id of its agent, whose name is `agent`.

    `title` is the given one, else the first words of the first prompt, else the name. `message`
    says why the last turn failed. `turn_count` counts the turns that were answered, from whatever
    process; `approvals` the calls that wait for a person. Times are Unix seconds.
    """

    session_id: AgentId
    agent: str
    team: TeamId
    title: str
    model: str
    status: SessionStatus
    turn_count: int
    created_at: float
    updated_at: float
    message: str = ""
    approvals: int = 0


class SessionPart(msgspec.Struct, frozen=True, kw_only=True):
    """What the log says of one agent as a session; of one that is none, nothing.

    `first_words` are of what a person or program has said first. `is_turn` says that the open or
    last run answers such words, `host_mail` which letters of the host wait to be read.
    """

    agent_id: AgentId
    is_session: bool = False
    name: str = ""
    team: TeamId = TeamId("")
    title: str = ""
    first_words: str = ""
    model: str = ""
    turn_count: int = 0
    has_run: bool = False
    is_working: bool = False
    is_stopped: bool = False
    is_turn: bool = False
    wants_value: bool = False
    compaction: EffectId = EffectId("")
    waits_for: tuple[EffectId, ...] = ()
    host_mail: tuple[MailId, ...] = ()
    failure: str = ""
    created_at: float = 0.0
    updated_at: float = 0.0


class SessionsProjection:
    """Conversations with leads, as they are listed.

    View: `agent-…` streams hold `SessionPart`.
    """

    name = "sessions"
    version = 1
    handles: frozenset[type[object]] | None = _AGENT_EVENTS
    view_type = SessionPart

    def keys(self, recorded: RecordedEvent[object]) -> Sequence[str]:
        """See `Projection.keys`."""
        if type(recorded.event) not in _AGENT_EVENTS:
            return ()
        return (agent_stream(AgentId(name_of(recorded.stream_id))),)

    def initial(self, key: str) -> SessionPart:
        """See `Projection.initial`."""
        return SessionPart(agent_id=AgentId(name_of(StreamId(key))))

    def apply(self, view: SessionPart, key: str, recorded: RecordedEvent[object]) -> SessionPart:  # noqa: ARG002 - one key per agent
        """See `Projection.apply`."""
        event = recorded.event
        if isinstance(event, e.AgentSpawned):
            view = _spawned(view, event)
        if not view.is_session:
            return view
        step = _STEPS.get(type(event))
        after = view if step is None else step(view, event)
        return _replace(after, updated_at=recorded.recorded_at_ns / 1e9)


SESSIONS = SessionsProjection()


def session_metadata(part: SessionPart, *, is_left: bool = False) -> SessionMetadata:
    """A session as people see it; `is_left` says that no process works on what it has open."""
    return SessionMetadata(
        session_id=part.agent_id,
        agent=part.name,
        team=part.team,
        title=part.title or part.first_words or part.name,
        model=part.model,
        status=_status(part, is_left=is_left),
        turn_count=part.turn_count,
        created_at=part.created_at,
        updated_at=part.updated_at,
        message=part.failure,
        approvals=len(part.waits_for),
    )


def sessions_in(
    parts: Iterable[SessionPart],
    team: TeamId | None = None,
    *,
    is_left: Callable[[StreamId], bool] = lambda _stream_id: False,
) -> list[SessionMetadata]:
    """The sessions of a team, or of all (None), those first in which something happened last."""
    found = [
        session_metadata(part, is_left=is_left(agent_stream(part.agent_id)))
        for part in parts
        if part.is_session and team in (None, part.team)
    ]
    return sorted(found, key=lambda one: (-one.updated_at, -one.created_at, one.session_id))


def title_of(words: str) -> str:
    """The first words of a text on one line, cut at a word: at most 60 characters."""
    line = " ".join(words[: MOST_TITLE_CHARS * 20].split())
    if len(line) <= MOST_TITLE_CHARS:
        return line
    cut = line[:MOST_TITLE_CHARS]
    at_word = cut[:-1].rpartition(" ")[0] or cut[:-1]
    return f"{at_word.rstrip(' ,;:')}…"


def _status(part: SessionPart, *, is_left: bool) -> SessionStatus:
    if part.is_stopped:
        return "stopped"
    if part.waits_for:
        return "waiting"
    if part.compaction or part.is_working:
        if is_left:
            return "interrupted"
        return "compacting" if part.compaction else "active"
    if part.failure:
        return "failed"
    return "idle" if part.has_run else "created"


def _spawned(part: SessionPart, event: e.AgentSpawned) -> SessionPart:
    profile = event.profile
    return _replace(
        part,
        is_session=not (profile.lead or profile.parent or profile.is_person),
        name=profile.name,
        team=profile.team_id,
        title=profile.title,
        model=profile.model,
        created_at=event.spawned_at,
    )


def _reconfigured(part: SessionPart, event: e.AgentReconfigured) -> SessionPart:
    changed = event.changes
    if isinstance(changed.title, str):
        part = _replace(part, title=changed.title)
    return _replace(part, model=changed.model) if isinstance(changed.model, str) else part


def _said(part: SessionPart, event: e.PromptAccepted | e.InputQueued) -> SessionPart:
    return part if part.first_words else _replace(part, first_words=title_of(event.text))


def _mail(part: SessionPart, event: e.MailTaken) -> SessionPart:
    """What a program gives an agent to begin with comes as a letter."""
    letters = [one for one in event.mail if one.sender == HOST and one.kind == "message"]
    if not letters:
        return part
    words = part.first_words or title_of(letters[0].body)
    waiting = (*part.host_mail, *(one.mail_id for one in letters))
    return _replace(part, first_words=words, host_mail=waiting)


def _placed(part: SessionPart, event: e.InputPlaced) -> SessionPart:
    after = _handed_over(part, event)
    is_said = bool(event.prompt_ids or event.steer_ids or event.follow_up_ids)
    return _replace(after, is_turn=True) if is_said or after is not part else after


def _handed_over(part: SessionPart, event: e.InputPlaced | e.MailHandedOver) -> SessionPart:
    left = tuple(one for one in part.host_mail if one not in event.mail_ids)
    return part if left == part.host_mail else _replace(part, host_mail=left)


def _run_started(part: SessionPart, event: e.RunStarted) -> SessionPart:
    return _replace(
        part,
        has_run=True,
        is_working=True,
        is_turn=part.is_turn and bool(event.resumes),
        wants_value=event.options.output is not None,
        failure="",
    )


def _finished(part: SessionPart, event: e.RunFinished) -> SessionPart:
    if part.wants_value and not event.output:
        return _ended(part, NO_VALUE)
    return _replace(_ended(part), turn_count=part.turn_count + part.is_turn)


def _ended(part: SessionPart, failure: str = "") -> SessionPart:
    return _replace(part, is_working=False, waits_for=(), failure=failure)


def _stopped(part: SessionPart, event: e.AgentStopped) -> SessionPart:  # noqa: ARG001 - a step
    return _replace(part, is_stopped=True, is_working=False, waits_for=())


def _compacts(part: SessionPart, event: e.CompactionRequested) -> SessionPart:
    return _replace(part, compaction=event.effect_id)


def _compacted(
    part: SessionPart, event: e.ConversationCompacted | e.CompactionSkipped
) -> SessionPart:
    is_it = event.effect_id == part.compaction
    return _replace(part, compaction=EffectId("")) if is_it else part


def _asked(part: SessionPart, event: e.PermissionRequested) -> SessionPart:
    return _replace(part, waits_for=(*part.waits_for, event.key))


def _decided(part: SessionPart, event: Any) -> SessionPart:
    left = tuple(key for key in part.waits_for if key != event.key)
    return _replace(part, waits_for=left)


_STEPS: Steps[SessionPart] = {
    e.AgentRenamed: lambda part, event: _replace(part, name=event.name),
    e.AgentReconfigured: _reconfigured,
    e.PromptAccepted: _said,
    e.InputQueued: _said,
    e.MailTaken: _mail,
    e.InputPlaced: _placed,
    e.MailHandedOver: _handed_over,
    e.RunStarted: _run_started,
    e.RunFinished: _finished,
    e.RunFailed: lambda part, event: _ended(part, event.message or event.kind or "failed"),
    e.RunCancelled: lambda part, event: _ended(part, event.reason or "cancelled"),
    e.AgentStopped: _stopped,
    e.CompactionRequested: _compacts,
    e.ConversationCompacted: _compacted,
    e.CompactionSkipped: _compacted,
    e.PermissionRequested: _asked,
    e.PermissionResolved: _decided,
    e.PermissionExpired: _decided,
    e.ToolCallFinished: _decided,
    e.ToolCallOutcomeUnknown: _decided,
    e.ToolCallSkipped: _decided,
}

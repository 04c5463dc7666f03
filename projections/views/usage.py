"""What model calls have used: tokens and money, by call, round, run, agent and model.

The view has a part per agent with its sums, and a part per run with its calls. Every attempt
counts once: an answer, one that failed after a part of it had come, one that was broken off. The
summary of a conversation counts for its agent, and for the run that needed it, if one did.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.model_call import TokenUsage
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import AgentId, EffectId, RunId, StreamId, TeamId, agent_stream, name_of
from projections.contract import MAX_KEY_BYTES, fold_view

__all__ = [
    "USAGE",
    "AgentUsage",
    "CallUsage",
    "RunUsage",
    "Usage",
    "UsageProjection",
    "agent_usage",
    "events_with_subagents",
    "run_named",
    "run_usage",
    "team_usage",
    "usage_by_round",
    "usage_of_events",
    "usage_of_team",
]

CallEnd: TypeAlias = Literal["answered", "failed", "abandoned"]
_Outcome: TypeAlias = (
    e.ModelReplied
    | e.ModelCallFailed
    | e.AnswerAbandoned
    | e.ConversationCompacted
    | e.CompactionRetried
    | e.CompactionSkipped
)

_OF_SUMMARIES = (e.ConversationCompacted, e.CompactionRetried, e.CompactionSkipped)
_replace = msgspec.structs.replace


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """A sum over model calls.

    `cost_usd_micros` (millionths of a US dollar) is of the calls whose price is known;
    `unpriced_calls` have used tokens at a price that is not.
    """

    calls: int = 0
    failed_calls: int = 0
    tokens: TokenUsage = TokenUsage()
    cost_usd_micros: int = 0
    unpriced_calls: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            calls=self.calls + other.calls,
            failed_calls=self.failed_calls + other.failed_calls,
            tokens=self.tokens + other.tokens,
            cost_usd_micros=self.cost_usd_micros + other.cost_usd_micros,
            unpriced_calls=self.unpriced_calls + other.unpriced_calls,
        )

    @property
    def cost_usd(self) -> float:
        """US dollars of the calls whose price is known."""
        return self.cost_usd_micros / 1e6


class CallUsage(msgspec.Struct, frozen=True, kw_only=True):
    """One model call. `round` and `attempt` count from 1; `model` is the one that was asked."""

    effect_id: EffectId
    round: int
    attempt: int
    model: str
    how: CallEnd
    tokens: TokenUsage
    cost_usd_micros: int | None

    @property
    def usage(self) -> Usage:
        """As a sum of one."""
        is_unpriced = self.cost_usd_micros is None and self.tokens.total_tokens > 0
        return Usage(
            calls=1,
            failed_calls=int(self.how != "answered"),
            tokens=self.tokens,
            cost_usd_micros=self.cost_usd_micros or 0,
            unpriced_calls=int(is_unpriced),
        )


class AgentUsage(msgspec.Struct, frozen=True, kw_only=True, tag="agent"):
    """All calls of one agent. `parent` is the agent whose subagent it is, or empty."""

    parent: AgentId = AgentId("")
    team: TeamId = DEFAULT_TEAM
    total: Usage = Usage()
    by_model: dict[str, Usage] = {}


class RunUsage(msgspec.Struct, frozen=True, kw_only=True, tag="run"):
    """The calls of one run, in order. `asked` is the round and attempt of the last request."""

    calls: tuple[CallUsage, ...] = ()
    asked: tuple[int, int] = (0, 0)

    @property
    def total(self) -> Usage:
        """The sum of the calls."""
        return sum((call.usage for call in self.calls), Usage())


class UsageProjection:
    """Tokens and money, by agent and by run.

    View: `AgentUsage` under the stream of an agent, `RunUsage` under `{stream}#{run id}`.

    A run id that is too long for a key is named by what follows the agent's id, or by a digest;
    see `run_named`.
    """

    name = "usage"
    version = 5
    handles: frozenset[type[object]] | None = frozenset(
        {
            e.AgentSpawned,
            e.ModelCallRequested,
            e.ModelReplied,
            e.ModelCallFailed,
            e.AnswerAbandoned,
            *_OF_SUMMARIES,
        }
    )
    view_type: Any = AgentUsage | RunUsage

    def keys(self, recorded: RecordedEvent[object]) -> Sequence[str]:
        """See `Projection.keys`."""
        event, stream_id = recorded.event, recorded.stream_id
        match event:
            case e.CompactionRetried() | e.CompactionSkipped() if not event.usage.total_tokens:
                return ()
            case e.AgentSpawned():
                return (stream_id,)
            case _ if isinstance(event, _OF_SUMMARIES):
                run = (_run_key(stream_id, event.run_id),) if event.run_id else ()
                return (stream_id, *run)
            case e.ModelCallRequested(run_id=run_id):
                return (_run_key(stream_id, run_id),)
            case _:
                own = event.run_id if isinstance(event, e.AnswerAbandoned) else ""
                return (stream_id, _run_key(stream_id, own or recorded.correlation))

    def stream_of(self, key: str) -> StreamId | None:
        """See `PartsOfStreams.stream_of`. Where the id of a run begins cannot always be told."""
        return None if "#" in key else StreamId(key)

    def initial(self, key: str) -> AgentUsage | RunUsage:
        """See `Projection.initial`."""
        return RunUsage() if "#" in key else AgentUsage()

    def apply(
        self,
        view: AgentUsage | RunUsage,
        key: str,  # noqa: ARG002 - the view says which part it is
        recorded: RecordedEvent[Any],
    ) -> AgentUsage | RunUsage:
        """See `Projection.apply`."""
        event = recorded.event
        if isinstance(view, RunUsage):
            return _with_call(view, event)
        if isinstance(event, e.AgentSpawned):
            return _replace(view, parent=event.profile.parent, team=event.profile.team_id)
        usage = _call(event, (0, 0)).usage
        model = _model(event)
        by_model = {**view.by_model, model: view.by_model.get(model, Usage()) + usage}
        return _replace(view, total=view.total + usage, by_model=by_model)


USAGE = UsageProjection()


def usage_of_events(
    recorded_events: Iterable[RecordedEvent[object]],
) -> Mapping[str, AgentUsage | RunUsage]:
    """The view after these events; read it with `agent_usage`, `run_usage` and `team_usage`."""
    return fold_view(USAGE, recorded_events)


def events_with_subagents(
    read_stream: Callable[[StreamId], Iterable[RecordedEvent[object]]], agent_id: AgentId
) -> Sequence[RecordedEvent[object]]:
    """The events of an agent and of all subagents that it and they have had."""
    recorded = list(read_stream(agent_stream(agent_id)))
    made = [
        one.event.profile.agent_id for one in recorded if isinstance(one.event, e.SubagentSpawned)
    ]
    return [
        *recorded,
        *(one for child in made for one in events_with_subagents(read_stream, child)),
    ]


def agent_usage(
    view: Mapping[str, object], agent_id: AgentId, *, with_subagents: bool = False
) -> AgentUsage:
    """What one agent has used itself, or with its subagents and theirs.

    The rule: a subagent counts to the agent that made it, a teammate to nobody but itself.
    """
    found = view.get(agent_stream(agent_id))
    own = found if isinstance(found, AgentUsage) else AgentUsage()
    if not with_subagents:
        return own
    made = [
        AgentId(name_of(StreamId(key)))
        for key, part in view.items()
        if isinstance(part, AgentUsage) and part.parent == agent_id
    ]
    parts = [agent_usage(view, child, with_subagents=True) for child in made]
    return _replace(_summed([own, *parts]), parent=own.parent, team=own.team)


def run_usage(view: Mapping[str, object], agent_id: AgentId, run_id: RunId) -> RunUsage:
    """What one run has used, call by call."""
    found = view.get(_run_key(agent_stream(agent_id), run_id))
    return found if isinstance(found, RunUsage) else RunUsage()


def usage_by_round(run: RunUsage) -> dict[int, Usage]:
    """The sums of each round of a run, by its number."""
    rounds: dict[int, Usage] = {}
    for call in run.calls:
        rounds[call.round] = rounds.get(call.round, Usage()) + call.usage
    return rounds


def team_usage(view: Mapping[str, Any], team: TeamId | str | None = None) -> AgentUsage:
    """The sum over all agents of a team, subagents among them; over those of all teams if None."""
    agents = [part for part in view.values() if isinstance(part, AgentUsage)]
    total = _summed([part for part in agents if team in (None, part.team)])
    return total if team is None else _replace(total, team=TeamId(team))


def usage_of_team(
    view: Mapping[str, AgentUsage | RunUsage], team: TeamId | str
) -> Mapping[str, AgentUsage | RunUsage]:
    """The parts of the agents of a team, and of their runs."""
    agents = {key for key, one in view.items() if isinstance(one, AgentUsage) and one.team == team}
    return {key: one for key, one in view.items() if key.partition("#")[0] in agents}


def _summed(parts: Sequence[AgentUsage]) -> AgentUsage:
    by_model: dict[str, Usage] = {}
    for part in parts:
        for model, usage in part.by_model.items():
            by_model[model] = by_model.get(model, Usage()) + usage
    total = sum((part.total for part in parts), Usage())
    return AgentUsage(total=total, by_model=by_model)


def run_named(key: str) -> str:
    """The id of the run whose part has this key, or its digest where the key has no more."""
    stream_id, _, run = key.partition("#")
    return f"{name_of(StreamId(stream_id))}{run}" if run.startswith("/") else run


def _run_key(stream_id: StreamId, run_id: str) -> str:
    agent_id = name_of(stream_id)
    names = [run_id]
    if run_id.startswith(f"{agent_id}/"):
        names.append(run_id.removeprefix(agent_id))
    keys = [f"{stream_id}#{name}" for name in names]
    fitting = [key for key in keys if len(key.encode()) <= MAX_KEY_BYTES]
    if fitting:
        return fitting[0]
    return f"{stream_id}#{hashlib.blake2b(run_id.encode(), digest_size=16).hexdigest()}"


def _with_call(view: RunUsage, event: Any) -> RunUsage:
    if isinstance(event, e.ModelCallRequested):
        return _replace(view, asked=(event.round, event.attempt))
    return _replace(view, calls=(*view.calls, _call(event, view.asked)))


def _model(event: _Outcome) -> str:
    """The model that was asked; logs of the first release only have the one that answered."""
    if isinstance(event, e.ConversationCompacted):
        return event.compaction.asked_model
    return event.asked_model or getattr(event, "model", "")


def _call(event: _Outcome, asked: tuple[int, int]) -> CallUsage:
    how: CallEnd = "answered"
    used = event.compaction if isinstance(event, e.ConversationCompacted) else event
    if isinstance(event, e.ModelCallFailed | e.CompactionRetried | e.CompactionSkipped):
        how = "failed"
    if isinstance(event, e.AnswerAbandoned):
        how = "abandoned"
    return CallUsage(
        effect_id=event.effect_id,
        round=asked[0],
        attempt=asked[1],
        model=_model(event),
        how=how,
        tokens=used.usage,
        cost_usd_micros=used.cost_usd_micros,
    )

"""Hypothesis strategies for events and histories. Importing this module needs `hypothesis`.

Two kinds: *any histories*, lists of events in an order that no decider would write
(`any_history`), for what must hold whatever was recorded; and *legal histories*, lists of
commands that reach deep states (`lease_histories` and their like; those of agents and of boards
are in `mentra_actors.testing.agent_strategies` and `mentra_actors.testing.board_strategies`).

    @given(lease_histories())
    def test_a_lease_has_one_holder(commands):
        for answer in play(given(LEASE), commands):
            ...
"""

from collections.abc import Iterable
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mentra_actors.domain.background.events import JobOutput
from mentra_actors.domain.background.jobs import (
    BackgroundCommand,
    RecordJobEnd,
    RecordJobFailure,
    RecordJobStart,
    RequestJob,
    RequestJobStop,
    StopAllJobs,
)
from mentra_actors.domain.inbox import DeliverMail, Mail
from mentra_actors.domain.lease import AcquireLease, LeaseCommand, ReleaseLease, RenewLease
from mentra_actors.domain.memory import (
    SCOPES,
    ForgetRecord,
    MemoryCommand,
    PinFact,
    PinFacts,
    episode_id,
    summary_id,
)
from mentra_actors.envelope import RetiredEvent, UnknownEvent
from mentra_actors.ids import (
    AgentId,
    CommandId,
    EffectId,
    EntryId,
    MailId,
    RunId,
    StreamId,
    TeamId,
)

__all__ = [
    "any_history",
    "background_histories",
    "inbox_histories",
    "instances",
    "lease_histories",
    "memory_histories",
    "moments",
    "words",
]

T = TypeVar("T")

words = st.sampled_from(["", "yes", "a longer text", "line\nbreak", "ünï ☃"])
"""What people, models and tools say."""
moments = st.sampled_from([0.0, 1.0, 7.5, 60.0, 1e9])
"""Unix seconds, in no order."""


# --- instances of a class, from its fields ----------------------------------------------------

_POOLS: dict[Any, SearchStrategy[Any]] = {
    AgentId: st.sampled_from(["lead", "worker"]),
    CommandId: st.sampled_from(["p1", "p2", "p3"]),
    EntryId: st.integers(0, 4) | st.sampled_from([-1, 99]),
    EffectId: st.sampled_from(
        ["model-1", "model-2", "tool-1.0", "tool-1.1", "tool-2.0", "tool-2.0@1", "odd"]
    ),
    MailId: st.sampled_from(["m1", "m2", "m3"]),
    RunId: st.sampled_from(["lead/run-1", "lead/run-2"]),
    StreamId: st.sampled_from(["inbox-lead", "inbox-worker"]),
    TeamId: st.sampled_from(["team"]),
    str: st.text(max_size=8),
    int: st.integers(-2, 5) | st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    bytes: st.binary(max_size=8),
    NoneType: st.none(),
    msgspec.UnsetType: st.just(msgspec.UNSET),
    Any: st.none() | st.booleans() | st.text(max_size=4) | st.lists(st.integers(0, 9), max_size=2),
}
"""Ids come from small pools, so that events of one history speak of the same things."""

_made: dict[Any, SearchStrategy[Any]] = {}


def instances(of: type[T]) -> SearchStrategy[T]:
    """Any value of a class of this package, built from the types of its fields."""
    return _strategy_of(of)


def _strategy_of(kind: object) -> SearchStrategy[Any]:
    if kind in _POOLS:
        return _POOLS[kind]
    if kind not in _made:
        _made[kind] = _built(kind)
    return _made[kind]


def _built(kind: object) -> SearchStrategy[object]:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, UnionType):
        return st.one_of([_strategy_of(argument) for argument in arguments])
    if origin is tuple and arguments[-1] is ...:
        return st.lists(_strategy_of(arguments[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*(_strategy_of(argument) for argument in arguments))
    if origin is frozenset:
        return st.frozensets(_strategy_of(arguments[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(*map(_strategy_of, arguments), max_size=2)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = msgspec.structs.fields(kind)
        return st.builds(kind, **{field.name: _strategy_of(field.type) for field in fields})
    raise TypeError(f"no strategy for the field type {kind!r}")


def any_history(
    event_types: Iterable[type[object]], max_size: int = 20
) -> SearchStrategy[list[Any]]:
    """Events of these classes in any order and number, skipped events among them."""
    skipped = st.builds(
        lambda of, event_type, payload: of(event_type=event_type, payload=payload),
        of=st.sampled_from([UnknownEvent, RetiredEvent]),
        event_type=st.sampled_from(["later.v2", "odd"]),
        payload=st.binary(max_size=9),
    )
    events = st.one_of([instances(event_type) for event_type in event_types])
    return st.lists(events | skipped, max_size=max_size)


# --- legal histories ----------------------------------------------------------------------------

_ids = st.sampled_from([CommandId(f"c{n}") for n in range(30)])
_names = st.sampled_from(["ann", "bob", "cy"])


def inbox_histories(max_size: int = 20) -> SearchStrategy[list[DeliverMail]]:
    """Deliveries with repeated ids, some of empty mail."""
    mail = st.builds(
        Mail,
        mail_id=st.sampled_from([MailId(f"m{n}") for n in range(8)]),
        sender=_names,
        to=st.just(AgentId("lead")),
        body=words,
        sent_at=moments,
    )
    return st.lists(st.builds(DeliverMail, mail=mail), max_size=max_size)


def memory_histories(max_size: int = 20) -> SearchStrategy[list[MemoryCommand]]:
    """Few ids and few words, so that records come again, and come after they were forgotten."""
    record_ids = st.sampled_from([f"r{n}" for n in range(6)])
    texts = st.sampled_from(["", "red", " red ", "red house", "blue boats", "ünï ☃ red", "東京都"])
    records = st.builds(
        PinFact,
        record_id=record_ids,
        content=texts,
        by=_names,
        now=moments,
        scope=st.sampled_from(SCOPES),
    )
    off_the_log = st.sampled_from([episode_id(RunId("lead/run-1")), summary_id(EffectId("c1"))])
    gone = record_ids | off_the_log
    forgets = st.builds(ForgetRecord, record_id=gone, by=_names, now=moments)
    several = st.builds(PinFacts, facts=st.lists(records, max_size=3).map(tuple))
    return st.lists(st.one_of(records, records, several, forgets), max_size=max_size)


def lease_histories(max_size: int = 20) -> SearchStrategy[list[LeaseCommand]]:
    """Holders that come, renew late or with an old epoch, go, or are known dead; time rises."""
    step = st.tuples(
        st.sampled_from(["acquire", "acquire", "renew", "release", "dead"]),
        _names,
        st.integers(0, 4),
        st.sampled_from([0.0, 1.0, 4.0, 11.0]),
    )
    return st.lists(step, max_size=max_size).map(_lease_commands)


def _lease_commands(steps: list[tuple[str, str, int, float]]) -> list[LeaseCommand]:
    now = 0.0
    commands: list[LeaseCommand] = []
    for verb, holder, epoch, passed_s in steps:
        now += passed_s
        match verb:
            case "renew":
                commands.append(RenewLease(epoch=epoch, now=now))
            case "release":
                commands.append(ReleaseLease(epoch=epoch))
            case _:
                gone = verb == "dead"
                take = AcquireLease(holder=holder, term_s=10.0, now=now, holder_is_gone=gone)
                commands.append(take)
    return commands


def background_histories(max_size: int = 30) -> SearchStrategy[list[BackgroundCommand]]:
    """Wishes for few jobs, some repeated; starts, ends and stops of any of them, in any order."""
    commands = [*[_wishes] * 3, *[_job_outcomes] * 4, _job_stops, _closings]
    step = st.sampled_from(commands).flatmap(lambda strategy: strategy)
    return st.lists(step, max_size=max_size)


_jobs = st.sampled_from(["bg-a", "bg-b", "bg-c", "bg-d"])
_wishes: SearchStrategy[Any] = st.tuples(_jobs, st.integers(0, 3), moments).map(
    lambda drawn: RequestJob(
        command_id=CommandId(f"wish-{drawn[0]}"),
        job_id=drawn[0],
        command="make",
        cwd="/",
        digest="d",
        limit=drawn[1] or None,
        timeout_s=5.0 if drawn[1] == 1 else None,
        agent_id=AgentId("" if drawn[0] == "bg-d" else "worker"),
        now=drawn[2],
    )
)
_job_outcomes: SearchStrategy[Any] = st.one_of(
    st.builds(RecordJobStart, job_id=_jobs, directory=st.just("/d"), pid=st.just(7), now=moments),
    st.builds(RecordJobFailure, job_id=_jobs, error=words, now=moments),
    st.builds(
        RecordJobEnd,
        job_id=_jobs,
        exit_code=st.sampled_from([0, 1, 143, None]),
        output=st.builds(JobOutput, preview=words),
        now=moments,
        problem=words,
        exited_at=st.none() | moments,
    ),
)
_job_stops: SearchStrategy[RequestJobStop] = st.builds(
    RequestJobStop,
    job_id=_jobs,
    cause=st.sampled_from(["cancel", "time_limit"]),
    now=moments,
    by=_names,
)
_closings: SearchStrategy[StopAllJobs] = st.builds(StopAllJobs, now=moments, reason=words)

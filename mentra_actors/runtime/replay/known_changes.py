"""What a release decides otherwise than those before it, and means to; pure.

A log says with each writer's lease which release writes it (not before 0.5.0, so an append of
which it says nothing is taken as older). An append of an older release that is decided otherwise
today is a known change if each of its differences is one of this table. What a changed decider
does to an append of this release is never known.
"""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.memory import MemoryRecorded
from mentra_actors.release import is_before

if TYPE_CHECKING:
    from mentra_actors.runtime.replay.verification import OtherDecision
    from mentra_actors.runtime.replay.walk import Step

__all__ = ["KNOWN_CHANGES", "KnownChange", "known_changes"]


class KnownChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of what is decided, in words for people, and the release that it came with."""

    since: str
    words: str


class _OtherField(msgspec.Struct, frozen=True, kw_only=True):
    """A field that is decided otherwise: where, and what older logs have there (patterns)."""

    change: KnownChange
    place: str
    recorded: str = "None|''|0|False|\\(\\)"


class _OtherEvents(msgspec.Struct, frozen=True, kw_only=True):
    """An append of which other events are made, or none."""

    change: KnownChange
    is_it: "Callable[[Step], bool]"


def _change(since: str, words: str) -> KnownChange:
    return KnownChange(since=since, words=words)


def _fields(since: str, words: str, *places: str) -> Iterable[_OtherField]:
    """Fields that older logs have not, or have empty."""
    change = _change(since, words)
    return (_OtherField(change=change, place=place) for place in places)


_ANSWER = _change("0.2.0", "the end of a run names the answer, and does not repeat it")
_LIMIT = _change("0.2.0", "the words of a limit that a run came to")
_PACE = _change("0.2.0", "a model call that failed is tried again at another time, and says when")

_OTHER_FIELDS: tuple[_OtherField, ...] = (
    *_fields(
        "0.2.0", "a run says where the agent's letters were when it began", r"RunStarted\.baseline"
    ),
    _OtherField(change=_ANSWER, place=r"RunFinished\.answer"),
    _OtherField(change=_ANSWER, place=r"RunFinished\.text", recorded=r"'.+'"),
    *(
        _OtherField(change=_PACE, place=rf"ModelCallFailed\.{name}")
        for name in ("max_attempts", "retry_at")
    ),
    _OtherField(change=_PACE, place=r"ModelCallRequested\.not_before", recorded=r"[\d.]+"),
    *_fields(
        "0.2.0",
        "each event of a tool call names the tool and the model's id of the call",
        r"ToolCall\w+\.(tool|call_id)",
    ),
    _OtherField(
        change=_LIMIT, place=r"RunFailed\.message", recorded="'.*; send a prompt to go on'"
    ),
    *_fields(
        "0.5.0",
        "a letter says who has sent it by id, so that a name may change",
        r"(MailSent|MailDelivered)\.mail\.sender_id",
    ),
    *_fields(
        "0.5.0",
        "an agent that stops says why, and tells its team",
        r"AgentStopped\.(reason|tells_team)",
    ),
    *_fields(
        "0.5.0",
        "a task that is taken up again names the tasks that wait for it again",
        r"TaskStatusChanged\.reblocked",
    ),
    *_fields(
        "0.5.0",
        "a compaction names the run in which it was done",
        r"ConversationCompacted\.run_id",
    ),
)


def _is_cancelled_otherwise(step: "Step") -> bool:
    """In 0.1.0 a call that was open became unknown, and said no more than its key."""
    first, last = step.recorded[0].event, step.recorded[-1].event
    is_nameless = isinstance(first, e.ToolCallOutcomeUnknown) and not first.tool
    return is_nameless and isinstance(last, e.RunCancelled)


def _is_blocked_otherwise(step: "Step") -> bool:
    """Before 0.4.0 a call that was refused before it began only had a result."""
    first = step.recorded[0].event
    refusals = ("Blocked by pre-execution hook", "Tool execution requires approval")
    is_refusal = isinstance(first, e.ToolCallFinished) and first.content.startswith(refusals)
    return is_refusal and not _decided(step)


def _is_stopped_otherwise(step: "Step") -> bool:
    """Before 0.5.0 a compaction that a stop had ended was skipped like any other one."""
    match [one.event for one in step.recorded]:
        case [e.CompactionSkipped(is_cancelled=False), e.AgentStopped(reason="")]:
            return True
        case _:
            return False


def _is_remembered_otherwise(step: "Step") -> bool:
    """Before 0.5.0 runs and compactions were copied into the memory."""
    first = step.recorded[0].event
    return isinstance(first, MemoryRecorded) and first.record.kind != "fact"


def _decided(step: "Step") -> tuple[object, ...]:
    return step.decision.events if step.decision else ()


_OTHER_EVENTS = (
    _OtherEvents(
        change=_change("0.2.0", "a run that is cancelled ends its open calls by its own event"),
        is_it=_is_cancelled_otherwise,
    ),
    _OtherEvents(
        change=_change("0.4.0", "what was found of a call before it began is an event of its own"),
        is_it=_is_blocked_otherwise,
    ),
    _OtherEvents(
        change=_change("0.5.0", "a compaction that a stop has ended says so"),
        is_it=_is_stopped_otherwise,
    ),
    _OtherEvents(
        change=_change("0.5.0", "runs and compactions are remembered where they stand in the log"),
        is_it=_is_remembered_otherwise,
    ),
)

KNOWN_CHANGES: tuple[KnownChange, ...] = tuple(
    dict.fromkeys([*(one.change for one in _OTHER_FIELDS), *(one.change for one in _OTHER_EVENTS)])
)
"""All of them, each once."""


def known_changes(step: "Step", difference: "OtherDecision") -> tuple[KnownChange, ...]:
    """The changes that explain all of a difference, each once; none if something is news."""
    for one in _OTHER_EVENTS:
        if is_before(step.release, one.change.since) and one.is_it(step):
            return (one.change,)
    if difference.refusal or difference.recorded != difference.decided:
        return ()
    found: dict[KnownChange, None] = {}
    for place in difference.fields:
        change = _change_at(step, _named_place(difference, place.place), place.recorded)
        if change is None:
            return ()
        found[change] = None
    return tuple(found)


def _change_at(step: "Step", place: str, recorded: str) -> KnownChange | None:
    for one in _OTHER_FIELDS:
        if not is_before(step.release, one.change.since):
            continue
        if re.fullmatch(one.place, place) and re.fullmatch(one.recorded, recorded, re.DOTALL):
            return one.change
    return None


def _named_place(difference: "OtherDecision", place: str) -> str:
    """`2.call_id` as `ToolCallStarted.call_id`, whichever stream the event is in."""
    number, _, field = place.partition(".")
    name, _, _ = difference.recorded[int(number)].partition(" ")
    return f"{name}.{field}"

"""What a model was sent for a call of the past, made of the log. Pure."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeGuard

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.decide.pending import pending_call
from mentra_actors.domain.agent.effects import CallModel
from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.domain.content import Message
from mentra_actors.domain.conversation_tree import PlacedCompaction, Transcript, as_compacted_by
from mentra_actors.domain.recalled import has_unseen
from mentra_actors.domain.request_view import RequestView, shown, standing_view
from mentra_actors.domain.transcript import apply
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import EffectId, RunId

__all__ = ["as_told", "call_of_round", "is_told", "seen_messages"]

_INTERRUPTED = "interrupted"
"""The kind of a failure whose process has ended: nobody has written how its request was shown."""


def seen_messages(
    events: Sequence[object], call: EffectId, has_facts: Callable[[AgentProfile], bool]
) -> Sequence[Message]:
    """The messages of the request of a model call; the events are those of its agent.

    `has_facts` says whether the memory of an agent has ever had a fact: of a call without an
    outcome nobody has written down what was recalled.

    Raises:
        CommandRejected: there is no such call, or it has no outcome and was perhaps told something
            that the log does not have.
    """
    transcript, before = Transcript(), None
    for event in events:
        if isinstance(event, e.ModelCallRequested) and event.effect_id == call:
            before = transcript.compactions
        elif is_told(event) and event.effect_id == call:
            return shown(as_told(transcript, event.view, before or ()), event.view)
        transcript = apply(transcript, event)
    if before is None:
        raise CommandRejected(f"there is no model call {call!r}")
    return _of_no_outcome(events, call, has_facts)


def _of_no_outcome(
    events: Iterable[object], call: EffectId, has_facts: Callable[[AgentProfile], bool]
) -> Sequence[Message]:
    """What a call was sent that still goes on, or that was broken off with its process or run."""
    effect, transcript = _as_asked(events, call)
    if effect is None:
        raise CommandRejected(f"{call} was never sent: its run ended before")
    memory = effect.profile.memory
    recalls = memory.auto_recall_enabled and memory.auto_recall_limit > 0
    if recalls and (has_unseen(transcript) or has_facts(effect.profile)):
        raise _not_written(call, "what was recalled of the memory")
    if effect.remind:
        raise _not_written(call, "how it was reminded of the task board")
    return shown(transcript, standing_view(effect.profile.compaction, transcript))


def _not_written(call: EffectId, what: str) -> CommandRejected:
    return CommandRejected(
        f"{call} has no outcome, and only an outcome says {what}: the log does not have all that "
        "its request said"
    )


def _as_asked(events: Iterable[Any], call: EffectId) -> tuple[CallModel | None, Transcript]:
    """A call and its conversation as they stood last while it was to be answered."""
    state, transcript = AGENT.initial, Transcript()
    asked: tuple[CallModel | None, Transcript] = (None, transcript)
    for event in events:
        transcript = apply(transcript, event)
        if type(event) in AGENT.event_types:
            state = AGENT.evolve(state, event)
        if state.model_call is not None:
            effect = pending_call(state)
            if effect is not None and effect.effect_id == call:
                asked = (effect, transcript)
    return asked


def is_told(event: object) -> TypeGuard[e.ModelReplied | e.ModelCallFailed]:
    """Whether an event is an outcome of a call that says how its request was shown."""
    return isinstance(event, e.ModelReplied) or (
        isinstance(event, e.ModelCallFailed) and event.kind != _INTERRUPTED
    )


def as_told(
    transcript: Transcript, view: RequestView, before: Sequence[PlacedCompaction]
) -> Transcript:
    """The conversation as a call told it, also if it was compacted while the model answered.

    Logs of earlier releases do not say by which compaction: it was made before the call.
    """
    newest = before[-1].effect_id if before else EffectId("")
    return as_compacted_by(transcript, view.compacted_by or newest)


def call_of_round(events: Iterable[object], number: int, run_id: RunId | None) -> EffectId:
    """The last call of a round (from 1) of a run, the last run if none is named.

    Raises:
        CommandRejected: there is no such round.
    """
    found, run = EffectId(""), run_id
    for event in events:
        if isinstance(event, e.RunStarted) and run_id is None:
            found, run = EffectId(""), event.run_id
        if isinstance(event, e.ModelCallRequested) and (event.run_id, event.round) == (
            run,
            number,
        ):
            found = event.effect_id
    if not found:
        raise CommandRejected(f"there is no round {number} in {run or 'a run'}")
    return found

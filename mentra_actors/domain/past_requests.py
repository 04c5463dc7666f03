"""What a model was sent for a call of the past, made of the log. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import Message
from mentra_actors.domain.conversation_tree import PlacedCompaction, Transcript, as_compacted_by
from mentra_actors.domain.request_view import RequestView, shown
from mentra_actors.domain.transcript import apply
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import EffectId, RunId

__all__ = ["as_told", "call_of_round", "seen_messages"]


def seen_messages(events: Iterable[Any], call: EffectId) -> Sequence[Message]:
    """The messages of the request of a model call; the events are those of its agent.

    Raises:
        CommandRejected: there is no such call, or the log does not say how its request was shown:
            it has no outcome yet, its run was ended before it had one, or its process was.
    """
    transcript, before = Transcript(), None
    for event in events:
        match event:
            case e.ModelCallRequested() if event.effect_id == call:
                before = transcript.compactions
            case e.ModelReplied() if event.effect_id == call:
                return shown(as_told(transcript, event.view, before or ()), event.view)
            case e.ModelCallFailed() if event.effect_id == call and event.kind != "interrupted":
                return shown(as_told(transcript, event.view, before or ()), event.view)
            case _:
                pass
        transcript = apply(transcript, event)
    if before is None:
        raise CommandRejected(f"there is no model call {call!r}")
    raise CommandRejected(
        f"how the request of {call} was shown is not on the log: it has no outcome, or it was "
        "broken off"
    )


def as_told(
    transcript: Transcript, view: RequestView, before: Sequence[PlacedCompaction]
) -> Transcript:
    """The conversation as a call told it, also if it was compacted while the model answered.

    Logs of earlier releases do not say by which compaction: it was made before the call.
    """
    newest = before[-1].effect_id if before else EffectId("")
    return as_compacted_by(transcript, view.compacted_by or newest)


def call_of_round(events: Iterable[Any], number: int, run_id: RunId | None) -> EffectId:
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

"""The model calls of an agent so far, with what each was asked, and the next one. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.decide.pending import pending_call
from mentra_actors.domain.agent.effects import CallModel
from mentra_actors.domain.agent.profile import asked_profile
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.domain.conversation_tree import PlacedCompaction, Transcript
from mentra_actors.domain.model_call import TokenUsage
from mentra_actors.domain.past_requests import as_told, is_told
from mentra_actors.domain.request_view import RequestView
from mentra_actors.domain.transcript import apply
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import EffectId, EntryId, RunId

__all__ = ["AgentPast", "PastCall", "agent_past", "next_call"]


class PastCall(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """A call whose request the log knows: `transcript` is the conversation before its outcome.

    `number` counts from 1, failed attempts among them; `entry_id` is its answer, 0 without one.
    """

    number: int
    effect: CallModel
    transcript: Transcript
    view: RequestView
    usage: TokenUsage
    entry_id: EntryId


class AgentPast(msgspec.Struct, frozen=True, kw_only=True):
    """An agent as its log has it, and its calls, the oldest first.

    `told_with` are the compactions that there were when the last call was asked for.
    """

    state: AgentState = AGENT.initial
    transcript: Transcript = Transcript()
    calls: tuple[PastCall, ...] = ()
    told_with: Sequence[PlacedCompaction] = ()

    @property
    def last_counted(self) -> PastCall | None:
        """The last call whose input the provider has counted."""
        return next((one for one in reversed(self.calls) if one.usage.input_tokens), None)

    def call(self, number: int) -> PastCall:
        """The call with this number.

        Raises:
            CommandRejected: there is none.
        """
        if 1 <= number <= len(self.calls):
            return self.calls[number - 1]
        raise CommandRejected(f"there is no model call {number}; there are {len(self.calls)}")

    def call_of_entry(self, entry_id: int) -> PastCall:
        """The call that was answered with this entry.

        Raises:
            CommandRejected: it is no answer of a model.
        """
        found = next((one for one in self.calls if one.entry_id == entry_id), None)
        if entry_id < 1 or found is None:
            raise CommandRejected(f"entry {entry_id} is no answer of a model")
        return found


def agent_past(events: Iterable[Any], begun: AgentPast | None = None) -> AgentPast:
    """What the events of an agent's stream say of it; they follow on what was `begun`."""
    begun = begun or AgentPast()
    state, transcript, before = begun.state, begun.transcript, begun.told_with
    calls = list(begun.calls)
    for event in events:
        after = apply(transcript, event)
        if isinstance(event, e.ModelCallRequested):
            before = transcript.compactions
        elif is_told(event):
            is_answer = isinstance(event, e.ModelReplied) and bool(event.blocks)
            told = as_told(transcript, event.view, before)
            entry_id = after.leaf if is_answer else EntryId(0)
            calls += _past_call(len(calls) + 1, state, told, event, entry_id)
        if type(event) in AGENT.event_types:
            state = AGENT.evolve(state, event)
        transcript = after
    return AgentPast(state=state, transcript=transcript, calls=tuple(calls), told_with=before)


def _past_call(
    number: int,
    state: AgentState,
    transcript: Transcript,
    event: e.ModelReplied | e.ModelCallFailed,
    entry_id: EntryId,
) -> list[PastCall]:
    effect = pending_call(state)
    if effect is None or effect.effect_id != event.effect_id:
        return []
    call = PastCall(
        number=number,
        effect=effect,
        transcript=transcript,
        view=event.view,
        usage=event.usage,
        entry_id=entry_id,
    )
    return [call]


def next_call(state: AgentState) -> CallModel:
    """The call that waits to be made, else the one that would be made now.

    Raises:
        CommandRejected: there is no such agent, or it is the seat of a person.
    """
    profile, run = state.profile, state.run
    if profile is None:
        raise CommandRejected("there is no such agent; spawn it first")
    if profile.is_person:
        raise CommandRejected(f"{profile.name} is a person: no model is asked for them")
    waiting = pending_call(state)
    if waiting is not None:
        return waiting
    return CallModel(
        effect_id=EffectId(""),
        run_id=run.run_id if run else RunId(""),
        profile=asked_profile(profile, run.taken_over_by if run else None),
        attempt=1,
        not_before=0.0,
        options=run.options if run else profile.run,
        remind=state.is_to_be_reminded,
    )

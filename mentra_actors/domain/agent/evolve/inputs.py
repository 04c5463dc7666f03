"""State after facts about an agent itself, its input and its conversation."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from mentra_actors.decider import Steps
from mentra_actors.domain.agent.entries import entries_in
from mentra_actors.domain.agent.events import inputs as e
from mentra_actors.domain.agent.profile import changed_profile
from mentra_actors.domain.agent.state import AgentState, Farewell, Queue, WaitingPrompt, report_id
from mentra_actors.domain.known_ids import remembered
from mentra_actors.ids import CommandId, EntryId

__all__ = ["INPUT_STEPS"]

T = TypeVar("T")

_replace = msgspec.structs.replace


def _spawned(state: AgentState, event: e.AgentSpawned) -> AgentState:
    return _replace(state, profile=event.profile, rests=state.rests + 1)


def _reconfigured(state: AgentState, event: e.AgentReconfigured) -> AgentState:
    profile = state.profile and changed_profile(state.profile, event.changes)
    return _replace(state, profile=profile, rests=state.rests + 1)


def _renamed(state: AgentState, event: e.AgentRenamed) -> AgentState:
    profile = state.profile and _replace(state.profile, name=event.name)
    return _replace(state, profile=profile, rests=state.rests + 1)


def _stop_planned(state: AgentState, event: e.AgentStopPlanned) -> AgentState:
    return _replace(state, stop_planned=event.reason or "the team wants it to stop")


def _stopped(state: AgentState, event: e.AgentStopped) -> AgentState:
    farewell = Farewell(reason=event.reason) if event.tells_team else None
    return _replace(state, stopped=True, farewell=farewell)


def _mail_came_late(state: AgentState, event: e.MailCameLate) -> AgentState:
    through = max(state.mail_taken_through, event.through_version)
    if not event.letters:
        return _replace(state, mail_taken_through=through)
    farewell = state.farewell or Farewell(reason="", is_told=True)
    late, number = farewell.late + event.letters, farewell.number + 1
    farewell = _replace(farewell, late=late, number=number)
    return _replace(state, mail_taken_through=through, farewell=farewell)


def _stop_reported(state: AgentState, event: e.StopReported) -> AgentState:
    farewell = state.farewell
    if farewell is None or event.effect_id != report_id(farewell):
        return state
    told = _replace(farewell, is_told=True, late=(), number=farewell.number + 1)
    return _replace(state, farewell=told)


def _prompt_accepted(state: AgentState, event: e.PromptAccepted) -> AgentState:
    prompt = WaitingPrompt(prompt_id=event.prompt_id, options=event.options)
    return _replace(
        state,
        waiting_prompts=(*state.waiting_prompts, prompt),
        known_ids=remembered(state.known_ids, event.prompt_id),
    )


def _mail_taken(state: AgentState, event: e.MailTaken) -> AgentState:
    taken = tuple(mail.mail_id for mail in event.mail)
    notices = tuple(mail.mail_id for mail in event.mail if mail.kind == "background")
    return _replace(
        state,
        waiting_mail=state.waiting_mail + taken,
        waiting_notices=state.waiting_notices + notices,
        mail_taken_through=max(state.mail_taken_through, event.through_version),
        rests=state.rests + bool(taken),
    )


def _handed_over(state: AgentState, event: e.MailHandedOver) -> AgentState:
    return _replace(
        state,
        waiting_mail=_without(state.waiting_mail, event.mail_ids),
        waiting_notices=_without(state.waiting_notices, event.mail_ids),
        held_mail=0,
        known_commands=remembered(state.known_commands, event.command_id),
    )


def _queued(state: AgentState, event: e.InputQueued) -> AgentState:
    queue = _queue(state, event.queue)
    known_items = remembered(state.known_items, event.item_id)
    items = (*queue.items, event.item_id)
    return _with_queue(_replace(state, known_items=known_items), event.queue, items)


def _cleared(state: AgentState, event: e.QueueCleared) -> AgentState:
    return _with_queue(state, event.queue, ())


def _mode_changed(state: AgentState, event: e.QueueModeChanged) -> AgentState:
    queue = _replace(_queue(state, event.queue), mode=event.mode)
    return _replace(state, **{event.queue: queue})


def _placed(state: AgentState, event: e.InputPlaced) -> AgentState:
    run, entries = state.run, state.entries + entries_in(event)
    if run is not None:
        prompt = EntryId(state.entries + 1) if event.prompt_ids else run.prompt_entry
        run = _replace(
            run,
            prompt_entry=prompt,
            placed_mail=run.placed_mail + event.mail_ids,
            placed_steer=run.placed_steer + event.steer_ids,
            placed_follow_up=run.placed_follow_up + event.follow_up_ids,
        )
    return _replace(
        state,
        run=run,
        entries=entries,
        leaf=EntryId(entries) if entries > state.entries else state.leaf,
        waiting_prompts=tuple(
            p for p in state.waiting_prompts if p.prompt_id not in event.prompt_ids
        ),
        waiting_mail=_without(state.waiting_mail, event.mail_ids),
        waiting_notices=_without(state.waiting_notices, event.mail_ids),
        held_mail=0 if event.mail_ids else state.held_mail,
        steer=_taken(state.steer, event.steer_ids),
        follow_up=_taken(state.follow_up, event.follow_up_ids),
    )


def _returned(state: AgentState, event: e.InputReturned) -> AgentState:
    """What had been placed stands again before what came later."""
    steer, follow_up = state.steer, state.follow_up
    return _replace(
        state,
        waiting_mail=event.mail_ids + state.waiting_mail,
        held_mail=state.held_mail + len(event.mail_ids),
        steer=_replace(steer, items=event.steer_ids + steer.items),
        follow_up=_replace(follow_up, items=event.follow_up_ids + follow_up.items),
    )


def _leaf_moved(state: AgentState, event: e.LeafMoved) -> AgentState:
    """A person who moves the leaf wants another conversation than the one that was broken off."""
    leaf = EntryId(min(max(event.to_entry, 0), state.entries))
    resumable = None if event.reason == "branch" else state.resumable
    return _replace(state, leaf=leaf, resumable=resumable)


def _unchanged(state: AgentState, _event: object) -> AgentState:
    return state


def _queue(state: AgentState, name: e.QueueName) -> Queue:
    return state.steer if name == "steer" else state.follow_up


def _with_queue(state: AgentState, name: e.QueueName, items: tuple[CommandId, ...]) -> AgentState:
    return _replace(state, **{name: _replace(_queue(state, name), items=items)})


def _taken(queue: Queue, taken: tuple[CommandId, ...]) -> Queue:
    return _replace(queue, items=_without(queue.items, taken)) if taken else queue


def _without(items: tuple[T, ...], gone: Iterable[T]) -> tuple[T, ...]:
    gone = tuple(gone)
    return tuple(item for item in items if item not in gone) if gone else items


INPUT_STEPS: Steps[AgentState] = {
    e.AgentSpawned: _spawned,
    e.AgentReconfigured: _reconfigured,
    e.AgentRenamed: _renamed,
    e.AgentStopPlanned: _stop_planned,
    e.AgentStopped: _stopped,
    e.MailCameLate: _mail_came_late,
    e.StopReported: _stop_reported,
    e.AgentRecovered: _unchanged,
    e.PromptAccepted: _prompt_accepted,
    e.MailTaken: _mail_taken,
    e.MailHandedOver: _handed_over,
    e.MailSent: _unchanged,
    e.InputQueued: _queued,
    e.QueueCleared: _cleared,
    e.QueueModeChanged: _mode_changed,
    e.InputPlaced: _placed,
    e.InputReturned: _returned,
    e.LeafMoved: _leaf_moved,
    e.EntryLabelled: _unchanged,
}

"""State after an agent became another one, and after words were put in place."""

import msgspec

from mentra_actors.decider import Steps
from mentra_actors.domain.agent.entries import entries_in
from mentra_actors.domain.agent.events import branching as e
from mentra_actors.domain.agent.state import AgentState, Resumable, ToolCall, idempotency_key
from mentra_actors.domain.known_ids import remembered
from mentra_actors.ids import AgentId, EntryId

__all__ = ["BRANCHING_STEPS"]

_replace = msgspec.structs.replace


def _branched(state: AgentState, event: e.AgentBranched) -> AgentState:
    """A run that has done something in another world cannot be taken back in this one."""
    owner = state.profile.agent_id if state.profile else AgentId("")
    run = state.run
    if run is not None:
        run = _replace(run, undoable=(), options=_replace(run.options, on_failure="suspend"))
    return _replace(
        state,
        run=run,
        calls=tuple(_resalted(one, owner, event.salt) for one in state.calls),
        resumable=state.resumable and _replace(state.resumable, undoable=()),
        compensations=(),
    )


def _resalted(call: ToolCall, owner: AgentId, salt: str) -> ToolCall:
    if call.status == "closed":
        return call
    key = idempotency_key(owner, call.key, salt) if call.idempotency_key else ""
    return _replace(call, salt=salt, idempotency_key=key)


def _edited(state: AgentState, event: e.ConversationEdited) -> AgentState:
    entries = state.entries + entries_in(event)
    known = state.known_commands
    return _replace(
        state,
        entries=entries,
        leaf=EntryId(entries),
        resumable=_after_edit(state.resumable, event),
        known_commands=remembered(known, event.command_id) if event.command_id else known,
    )


def _after_edit(resumable: Resumable | None, event: e.ConversationEdited) -> Resumable | None:
    """What was broken off can go on with a model call, unless its answer stands there now."""
    if resumable is None or resumable.is_rolled_back or event.kind == "answer":
        return None
    return _replace(resumable, boundary="start", answer="")


BRANCHING_STEPS: Steps[AgentState] = {
    e.AgentBranched: _branched,
    e.ConversationEdited: _edited,
}

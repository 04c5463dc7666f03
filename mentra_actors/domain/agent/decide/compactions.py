"""The shortening of the conversation for the model: asked for, done, or not to be done."""

from collections.abc import Sequence

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import EffectId

__all__ = ["compaction_outcome", "compaction_requested"]


def compaction_requested(
    command: c.CompactConversation, state: AgentState
) -> Sequence[e.AgentEvent]:
    """The request; nothing while one is being written already.

    Raises:
        CommandRejected: there is nothing to summarise, or the agent is stopped.
    """
    if state.stopped:
        raise CommandRejected("the agent is stopped")
    if state.compaction:
        return []
    if not state.leaf:
        raise CommandRejected("there is no conversation to compact yet")
    effect_id = EffectId(f"compact-{state.compactions + 1}")
    return [e.CompactionRequested(effect_id=effect_id, requested_at=command.now)]


def compaction_outcome(command: c.RecordCompaction, state: AgentState) -> Sequence[e.AgentEvent]:
    """The summary takes the place of older entries, or it is said why not."""
    if state.compaction != command.effect_id:
        return []
    if command.compaction is None:
        return [
            e.CompactionSkipped(
                effect_id=command.effect_id, reason=command.problem, is_error=command.is_error
            )
        ]
    return [
        e.ConversationCompacted(
            effect_id=command.effect_id,
            compaction=command.compaction,
            compacted_at=command.now,
        )
    ]

"""Moving about in the conversation: from which entry it goes on, and what entries are called."""

from collections.abc import Sequence

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.domain.one_line import line_fault
from mentra_actors.errors import CommandRejected

__all__ = ["MAX_LABEL_CHARS", "entry_labelled", "leaf_moved"]

MAX_LABEL_CHARS = 200


def leaf_moved(command: c.MoveLeaf, state: AgentState) -> Sequence[e.AgentEvent]:
    """The conversation goes on from another entry; nothing, if it is the present one.

    Raises:
        CommandRejected: there is no such entry, or a run is open.
    """
    if state.run is not None:
        raise CommandRejected(f"{state.run.run_id} is open; wait for its end or cancel it")
    if not 0 <= command.to_entry <= state.entries:
        raise CommandRejected(_unknown(command.to_entry, state))
    if command.to_entry == state.leaf:
        return []
    return [
        e.LeafMoved(
            from_entry=state.leaf,
            to_entry=command.to_entry,
            reason="branch",
            moved_at=command.now,
        )
    ]


def entry_labelled(command: c.LabelEntry, state: AgentState) -> Sequence[e.AgentEvent]:
    """The entry gets a name.

    Raises:
        CommandRejected: there is no such entry, or the name is too long or no line for people.
    """
    if not 1 <= command.entry <= state.entries:
        raise CommandRejected(_unknown(command.entry, state))
    if fault := line_fault(command.label, "a label", MAX_LABEL_CHARS):
        raise CommandRejected(fault)
    return [e.EntryLabelled(entry=command.entry, label=command.label)]


def _unknown(entry: int, state: AgentState) -> str:
    return f"there is no entry {entry}; the conversation has {state.entries}"

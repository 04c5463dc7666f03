"""An agent that goes on from a moment of another log, and words that are put in place."""

from collections.abc import Sequence

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide.intake import MAX_PROMPT_CHARS
from mentra_actors.domain.agent.evolve import evolve
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.errors import CommandRejected

__all__ = ["branched", "conversation_edited"]


def branched(command: c.BranchAgent, state: AgentState) -> Sequence[e.AgentEvent]:
    """That it is another one now; nothing, if that makes no difference."""
    event = e.AgentBranched(
        branch=command.branch,
        position=command.position,
        salt=command.salt,
        branched_at=command.now,
        by=command.by,
    )
    return [] if evolve(state, event) == state else [event]


def conversation_edited(command: c.EditConversation, state: AgentState) -> Sequence[e.AgentEvent]:
    """Other words in the place of an entry, and the conversation goes on from there.

    Raises:
        CommandRejected: there is no such entry, a run is open, or there are no words, or too many.
    """
    if command.command_id and command.command_id in state.known_commands:
        return []
    if state.run is not None:
        raise CommandRejected(f"{state.run.run_id} is open; wait for its end or cancel it")
    least = 0 if command.kind == "message" else 1
    if not least <= command.entry <= state.entries:
        raise CommandRejected(
            f"there is no entry {command.entry}; the conversation has {state.entries}"
        )
    if command.kind != "result" and not command.text.strip():
        raise CommandRejected("there are no words to put in place")
    if len(command.text) > MAX_PROMPT_CHARS:
        raise CommandRejected(f"the words are longer than {MAX_PROMPT_CHARS:,} characters")
    if command.kind == "result" and not command.key:
        raise CommandRejected("say the result of which call is meant")
    return [
        e.ConversationEdited(
            kind=command.kind,
            text=command.text,
            edited_at=command.now,
            entry=command.entry,
            key=command.key,
            by=command.by,
            command_id=command.command_id,
        )
    ]

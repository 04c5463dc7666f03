"""What the events of an agent say to observers of its memory. Pure."""

from collections.abc import Sequence

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.memory import episode_id
from projections.hooks import hook_event as told
from projections.hooks.hook_event import HookEvent
from projections.hooks.hook_memory_event import SearchedBy
from projections.hooks.hook_state import Place

__all__ = ["ingested", "recalled", "searched"]

_SEARCH = "memory_search"


def recalled(event: e.ModelReplied | e.ModelCallFailed, at: Place) -> Sequence[HookEvent]:
    """What a request was told of the memory, or why it was told nothing."""
    if not (event.recalled or event.recall_problem):
        return ()
    by: SearchedBy = "recall"
    return (
        told.MemorySearchStarted(effect_id=event.effect_id, by=by, **at),
        told.MemorySearchFinished(
            effect_id=event.effect_id,
            by=by,
            success=not event.recall_problem,
            error=event.recall_problem or None,
            chars=len(event.recalled),
            **at,
        ),
    )


def searched(event: e.ToolCallStarted | e.ToolCallFinished, at: Place) -> Sequence[HookEvent]:
    """What the model has looked for by its tool."""
    if event.tool != _SEARCH:
        return ()
    if isinstance(event, e.ToolCallStarted):
        return (told.MemorySearchStarted(effect_id=event.key, by="tool", **at),)
    finished = told.MemorySearchFinished(
        effect_id=event.key,
        by="tool",
        success=not event.is_error,
        error=event.content if event.is_error else None,
        chars=len(event.content),
        **at,
    )
    return (finished,)


def ingested(event: e.RunFinished, at: Place) -> Sequence[HookEvent]:
    """That a run becomes an episode by its end; nothing is written for it."""
    record_id = episode_id(event.run_id)
    return (
        told.MemoryIngestStarted(**at),
        told.MemoryIngestFinished(record_id=record_id, **at),
    )

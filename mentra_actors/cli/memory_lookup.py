"""What commands look into to find what an agent remembers."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mentra_actors.cli.reading import OpenStore
from mentra_actors.domain.memory_views import MemoryView, agent_view
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.errors import StoreError
from mentra_actors.ids import AgentId, StreamId, name_of
from mentra_actors.runtime.memory.memories import index_file, team_of
from projections.memory.index import MemoryIndex, open_memory_index

__all__ = ["memory_index", "view_of"]


def view_of(team: OpenStore, stream_id: StreamId) -> MemoryView:
    """What the agent of this stream may see."""
    agent_id = AgentId(name_of(stream_id))
    return agent_view(agent_id, team_of(team.journal, agent_id, DEFAULT_TEAM))


@contextmanager
def memory_index(team: OpenStore, view: MemoryView) -> Iterator[MemoryIndex]:
    """The index beside the log, if it is there and free, else one in memory; up to date.

    One that has to be made reads all of the log; so it is made once, by those who work there.
    """
    file = index_file(team.reader, team.path)
    with ExitStack() as stack:
        index = None
        if file is not None and os.access(file, os.W_OK) and os.access(file.parent, os.W_OK):
            index = _caught_up(stack, team, file, view)
        yield index or stack.enter_context(open_memory_index(team.reader, None))


def _caught_up(
    stack: ExitStack, team: OpenStore, file: Path, view: MemoryView
) -> MemoryIndex | None:
    index = stack.enter_context(open_memory_index(team.reader, file))
    try:
        index.catch_up(view)
    except StoreError:  # somebody else holds it
        return None
    return index

"""The past of a conversation in LangGraph: `get_state` of a checkpoint, `get_state_history`.

Both are what its documentation calls time travel. The conversation is that of `growth_langgraph`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.peers.conversation import Turn
from benchmarks.peers.growth_langgraph import CONFIG, conversation_graph, take_turn
from benchmarks.peers.past_looks import PAGE, serve

THREAD = CONFIG["configurable"]["thread_id"]


class GraphPast:
    """A compiled graph, and the checkpoint at the end of the middle turn."""

    def __init__(self, graph: Any, middle: str) -> None:
        self._graph = graph
        self._middle: Any = {"configurable": {"thread_id": THREAD, "checkpoint_id": middle}}

    def middle(self) -> int:
        """See `Past.middle`."""
        return _messages(self._graph.get_state(self._middle))

    def page(self) -> int:
        """See `Past.page`."""
        found = self._graph.get_state_history(CONFIG, before=self._middle, limit=PAGE)
        return [_messages(one) for one in found][-1]

    def states(self, limit: int) -> Iterator[int]:
        """See `Past.states`: one for each checkpoint."""
        return map(_messages, self._graph.get_state_history(CONFIG, limit=limit))


class GraphConversation:
    """A thread in a database of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ends: list[str] = []

    def turns(self, count: int) -> None:
        """See `Conversation.turns`."""
        with conversation_graph(self._folder) as (graph, model):
            for _ in range(count):
                take_turn(graph, model, Turn(len(self._ends) + 1))
                saved = next(iter(graph.checkpointer.list(CONFIG, limit=1)))
                self._ends.append(saved.config["configurable"]["checkpoint_id"])

    @contextmanager
    def past(self) -> Iterator[GraphPast]:
        """See `Conversation.past`."""
        with conversation_graph(self._folder) as (graph, _):
            yield GraphPast(graph, self._ends[len(self._ends) // 2 - 1])


def _messages(state: Any) -> int:
    return len(state.values.get("messages", ()))


if __name__ == "__main__":
    serve(GraphConversation)

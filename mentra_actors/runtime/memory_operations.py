"""What a program may ask of a memory, as work for both faces."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import get_args

from mentra_actors.domain.memory import (
    SCOPES,
    FoundRecord,
    MemoryRecord,
    MemoryScope,
    PinFact,
    fact_id_of,
)
from mentra_actors.domain.memory_views import MemoryView, agent_view, team_view
from mentra_actors.ids import AgentId
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.memories import team_of
from mentra_actors.runtime.memory_imports import fact_orders
from mentra_actors.runtime.plain_arguments import require_text
from mentra_actors.runtime.run_operations import HOST, new_id
from projections.memory_lines import memory_lines

__all__ = ["MemoryOperations"]

_MOST_FOUND = 1_000_000
"""More than a memory has."""


@dataclass(frozen=True, slots=True)
class MemoryOperations:
    """The memory of one agent, or without one that of the team. `own` is whose facts are pinned.

    All of it reads the store, so it blocks; safe from any thread where that is allowed.
    """

    core: RuntimeCore
    agent_id: AgentId | None = None

    @property
    def own(self) -> MemoryScope:
        """The scope of a fact for which none is said."""
        return "team" if self.agent_id is None else "agent"

    def view(self) -> MemoryView:
        """All that may be seen."""
        team = self.core.settings.team
        if self.agent_id is None:
            return team_view(team)
        return agent_view(self.agent_id, team_of(self.core.journal, self.agent_id, team))

    def search(self, query: str, limit: int, scope: MemoryScope | None) -> Sequence[FoundRecord]:
        """See `AgentMemory.search`."""
        if type(query) is not str:
            raise TypeError(f"a question is a plain string, not {type(query).__name__}")
        if type(limit) is not int:
            raise TypeError(f"limit is a whole number, not {limit!r}")
        most = min(limit, _MOST_FOUND)
        return self.core.memories.search(self.view(), query, most, _scopes(scope))

    def records(self, scope: MemoryScope | None) -> Sequence[MemoryRecord]:
        """See `AgentMemory.records`."""
        return self.core.memories.records(self.view(), _scopes(scope))

    def export(self, scope: MemoryScope | None) -> str:
        """See `AgentMemory.export`."""
        return "".join(memory_lines(self.records(scope)))

    def pin(self, content: str, scope: MemoryScope | None, record_id: str | None) -> "Future[str]":
        """See `AgentMemory.pin`."""
        require_text(content, "a fact")
        if record_id is not None:
            require_text(record_id, "the id of a record")
        command = PinFact(
            record_id=fact_id_of(new_id()) if record_id is None else record_id,
            content=content,
            by=HOST,
            now=self.core.clock.now(),
            scope=_scopes(scope)[0] if scope else self.own,
        )
        return self.core.memories.pin(self.view(), command)

    def imports(self, lines: Iterable[str]) -> "list[Callable[[], Future[list[str | None]]]]":
        """See `AgentMemory.import_facts`. Each begins a part, once the last one is done."""
        orders = fact_orders(lines, self.view(), by=HOST)
        return [partial(self.core.memories.kept_all, *order) for order in orders]

    def forget(self, record_id: str, scope: MemoryScope | None) -> "Future[None]":
        """See `AgentMemory.forget`."""
        require_text(record_id, "the id of a record")
        view, scopes = self.view(), _scopes(scope)
        known = [one.scope for one in view.streams]
        own: Sequence[MemoryScope] = [one for one in scopes if one in known] or scopes
        return self.core.memories.forget(view, record_id, by=HOST, scopes=own)


def _scopes(scope: MemoryScope | None) -> tuple[MemoryScope, ...]:
    if scope is None:
        return SCOPES
    if scope not in get_args(MemoryScope):
        raise ValueError(f"a scope is one of {', '.join(SCOPES)}, not {scope!r}")
    return (scope,)

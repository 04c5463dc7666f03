"""Facts of an export as commands: some hundred facts in each, checked before any is recorded."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from mentra_actors.domain.memory import (
    MEMORY,
    MemoryScope,
    MemoryState,
    PinFact,
    PinFacts,
    PinOutcome,
    pin_outcome,
)
from mentra_actors.domain.memory_views import MemoryView, stream_of
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import StreamId
from projections.memory.lines import facts_in

__all__ = ["ImportOutcome", "fact_orders", "import_outcome", "told_outcome", "written_stream"]

_MOST_FACTS = 256
_MOST_CHARS = 1 << 20


class ImportOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of the facts of an export, by their ids.

    Words that are there already, under whatever id, are not recorded again. Ids that were
    forgotten stay so, and one that has `differing` words is left alone.
    """

    added: tuple[str, ...] = ()
    there: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()


def import_outcome(
    orders: Iterable[tuple[StreamId, PinFacts]], memory_of: Callable[[StreamId], MemoryState]
) -> ImportOutcome:
    """What these orders do to memories as they are."""
    memories: dict[StreamId, MemoryState] = {}
    ids: dict[PinOutcome, list[str]] = {}
    for stream_id, command in orders:
        if stream_id not in memories:
            memories[stream_id] = memory_of(stream_id)
        for fact in command.facts:
            memory = memories[stream_id]
            ids.setdefault(pin_outcome(memory, fact), []).append(fact.record_id)
            memories[stream_id] = MEMORY.fold(MEMORY.decide(fact, memory), memory)
    return ImportOutcome(**{outcome: tuple(found) for outcome, found in ids.items()})


def told_outcome(
    orders: Iterable[tuple[StreamId, PinFacts]],
    remembered: Iterable[str],
    memory_of: Callable[[StreamId], MemoryState],
) -> ImportOutcome:
    """What these orders have done, of which the appends have `remembered` facts with these ids.

    The others, as memories are now: somebody else may have been faster.
    """
    left = set(remembered)
    ids: dict[PinOutcome, list[str]] = {}
    for stream_id, command in orders:
        memory = memory_of(stream_id)
        for fact in command.facts:
            is_own = fact.record_id in left
            outcome: PinOutcome = "added" if is_own else pin_outcome(memory, fact)
            left.discard(fact.record_id)
            ids.setdefault(outcome, []).append(fact.record_id)
    return ImportOutcome(**{outcome: tuple(found) for outcome, found in ids.items()})


def fact_orders(
    lines: Iterable[str], view: MemoryView, *, by: str
) -> Sequence[tuple[StreamId, PinFacts]]:
    """What pins the facts of an export, each in its scope; `by` for those that name nobody.

    Raises:
        ValueError: a line is none of an export.
        CommandRejected: a fact is empty or too long, or is of a scope that the view has not.
    """
    by_stream: dict[StreamId, list[PinFact]] = {}
    for one in facts_in(lines):
        fact = PinFact(
            record_id=one.record_id,
            content=one.content,
            by=one.by or by,
            now=one.recorded_at,
            scope=one.scope,
        )
        MEMORY.decide(PinFacts(facts=(fact,)), MEMORY.initial)
        by_stream.setdefault(written_stream(view, fact.scope), []).append(fact)
    return [
        (stream_id, PinFacts(facts=tuple(part)))
        for stream_id, facts in by_stream.items()
        for part in _parts(facts)
    ]


def written_stream(view: MemoryView, scope: MemoryScope) -> StreamId:
    """The stream to which the facts of a scope are written.

    Raises:
        CommandRejected: nobody who has this view has such a scope.
    """
    stream_id = stream_of(view, scope)
    if stream_id is None:
        raise CommandRejected(f"this memory has no scope {scope!r}")
    return stream_id


def _parts(facts: Sequence[PinFact]) -> Iterator[Sequence[PinFact]]:
    part: list[PinFact] = []
    chars = 0
    for fact in facts:
        part.append(fact)
        chars += len(fact.content)
        if len(part) == _MOST_FACTS or chars >= _MOST_CHARS:
            yield part
            part, chars = [], 0
    if part:
        yield part

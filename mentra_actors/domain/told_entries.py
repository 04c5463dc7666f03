"""What a model is told of a path of entries: a summary of its older part, stubs of results. Pure.

Legal whatever a compaction says: no call is parted from its results.
"""

from collections.abc import Iterator, Sequence

import msgspec

from mentra_actors.domain.compacted import Compaction
from mentra_actors.domain.content import (
    AssistantMessage,
    Message,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.entry import Entry, PlacedCompaction
from mentra_actors.ids import EntryId

__all__ = ["delegated_words", "stub", "told_messages"]

STUB_BYTES = 100
"""A result that is not longer (UTF-8) stays as it is: a stub would save nothing."""

_replace = msgspec.structs.replace


def told_messages(
    path: Sequence[Entry],
    placed: PlacedCompaction | None,
    stubbed_through: EntryId,
    *,
    has_open_calls: bool,
) -> list[Message]:
    """What a model is sent: words that were kept, the summary, and all that came after it.

    With `has_open_calls` the last answer waits for its results, which come after it.
    """
    if placed is None:
        return [_told(entry, stubbed_through) for entry in path]
    compaction = placed.compaction
    at = 1 + next(i for i, entry in enumerate(path) if entry.entry_id == compaction.through)
    if has_open_calls:
        at = min(at, len(path) - 1)
    elif path[at:] and path[at].kind == "tool_exchange":
        at -= path[at].entry_id > placed.entries_then  # its calls were open then: they were told
    while at < len(path) and path[at].kind == "tool_exchange":
        at += 1
    after = [_forgotten_by_servers(entry, placed, stubbed_through) for entry in path[at:]]
    return [*_kept(path[:at], compaction), *_summary(compaction), *after]


def _kept(older: Sequence[Entry], compaction: Compaction) -> Iterator[Message]:
    """Words that stay as they are, and results that stay as words: their calls are gone."""
    kept, kept_results = frozenset(compaction.kept), frozenset(compaction.kept_results)
    for entry in older:
        if entry.entry_id in kept and isinstance(entry.message, UserMessage):
            yield entry.message
        if isinstance(entry.message, ToolResultsMessage) and kept_results:
            for key, result in zip(entry.keys, entry.message.results, strict=False):
                if key in kept_results:
                    words = delegated_words(result.name, result.content)
                    yield UserMessage(text=words, source="delegation")


def delegated_words(tool: str, content: str) -> str:
    """The result of delegated work whose call is not told any more."""
    return f"[Result of {tool}]\n{content}"


def _summary(compaction: Compaction) -> Iterator[Message]:
    """In words for every model, and as what only its producer reads, if there is that."""
    yield UserMessage(text=compaction.summary, source="summary")
    if compaction.remote:
        provenance = compaction.remote[0].provenance
        yield AssistantMessage(blocks=compaction.remote, provenance=provenance)


def _told(entry: Entry, stubbed_through: EntryId) -> Message:
    message = entry.message
    if isinstance(message, ToolResultsMessage) and entry.entry_id <= stubbed_through:
        return stub(message)
    return message


def stub(message: ToolResultsMessage) -> ToolResultsMessage:
    """The results, each longer one as a stub that names its tool."""
    results = tuple(
        _replace(one, content=f"[Previous: used {one.name}]", attachments=(), is_json=False)
        if one.attachments or len(one.content.encode("utf-8", "surrogatepass")) > STUB_BYTES
        else one
        for one in message.results
    )
    return _replace(message, results=results)


def _forgotten_by_servers(
    entry: Entry, placed: PlacedCompaction, stubbed_through: EntryId
) -> Message:
    """A message after the summary; an older answer does not stand for what a server has kept.

    A conversation that goes on from there would go on from the long one.
    """
    message = _told(entry, stubbed_through)
    is_older = entry.entry_id <= placed.entries_then
    if is_older and isinstance(message, AssistantMessage) and message.response_id:
        return _replace(message, response_id="")
    return message

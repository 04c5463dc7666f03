"""The transcript of each agent as people read it, kept in pages.

The part of a stream's view is a page of 64 stream versions, so that a long conversation is never
written again as a whole.
"""

from collections.abc import Mapping, Sequence
from typing import get_args

import msgspec

from mentra_actors.domain.agent import events as e
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId
from mentra_actors.store.journal import Journal
from projections.contract import fold_view
from projections.views.transcript_fold import items_of
from projections.views.transcript_item import TranscriptItem

__all__ = [
    "PAGE_VERSIONS",
    "TRANSCRIPT",
    "TranscriptPage",
    "TranscriptProjection",
    "items_of_pages",
    "last_transcript_items",
    "transcript_items",
    "transcript_prefix",
]

PAGE_VERSIONS = 64
"""A page is written whole with each event, and a tool result may take 50 KiB."""


class TranscriptPage(msgspec.Struct, frozen=True, kw_only=True):
    """The items of 64 neighbouring stream versions."""

    items: tuple[TranscriptItem, ...] = ()


class TranscriptProjection:
    """What every agent was told, said and did.

    View: a page per 64 versions of an agent's stream, under `{stream id}/{page number}`.
    """

    name = "transcript"
    version = 2
    handles: frozenset[type[object]] | None = frozenset(get_args(e.AgentEvent)) - {
        e.ToolCallsPlanned
    }
    view_type = TranscriptPage

    def keys(self, recorded: RecordedEvent[object]) -> Sequence[str]:
        """See `Projection.keys`."""
        if not items_of(recorded):
            return ()
        page = (recorded.stream_version - 1) // PAGE_VERSIONS
        return (f"{transcript_prefix(recorded.stream_id)}{page:012d}",)

    def stream_of(self, key: str) -> StreamId | None:
        """See `PartsOfStreams.stream_of`."""
        return StreamId(key.rpartition("/")[0])

    def initial(self, key: str) -> TranscriptPage:  # noqa: ARG002 - all pages start empty
        """See `Projection.initial`."""
        return TranscriptPage()

    def apply(
        self,
        view: TranscriptPage,
        key: str,  # noqa: ARG002 - one key per page
        recorded: RecordedEvent[object],
    ) -> TranscriptPage:
        """See `Projection.apply`."""
        return TranscriptPage(items=(*view.items, *items_of(recorded)))


TRANSCRIPT = TranscriptProjection()


def transcript_items(
    journal: Journal, stream_id: StreamId, *, through_version: int | None = None
) -> list[TranscriptItem]:
    """The transcript of an agent as of a version of its stream, folded from the log."""
    recorded_events = journal.read_stream(stream_id, through=through_version)
    return items_of_pages(fold_view(TRANSCRIPT, recorded_events))


def last_transcript_items(
    journal: Journal, stream_id: StreamId, count: int, *, through_version: int
) -> list[TranscriptItem]:
    """The last `count` items as of a version; of a long stream only its end is read."""
    items: list[TranscriptItem] = []
    end, step = through_version, max(4 * count, PAGE_VERSIONS)
    while end > 0 and len(items) < count:
        start = max(end - step, 0)
        recorded = journal.read_stream(stream_id, after=start, through=end)
        items = [*items_of_pages(fold_view(TRANSCRIPT, recorded)), *items]
        end, step = start, 2 * step
    return items[-count:] if count > 0 else []


def items_of_pages(pages: Mapping[str, TranscriptPage]) -> list[TranscriptItem]:
    """The items of all pages of one stream, in order."""
    return [item for _, page in sorted(pages.items()) for item in page.items]


def transcript_prefix(stream_id: StreamId) -> str:
    """What the keys of all pages of a stream begin with."""
    return f"{stream_id}/"

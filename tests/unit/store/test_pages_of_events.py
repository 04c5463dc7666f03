"""How a stream is read for a fold: page by page, and to its end at once."""

from contextlib import closing
from pathlib import Path

import pytest

from mentra_actors.domain.lease import LeaseRenewed
from mentra_actors.ids import StreamId, lease_stream
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.embedded.reader import LmdbJournalReader
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import AppendRequest

STREAM = lease_stream("writer")
PAGE = 512
EACH_AT_THE_EDGE = (0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 2 * PAGE + 1)


class CountedReader(LmdbJournalReader):
    """A reader that counts how often it is asked for payloads."""

    asked = 0

    def read_payloads(
        self, stream_id: StreamId, *, after: int = 0, through: int | None = None
    ) -> tuple[list[tuple[str, bytes]], bool]:
        type(self).asked += 1
        return super().read_payloads(stream_id, after=after, through=through)


@pytest.mark.parametrize("events", EACH_AT_THE_EDGE)
@pytest.mark.parametrize("batch", [1, 7])
def test_pages_have_every_event_once_and_no_page_is_asked_for_in_vain(
    tmp_path: Path, events: int, batch: int
):
    told = [LeaseRenewed(epoch=1, expires_at=float(one)) for one in range(events)]
    with closing(LmdbEventStore.open(tmp_path / "store", durability="volatile")) as store:
        journal = Journal(store)
        for first in range(0, events, batch):
            append = journal.stream_append(STREAM, told[first : first + batch], first)
            store.append(AppendRequest(streams=(append,)))
    CountedReader.asked = 0
    with closing(CountedReader.open(tmp_path / "store")) as reader:
        for after in (0, events // 2, events):
            pages = list(Journal(reader).event_pages(STREAM, after=after))

            assert [one for page, _ in pages for one in page] == told[after:]
            assert [last for _, last in pages][-1:] == [events] * (events > after)
            assert CountedReader.asked == max(1, len(pages))
            CountedReader.asked = 0
        for through in (0, 1, events // 2, events, events + 5):
            pages = list(Journal(reader).event_pages(STREAM, after=1, through=through))

            assert [one for page, _ in pages for one in page] == told[1:through]
            assert [last for _, last in pages][-1:] == [min(through, events)] * bool(pages)

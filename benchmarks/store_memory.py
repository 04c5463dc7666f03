"""Reads a whole log in pages and prints, as JSON, how its memory grew; a process of its own.

`anonymous_mb` is the growth of memory that only this process has, at its highest. `mapped_mb` is
that of pages of the data file: they are the page cache, shared by all and free to be taken away.
"""

import json
import sys
import time
from pathlib import Path

from mentra_actors.store.embedded.reader import LmdbJournalReader

_PAGE_EVENTS = 1000


def resident_kb() -> tuple[int, int]:
    """Anonymous and file pages in memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields["RssAnon"].split()[0]), int(fields["RssFile"].split()[0])


def main() -> None:
    """Read the store whose path is the argument."""
    reader = LmdbJournalReader.open(sys.argv[1])
    anonymous, mapped = resident_kb()
    most, events, begun = anonymous, 0, time.perf_counter()
    while page := reader.read_journal(after=events, limit=_PAGE_EVENTS):
        events = page[-1].global_position
        most = max(most, resident_kb()[0])
    seconds = time.perf_counter() - begun
    figures = {
        "events": events,
        "events_per_s": events / seconds,
        "anonymous_mb": (most - anonymous) / 1024,
        "mapped_mb": (resident_kb()[1] - mapped) / 1024,
    }
    print(json.dumps(figures))
    reader.close()


if __name__ == "__main__":
    main()

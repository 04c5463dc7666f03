"""Tables beside the library's table of events, written in the same transactions."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

__all__ = [
    "BLOBS",
    "FENCES",
    "META",
    "MILESTONES",
    "OPEN_STREAMS",
    "PETITIONS",
    "REQUESTS",
    "SERVER_TABLES",
    "SIDE_TABLES",
    "SNAPSHOTS",
    "STREAMS",
    "TABLE_FORMAT",
    "TICKS",
    "WRITERS",
    "ColumnType",
    "SideTable",
]

TABLE_FORMAT = 1
"""Of all tables together; a release refuses a number that is higher than its own.

A table that earlier releases may ignore needs no other number: who opens for writing makes it
where it is missing.
"""

ColumnType: TypeAlias = Literal["name", "number", "bytes"]


class SideTable(msgspec.Struct, frozen=True):
    """A table whose first column is its key; `indexed` is another column to search by."""

    name: str
    columns: Mapping[str, ColumnType]
    indexed: str = ""

    @property
    def key(self) -> str:
        """The first column."""
        return next(iter(self.columns))


STREAMS = SideTable("mentra_streams", {"stream_id": "name", "category": "name"}, "category")
OPEN_STREAMS = SideTable("mentra_open_streams", {"stream_id": "name"})
FENCES = SideTable("mentra_fences", {"resource": "name", "epoch": "number"})
REQUESTS = SideTable(
    "mentra_requests", {"request_id": "name", "number": "number", "answer": "bytes"}, "number"
)
SNAPSHOTS = SideTable("mentra_snapshots", {"stream_id": "name", "snapshot": "bytes"})
MILESTONES = SideTable(
    "mentra_milestones",
    {"milestone": "name", "stream_id": "name", "stream_version": "number", "snapshot": "bytes"},
    "stream_id",
)
"""`milestone` is the id of the stream with the version."""
BLOBS = SideTable("mentra_blobs", {"digest": "name", "content": "bytes"})
WRITERS = SideTable("mentra_writers", {"writer": "name", "last_group": "number"})
"""The last group that each writer committed, for a writer whose answer got lost."""
TICKS = SideTable("mentra_ticks", {"number": "number", "tick": "bytes"})
META = SideTable("mentra_meta", {"name": "name", "value": "name"})

SIDE_TABLES = (
    *(STREAMS, OPEN_STREAMS, FENCES, REQUESTS, SNAPSHOTS),
    *(MILESTONES, BLOBS, WRITERS, TICKS, META),
)

PETITIONS = SideTable(
    "mentra_petitions",
    {
        "name": "name",
        "petition": "bytes",
        "answer": "bytes",
        "put_at": "number",
        "answered_at": "number",
    },
)
"""Times are microseconds since 1970 by the clock of the database; 0 where there is no answer."""

SERVER_TABLES = (*SIDE_TABLES, PETITIONS)
"""A file has its petitions beside it."""

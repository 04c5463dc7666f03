"""What agents remember for long, and what they are to remember no more."""

import msgspec

from mentra_actors.domain.memory import ForgetRecord, PinFact, RecordEpisode, RecordSummary
from mentra_actors.ids import memory_stream

__all__ = ["MEMORY_STORIES"]


def memories(team):
    """An agent keeps facts, of which one is known already; others record for it; some is gone."""
    memory = memory_stream("archivist")
    kept = [
        PinFact(record_id="fact-1", content="The cellar floods in March.", by="archivist", now=0),
        PinFact(record_id="fact-2", content="The cellar floods in March.", by="archivist", now=0),
        RecordEpisode(
            record_id="episode-1", content="user: Who has the key?", by="archivist", now=0
        ),
        RecordSummary(record_id="summary-1", content="Ann has the key — 鍵.", by="host", now=0),
        ForgetRecord(record_id="episode-1", by="host", now=0),
        RecordEpisode(record_id="episode-1", content="It comes again.", by="archivist", now=0),
    ]
    for command in kept:
        team.send(memory, msgspec.structs.replace(command, now=team.now))


MEMORY_STORIES = (memories,)

"""What agents remember for long, and what they are to remember no more."""

import msgspec

from mentra_actors.domain.memory import ForgetRecord, PinFact
from mentra_actors.ids import memory_stream, project_memory_stream, team_memory_stream

__all__ = ["MEMORY_STORIES"]


def memories(team):
    """An agent keeps facts, of which one is known already, for itself and others; some is gone."""
    memory = memory_stream("archivist")
    kept = [
        PinFact(record_id="fact-1", content="The cellar floods in March.", by="archivist", now=0),
        PinFact(record_id="fact-2", content="The cellar floods in March.", by="archivist", now=0),
        PinFact(record_id="fact-3", content="Ann has the key — 鍵.", by="host", now=0),
        ForgetRecord(record_id="fact-3", by="host", now=0),
        PinFact(record_id="fact-3", content="It comes again.", by="archivist", now=0),
        ForgetRecord(record_id="episode-archivist/run-1", by="archivist", now=0),
    ]
    for command in kept:
        team.send(memory, msgspec.structs.replace(command, now=team.now))
    shared = PinFact(
        record_id="fact-4", content="The roof is new.", by="archivist", now=team.now, scope="team"
    )
    team.send(team_memory_stream("main"), shared)
    everywhere = PinFact(
        record_id="fact-5", content="Fires go to 122.", by="host", now=team.now, scope="project"
    )
    team.send(project_memory_stream(), everywhere)


MEMORY_STORIES = (memories,)

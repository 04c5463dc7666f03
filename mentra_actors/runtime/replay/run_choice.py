"""One run of an agent, found on a log without going through all that was before it."""

from collections.abc import Iterator, Sequence
from itertools import chain

import msgspec

from mentra_actors.actors.past_states import PastStates
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.events import RunStarted
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, RunId, StreamId, agent_stream, inbox_stream
from mentra_actors.runtime.replay.forgotten import is_forgotten, lost_tag
from mentra_actors.runtime.replay.releases import ReleasesOfLog
from mentra_actors.runtime.replay.scripts import RunScript, run_script, run_scripts
from mentra_actors.runtime.replay.stream_groups import agent_events
from mentra_actors.runtime.replay.walk import Walk
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import JournalReader

__all__ = ["chosen_run", "require_told"]

_PAGE_EVENTS = 512
_LISTED = 10


class _Start(msgspec.Struct, frozen=True):
    """Where a run begins on the log; `is_known` if all of its agent before it can be read."""

    run_id: RunId
    position: int
    is_known: bool


def chosen_run(
    reader: JournalReader, journal: Journal, agent_id: AgentId, name: str, run: str | None
) -> RunScript:
    """The run of this id (`lead/run-3`, or `run-3`), else the last one; `name` is the agent's.

    Raises:
        CommandRejected: there is none; the message lists the last ones.
        StreamArchived: the state before it cannot be made without an archive.
    """
    stream_id = agent_stream(agent_id)
    starts = list(_starts(journal, stream_id))
    if not starts:
        raise CommandRejected(f"{name!r} {_why_no_run(journal, stream_id)}")
    start = _chosen(starts, name, run)
    script = _script(reader, journal, agent_id, start) if start.is_known else None
    if script is None:
        told = agent_events(reader, journal, [agent_id])
        scripts = run_scripts(told, [agent_id], ReleasesOfLog(journal))
        script = next(one for one in scripts[agent_id] if one.run_id == start.run_id)
    return script


def require_told(journal: Journal, agent_id: AgentId, name: str) -> None:
    """Refuse an agent of which nothing can be read any more.

    Raises:
        CommandRejected: it was forgotten, or is archived.
    """
    stream_id = agent_stream(agent_id)
    if all(map(lost_tag, journal.events(stream_id))):
        raise CommandRejected(f"{name!r} {_why_no_run(journal, stream_id)}")


def _why_no_run(journal: Journal, stream_id: StreamId) -> str:
    gone = next(filter(lost_tag, journal.events(stream_id)), None)
    if gone is None:
        return "has not run yet: there is nothing to run again"
    if is_forgotten(gone):
        return "was forgotten, with all its runs: there is nothing to run again"
    return (
        "is archived, with all its runs: `mentra compact STORE --restore FILE` brings it back, "
        f"and `mentra log {stream_id}` names the file"
    )


def _starts(journal: Journal, stream_id: StreamId) -> Iterator[_Start]:
    version, is_known = 0, True
    while page := journal.read_stream(stream_id, after=version, through=version + _PAGE_EVENTS):
        for one in page:
            is_known = is_known and not lost_tag(one.event)
            if isinstance(one.event, RunStarted):
                yield _Start(one.event.run_id, one.global_position, is_known)
        version = page[-1].stream_version


def _chosen(starts: Sequence[_Start], name: str, run: str | None) -> _Start:
    if run is None:
        return starts[-1]
    for start in starts:
        if run in (start.run_id, start.run_id.rpartition("/")[2]):
            return start
    known = ", ".join(one.run_id for one in starts[-_LISTED:])
    raise CommandRejected(f"{name!r} has no run {run!r}; the last ones are {known}")


def _script(
    reader: JournalReader, journal: Journal, agent_id: AgentId, start: _Start
) -> RunScript | None:
    """The run, from the state just before what was recorded together with its start."""
    stream_id = agent_stream(agent_id)
    coming = agent_events(reader, journal, [agent_id], after=start.position - 1)
    first = next(coming)
    walk = Walk(streams={stream_id}, release_of=ReleasesOfLog(journal))
    version = journal.version_at(stream_id, first.global_position - 1)
    state = PastStates(AGENT, reader, journal).at(stream_id, version)
    walk.begin(stream_id, state, _letters(journal, agent_id, state, first.global_position - 1))
    return run_script(walk.through(chain((first,), coming)), agent_id, start.run_id)


def _letters(
    journal: Journal, agent_id: AgentId, state: AgentState, position: int
) -> Sequence[RecordedEvent[object]]:
    """What was in the inbox of an agent at a position, and not taken."""
    inbox = inbox_stream(agent_id)
    through = journal.version_at(inbox, position)
    return journal.read_stream(inbox, after=state.mail_taken_through, through=through)

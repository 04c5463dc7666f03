"""The past decided again, and runs of it that are run again."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict, get_args

import msgspec

from mentra_actors.decider import AnyDecider
from mentra_actors.domain.agent.events import RunStarted
from mentra_actors.domain.agent.profile import ProfileChanges
from mentra_actors.domain.storable import as_stored, encodable
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import CommandRejected, MentraError
from mentra_actors.ids import AgentId, RunId, TeamId, agent_stream
from mentra_actors.providers.port import ModelProvider
from mentra_actors.runtime.history.moment import require_position
from mentra_actors.runtime.plain_arguments import (
    require_known,
    require_seconds,
    require_text,
    require_whole,
)
from mentra_actors.runtime.replay.held_effects import Unrecorded
from mentra_actors.runtime.replay.playing import PlayedOn, played
from mentra_actors.runtime.replay.rebuild.tables import with_deciders
from mentra_actors.runtime.replay.recordings import Mask, Recording, write_recording
from mentra_actors.runtime.replay.releases import ReleasesOfLog
from mentra_actors.runtime.replay.run_choice import chosen_run, require_told
from mentra_actors.runtime.replay.scripts import RunScript, run_scripts
from mentra_actors.runtime.replay.stream_groups import agent_events
from mentra_actors.runtime.replay.trajectories import Trajectory, first_other, trajectory_of
from mentra_actors.runtime.replay.verification import OtherDecision, Verification, verified
from mentra_actors.runtime.setting_kinds import require_tools
from mentra_actors.runtime.settings import RuntimeOptions
from mentra_actors.runtime.views.agent_lists import agents_of, member_id
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import JournalReader
from mentra_actors.tools.contract import Tool

__all__ = [
    "Mask",
    "Recording",
    "Replay",
    "ReplayChoices",
    "ReplayRow",
    "ReplayedAgent",
    "Verification",
    "agent_of",
    "end_at",
    "ids_of",
    "record",
    "replay",
    "replay_all",
    "replayed_agent",
    "verify",
]


_UNCHANGED = ProfileChanges()
_TIMEOUT_S = 600.0


class ReplayedAgent(msgspec.Struct, frozen=True):
    """Which agent is meant, and what it is called in messages.

    A name is looked up once: the id of one member may be the name that another one has now.
    """

    agent_id: AgentId
    name: str


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded run, and what came of it now.

    `live_from` is the model call from which it went on live; 0 if no model was asked. Played to
    its end it is the same (`is_same`) if each event of the agent is, with its ids and times.
    `first_other` is the first step of the run, from 1, that is another one than it was (None: all
    are the same). `unmade` names tools whose calls were on no log and were not made. `differences`
    are appends of the run that today's code decides otherwise than they were recorded, `known`
    those of an older release that this is known of.
    """

    agent_id: AgentId
    run_id: RunId
    position: int
    before: Trajectory
    now: Trajectory
    live_from: int = 0
    is_same: bool = False
    first_other: int | None = None
    unmade: tuple[str, ...] = ()
    differences: tuple[OtherDecision, ...] = ()
    events: tuple[RecordedEvent[object], ...] = ()
    known: tuple[OtherDecision, ...] = ()

    @property
    def answer(self) -> str:
        """The answer of now; of a run that was broken off why."""
        return self.now.answer


class ReplayChoices(TypedDict, total=False):
    """How a run is run again; all may be left out.

    `live_from` is the number, from 1, of the model call of the run that is made, and not played.
    From there on count `model` (`provider:name`), `system` and `changes` of the agent; `providers`
    are asked, and `tools` are offered with their own descriptions. A call of a tool that was
    recorded with the same input gets the recorded result; one that was not is refused, or made by
    one of `tools` with `unrecorded="live"`. After `timeout_s` (600; None: never) the run is
    left as it is.
    `options` are others of the runtime: hooks, an authorizer, prices.
    """

    live_from: int | None
    model: str | None
    system: str | None
    changes: ProfileChanges
    providers: Sequence[ModelProvider]
    tools: Sequence[Tool]
    unrecorded: Unrecorded
    timeout_s: float | None
    options: RuntimeOptions


class ReplayRow(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a table. With a `problem` it could not be run again, and says no more.

    `first_other` is the first step that is another one; `decisions` counts appends that are
    decided otherwise. Tokens and money (millionths of a US dollar) are those of then and of now.
    """

    agent_id: AgentId
    run_id: RunId
    live_from: int = 0
    decisions: int = 0
    first_other: int | None = None
    tokens: tuple[int, int] = (0, 0)
    cost_usd_micros: tuple[int | None, int | None] = (None, None)
    tool_calls: tuple[int, int] = (0, 0)
    is_same_answer: bool = False
    ended: str = ""
    answer: str = ""
    problem: str = ""


def verify(
    reader: JournalReader,
    journal: Journal,
    agent: ReplayedAgent | None = None,
    *,
    at: int | None = None,
    deciders: Mapping[str, AnyDecider] | None = None,
) -> Verification:
    """See `History.verify`."""
    through = None if at is None else end_at(journal, at)
    rules = with_deciders(deciders or {})
    if agent is None:
        return verified(journal.through(through), rules)
    told = agent_events(reader, journal, [agent.agent_id], through=through)
    streams = {agent_stream(agent.agent_id)}
    return verified(told, rules, streams=streams, release_of=ReleasesOfLog(journal))


def end_at(journal: Journal, position: int) -> int:
    """The end of the append that holds a position.

    Raises:
        CommandRejected: there is no such position.
    """
    require_position(position, journal.last_position())
    return journal.end_of_append(position) if position else 0


def replay(
    reader: JournalReader,
    journal: Journal,
    agent: ReplayedAgent,
    run: str | None,
    choices: ReplayChoices,
) -> Replay:
    """See `History.replay`."""
    choices = _checked(choices)
    script = chosen_run(reader, journal, agent.agent_id, agent.name, run)
    return _replayed(reader, script, choices)


def replay_all(
    reader: JournalReader,
    journal: Journal,
    ids: Sequence[AgentId],
    choices: ReplayChoices,
) -> Sequence[ReplayRow]:
    """See `History.replay_all`."""
    choices = _checked(choices)
    found = run_scripts(agent_events(reader, journal, ids), ids, ReleasesOfLog(journal))
    scripts = sorted((one for all_ in found.values() for one in all_), key=_position)
    return [_row(reader, script, choices) for script in scripts if script.is_over]


def record(
    reader: JournalReader,
    journal: Journal,
    agent: ReplayedAgent,
    file: str | Path,
    *,
    run: str | None = None,
    mask: Mask | None = None,
) -> Recording:
    """See `History.record`."""
    agent_id = agent.agent_id
    if run is None:
        require_told(journal, agent_id, agent.name)
        return write_recording(reader, file, agent_id, mask=mask)
    script = chosen_run(reader, journal, agent_id, agent.name, run)
    last = script.steps[-1]
    through = last.position + len(last.recorded) + len(last.beside) - 1
    return write_recording(reader, file, agent_id, run=script.run_id, through=through, mask=mask)


def _position(script: RunScript) -> int:
    return script.position


def _replayed(reader: JournalReader, script: RunScript, choices: ReplayChoices) -> Replay:
    on = _played_on(choices)
    options: RuntimeOptions = {**choices.get("options", {})}
    if "providers" in choices:
        options["providers"] = choices["providers"]
    if "tools" in choices:
        options["tools"] = choices["tools"]
    found = played(reader, script, on, options)
    recorded, events = script.recorded, [*found.known, *found.events]
    before = trajectory_of(_of_run(recorded, script.run_id))
    now = trajectory_of(_of_run(events, script.run_id))
    told = [(one.event_type, one.event) for one in recorded]
    return Replay(
        agent_id=script.agent_id,
        run_id=script.run_id,
        position=script.position,
        before=before,
        now=now,
        live_from=0 if on is None else on.live_from,
        is_same=told == [(one.event_type, one.event) for one in events],
        first_other=first_other(before.steps, now.steps),
        unmade=found.unmade,
        differences=script.differences,
        events=tuple(events),
        known=script.known,
    )


def _played_on(choices: ReplayChoices) -> PlayedOn | None:
    changes = choices.get("changes", _UNCHANGED)
    said = {"model": choices.get("model"), "system": choices.get("system")}
    named = {name: value for name, value in said.items() if value is not None}
    changes = msgspec.structs.replace(changes, **named)
    live_from = choices.get("live_from")
    if live_from is not None:
        return PlayedOn(
            live_from=live_from,
            changes=changes,
            unrecorded=choices.get("unrecorded", "refuse"),
            timeout_s=choices.get("timeout_s", _TIMEOUT_S),
        )
    if changes != _UNCHANGED:
        raise CommandRejected("say from which model call on it is live: 1 is the first of a run")
    return None


def _checked(choices: ReplayChoices) -> ReplayChoices:
    """The choices, if they can be meant.

    Raises:
        TypeError, ValueError: one is not known, or has a wrong value.
    """
    require_known(choices, ReplayChoices.__annotations__, "a replay has no option")
    for name, said in (("model", choices.get("model")), ("system", choices.get("system"))):
        if said is not None:
            require_text(said, name)
    live_from = choices.get("live_from")
    if live_from is not None:
        require_whole(live_from, "live_from")
    require_seconds(choices.get("timeout_s"), "timeout_s")
    known = get_args(Unrecorded)
    unrecorded = choices.get("unrecorded", "refuse")
    if unrecorded not in known:
        raise ValueError(f"unrecorded is one of {', '.join(known)}: {unrecorded!r}")
    require_tools(choices.get("tools", ()))
    options = choices.get("options", {})
    if not isinstance(options, Mapping):
        raise TypeError(f"options are those of a runtime, by name, not {options!r}")
    if "changes" not in choices:
        return choices
    return {**choices, "changes": as_stored(choices["changes"], ProfileChanges, "changes")}


def _row(reader: JournalReader, script: RunScript, choices: ReplayChoices) -> ReplayRow:
    recorded = trajectory_of(_of_run(script.recorded, script.run_id))
    if (choices.get("live_from") or 0) > recorded.model_calls:
        choices = {}
    try:
        one = _replayed(reader, script, choices)
    except MentraError as error:
        return ReplayRow(agent_id=script.agent_id, run_id=script.run_id, problem=str(error))
    before, now = one.before, one.now
    return ReplayRow(
        agent_id=one.agent_id,
        run_id=one.run_id,
        live_from=one.live_from,
        decisions=len(one.differences),
        first_other=one.first_other,
        tokens=(before.tokens, now.tokens),
        cost_usd_micros=(before.cost_usd_micros, now.cost_usd_micros),
        tool_calls=(before.tool_calls, now.tool_calls),
        is_same_answer=before.answer == now.answer,
        ended=now.ended,
        answer=now.answer,
    )


def _of_run(recorded: Sequence[RecordedEvent[object]], run_id: RunId) -> Sequence[object]:
    """Events from the start of the run on; what ended the run before it stands in front."""
    events = [one.event for one in recorded]
    starts = (n for n, one in enumerate(events) if _starts(one, run_id))
    return events[next(starts, 0) :]


def _starts(event: object, run_id: RunId) -> bool:
    return isinstance(event, RunStarted) and event.run_id == run_id


def ids_of(journal: Journal, agents: Sequence[str] | None) -> Sequence[AgentId]:
    """The agents with these names, or (None) all members of the team; see `agent_of`."""
    if isinstance(agents, str) or not isinstance(agents, Iterable | None):
        raise TypeError(f"agents are a list of names, not {agents!r}")
    if agents is None:
        return [one.agent_id for one in agents_of(journal, DEFAULT_TEAM)]
    return [agent_of(journal, one) for one in agents]


def replayed_agent(journal: Journal, name: str) -> ReplayedAgent:
    """The agent with this name; see `agent_of`."""
    return ReplayedAgent(agent_of(journal, name), name)


def agent_of(journal: Journal, name: str, team: TeamId = DEFAULT_TEAM) -> AgentId:
    """The id of a member of the team, or of any agent of the store.

    Raises:
        CommandRejected: there is no such agent; the message lists the members.
        TypeError: it is no text.
    """
    if not isinstance(name, str):
        raise TypeError(f"a name is a plain string, not {name!r}")
    member = member_id(journal, name, team)
    if member is not None:
        return member
    agent_id = AgentId(encodable(name))
    if name and journal.read_stream(agent_stream(agent_id), through=1):
        return agent_id
    members = (one.name for one in agents_of(journal, team))
    raise CommandRejected(f"no agent is named {name!r}; there are {', '.join(members) or 'none'}")

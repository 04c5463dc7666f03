"""What differs between two moments, of one store or of two."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from mentra_actors.domain.conversation_tree import Entry
from mentra_actors.ids import AgentId, TeamId
from mentra_actors.runtime.history.agent_moment import AgentMoment
from mentra_actors.runtime.history.moment import Moment
from projections.views.board_differences import BoardDifference, board_difference
from projections.views.roster import MemberView
from projections.views.transcript_differences import (
    Passage,
    TranscriptDifference,
    transcript_difference,
)
from projections.views.transcript_item import Moved
from projections.views.usage import Usage
from projections.views.view_differences import FieldChange, field_changes

__all__ = ["AgentDifference", "TeamDifference", "agent_difference", "team_difference"]

_NOT_CONFIGURED = ("agent_id", "name", "team_id")


class AgentDifference(msgspec.Struct, frozen=True, kw_only=True):
    """What has become of one agent between two moments; of versions, 0 is before it was there.

    `status` is one word each. `configuration` has the fields of its profile that differ: model,
    system prompt, tools, options. `taken_back` are entries that were on the path of the
    conversation and are no more.
    """

    name: str
    agent_id: AgentId
    version_before: int
    version_after: int
    status_before: str
    status_after: str
    configuration: tuple[FieldChange, ...] = ()
    transcript: TranscriptDifference = TranscriptDifference()
    taken_back: tuple[Entry, ...] = ()
    usage_before: Usage = Usage()
    usage_after: Usage = Usage()


class TeamDifference(msgspec.Struct, frozen=True, kw_only=True):
    """What has become of a team between two moments.

    `joined` and `left` are names of members; `agents` those that were members at one of the
    moments and differ, in the order of the later roster.
    """

    position_before: int
    position_after: int
    joined: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    board: BoardDifference = BoardDifference()
    agents: tuple[AgentDifference, ...] = ()


def team_difference(
    before: Moment, after: Moment, team: TeamId, *, agent: str = ""
) -> TeamDifference:
    """All that differs of a team; with `agent` only of its agents the one of this name.

    Reads both logs.

    Raises:
        StoreError: a log cannot be read.
    """
    old = {one.agent_id: one for one in before.roster(team)}
    new = {one.agent_id: one for one in after.roster(team)}
    pairs = list(_paired(old, new))
    return TeamDifference(
        position_before=before.position,
        position_after=after.position,
        joined=tuple(b.name for a, b in pairs if a is None and b is not None),
        left=tuple(a.name for a, b in pairs if b is None and a is not None),
        renamed=tuple((a.name, b.name) for a, b in pairs if a and b and a.name != b.name),
        board=board_difference(before.board(team), after.board(team)),
        agents=tuple(
            one
            for a, b in pairs
            if _is_meant(a, b, agent)
            and (one := agent_difference(_moment(before, a), _moment(after, b), a, b)) is not None
        ),
    )


def agent_difference(
    before: AgentMoment | None,
    after: AgentMoment | None,
    line_before: MemberView | None = None,
    line_after: MemberView | None = None,
) -> AgentDifference | None:
    """What has become of one agent; None if nothing has. The lines are those of the rosters."""
    shown = after or before
    if shown is None or _is_same(before, after):
        return None
    found = AgentDifference(
        name=shown.name,
        agent_id=shown.agent_id,
        version_before=before.version if before else 0,
        version_after=after.version if after else 0,
        status_before=_status(before, line_before),
        status_after=_status(after, line_after),
        configuration=_configuration(before, after),
        transcript=_transcripts(before, after),
        taken_back=_taken_back(before, after),
        usage_before=before.usage().total if before else Usage(),
        usage_after=after.usage().total if after else Usage(),
    )
    return None if _is_nothing(found) else found


def _paired(
    old: Mapping[AgentId, MemberView], new: Mapping[AgentId, MemberView]
) -> Iterator[tuple[MemberView | None, MemberView | None]]:
    """Members by id, else by name: two stores may have given one name to different agents."""
    by_name = {one.name: one for one in old.values() if one.agent_id not in new}
    matched = set()
    for agent_id, after in new.items():
        before = old.get(agent_id) or by_name.get(after.name)
        if before is not None:
            matched.add(before.agent_id)
        yield before, after
    for agent_id, before in old.items():
        if agent_id not in matched:
            yield before, None


def _is_meant(before: MemberView | None, after: MemberView | None, agent: str) -> bool:
    """Whether it is the agent with this name, of the later moment if it was there; none: all."""
    shown = after or before
    return not agent or (shown is not None and shown.name == agent)


def _moment(moment: Moment, line: MemberView | None) -> AgentMoment | None:
    return None if line is None else moment.agent_of_id(line.agent_id)


def _is_same(before: AgentMoment | None, after: AgentMoment | None) -> bool:
    """True for one version of one stream: then nothing of it differs."""
    return bool(before and after and before.is_of_same_past(after)) and (
        before is not None and after is not None and before.version == after.version
    )


def _is_nothing(found: AgentDifference) -> bool:
    """True for agents of two stores that have done the same."""
    pairs = (
        (found.version_before, found.version_after),
        (found.status_before, found.status_after),
        (found.usage_before, found.usage_after),
    )
    differs = found.configuration or found.transcript.passages or found.taken_back
    return not differs and all(before == after for before, after in pairs)


def _status(moment: AgentMoment | None, line: MemberView | None) -> str:
    if moment is None:
        return ""
    return moment.snapshot.status if line is None else line.status


def _configuration(
    before: AgentMoment | None, after: AgentMoment | None
) -> tuple[FieldChange, ...]:
    if before is None or after is None:
        return ()
    return field_changes(before.profile, after.profile, without=_NOT_CONFIGURED)


def _transcripts(before: AgentMoment | None, after: AgentMoment | None) -> TranscriptDifference:
    if before is not None and after is not None and before.is_of_same_past(after):
        earlier, later = sorted((before, after), key=lambda one: one.version)
        between = tuple(later.items_since(earlier.version))
        if not between:
            return TranscriptDifference()
        is_back = earlier is after
        passage = Passage(removed=between) if is_back else Passage(added=between)
        return TranscriptDifference(passages=(passage,))
    sides = [one.transcript() if one is not None else () for one in (before, after)]
    return transcript_difference(sides[0], sides[1])


def _taken_back(before: AgentMoment | None, after: AgentMoment | None) -> tuple[Entry, ...]:
    if before is None or after is None or not before.is_of_same_past(after):
        return ()
    between: Sequence[object] = [one.content for one in after.items_since(before.version)]
    if not any(isinstance(one, Moved) for one in between):
        return ()
    old, new = before.conversation(), after.conversation()
    gone = set(old.path) - set(new.path)
    return tuple(entry for entry in old.entries if entry.entry_id in gone)

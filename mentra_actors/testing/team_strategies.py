"""Teams in which anything may be asked, by right and without, again and again."""

from collections.abc import Sequence

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.team import (
    AddMember,
    CancelRequest,
    ExpireRequest,
    MarkStopped,
    OpenRequest,
    RecordBoardTold,
    RemoveMember,
    RenameMember,
    ResolveRequest,
    SendLetters,
    StopMember,
    TeamCommand,
)
from mentra_actors.ids import AgentId, CommandId, MailId, TeamId
from mentra_actors.testing.strategies import moments, words

__all__ = ["joining_histories", "team_histories"]

_ids = st.integers(0, 300).map(lambda number: CommandId(f"c{number}"))


def team_histories(max_size: int = 12) -> SearchStrategy[list[TeamCommand]]:
    """Members with names that are taken, or are no names, and repeated command ids.

    They leave, are renamed and stopped, ask and answer, by right and without. Most teams
    have begun with `ann`, who leads `bob`; some with questions of the two.
    """
    anything = st.one_of(_joins(), *_leavings(), *_askings())
    return st.tuples(
        st.sampled_from([[], _FOUNDERS, [*_FOUNDERS, *_QUESTIONS]]),
        st.lists(anything, max_size=max_size),
    ).map(lambda parts: [*parts[0], *parts[1]])


def joining_histories(max_size: int = 12) -> SearchStrategy[list[AddMember]]:
    """Members that join and nothing else."""
    return st.lists(_joins(), max_size=max_size)


def _joins() -> SearchStrategy[AddMember]:
    names = st.sampled_from(["ann", "bob", "cy", "Ann", "-dash", "two words", "", "host"])
    joins = st.tuples(
        _ids,
        names,
        st.sampled_from(["lead", "helper", " "]),
        moments,
        words,
        st.sampled_from(["", "ann", "bob"]),
        st.sampled_from(["", "", "team.ann", "team.bob"]),
    )
    leads = st.sampled_from(["", "", "", "team.ann", "team.bob"]).map(AgentId)
    return st.tuples(joins.map(_join), leads).map(
        lambda pair: msgspec.structs.replace(pair[0], lead_id=pair[1])
    )


def _join(drawn: tuple[CommandId, str, str, float, str, str, str]) -> AddMember:
    command_id, name, role, now, body, lead, replaces = drawn
    agent_id = AgentId(f"team.{name}:2" if replaces else f"team.{name}")
    profile = e.AgentProfile(
        agent_id=agent_id,
        name=name,
        team_id=TeamId("team"),
        role=role,
        model="scripted:model",
        lead=lead,
    )
    mail = Mail(
        mail_id=MailId(f"first-{command_id}"), sender="host", to=agent_id, body=body, sent_at=now
    )
    return AddMember(
        command_id=command_id,
        profile=profile,
        now=now,
        first_mail=mail if body else None,
        replaces=AgentId(replaces),
    )


_team_ids = st.sampled_from(
    [f"team.{name}" for name in ("ann", "ann", "bob", "bob", "bob", "cy", "bob:2")]
)
_leads = st.sampled_from(["", "", "team.ann", "team.bob"])


def _leavings() -> Sequence[SearchStrategy[TeamCommand]]:
    given = {"command_id": _ids, "agent_id": _team_ids, "by": _leads, "now": moments}
    return (
        st.builds(RemoveMember, **given),
        st.builds(RenameMember, name=st.sampled_from(["bob", "dan", "", "board"]), **given),
        st.builds(StopMember, how=st.sampled_from(["when_done", "now", "never"]), **given),
        st.builds(MarkStopped, command_id=_ids, agent_id=_team_ids, reason=words, now=moments),
        st.builds(RecordBoardTold, command_id=_ids, now=moments),
    )


def _askings() -> Sequence[SearchStrategy[TeamCommand]]:
    given = {"command_id": _ids, "now": moments}
    request_ids = st.sampled_from(["req-1", "req-1", "req-1", "req-2", "req-2", "req-3"])
    return (
        st.builds(
            OpenRequest,
            sender=_team_ids,
            to=_team_ids,
            protocol=st.sampled_from(["shutdown", "plan_approval", "odd", " "]),
            content=words,
            expires_at=st.none() | moments,
            **given,
        ),
        st.builds(
            ResolveRequest,
            request_id=request_ids,
            by=_team_ids,
            approve=st.booleans(),
            reason=words,
            by_person=st.booleans(),
            **given,
        ),
        st.builds(CancelRequest, request_id=request_ids, by=_team_ids, **given),
        st.builds(ExpireRequest, request_id=request_ids, now=moments),
        st.builds(SendLetters, sender=_team_ids, to=st.none() | _team_ids, body=words, **given),
    )


_FOUNDERS = [
    _join((CommandId("founder-1"), "ann", "lead", 0.0, "", "", "")),
    _join((CommandId("founder-2"), "bob", "helper", 0.0, "", "ann", "")),
]
_QUESTIONS = [
    OpenRequest(
        command_id=CommandId(f"question-{protocol}"),
        sender=AgentId(sender),
        to=AgentId(to),
        protocol=protocol,
        content="Well?",
        expires_at=7.5,
        now=0.0,
    )
    for sender, to, protocol in (
        ("team.ann", "team.bob", "shutdown"),
        ("team.bob", "team.ann", "plan_approval"),
    )
]

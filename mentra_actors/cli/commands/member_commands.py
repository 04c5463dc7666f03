"""`mentra members`, `requests`, `stop`, `rename`, `remove`, `seat`: who belongs to a team."""

from typing import Annotated, TypeAlias

import msgspec
import typer

from mentra_actors.cli.command_groups import Wrapping, command_group
from mentra_actors.cli.decision_options import By, Wait, person
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.petitioned import have_recorded
from mentra_actors.cli.reading import opened
from mentra_actors.cli.render.render_members import (
    INDENT,
    MEMBER_COLUMNS,
    member_document,
    member_row,
    request_document,
    request_text,
)
from mentra_actors.cli.seated import nobody_in, requests_of, seated, team_state, with_team
from mentra_actors.domain.team import DEFAULT_TEAM, StopHow, TeamState, name_in, new_agent_id
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, TeamId
from mentra_actors.runtime.wishes.teams import RemoveWish, RenameWish, SeatWish, StopWish
from projections.views.roster import MemberView

__all__ = ["members", "remove", "rename", "requests", "seat_app", "stop"]

_Name: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="A member of the team.")]
_Person: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="The person's name.")]
_Reason: TypeAlias = Annotated[str, typer.Option(help="Why; it is kept on the log.")]


def members(
    team_name: TeamName = DEFAULT_TEAM, store: StorePath = DEFAULT_STORE, as_json: AsJson = False
) -> None:
    """Who belongs to the team, persons too, and how each is.

    Nobody is woken for that.
    """
    output = Output(as_json=as_json)
    with opened(store, team_name) as team, output.spinner("Reading the log"):
        state, nobody = team_state(team), nobody_in(team)
        found = [msgspec.structs.replace(one, lead=_lead(one, state)) for one in team.members()]
    if as_json:
        output.document([member_document(one) for one in found])
    elif found:
        rows = [member_row(one) for one in found]
        output.table("Members", MEMBER_COLUMNS, rows, wrapped=("role",))
    else:
        output.show(nobody)


def requests(
    all_: Annotated[bool, typer.Option("--all", help="Show those that have ended too.")] = False,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """What members have asked each other and wait for.

    The oldest first.
    """
    output = Output(as_json=as_json)
    with opened(store, team_name) as team, output.spinner("Reading the log"):
        found = [one for one in requests_of(team) if all_ or one.status == "pending"]
    if as_json:
        output.document([request_document(one) for one in found])
        return
    for one in found:
        output.show_hanging(request_text(one), INDENT)
    if not found:
        output.show("Nobody has asked anything." if all_ else "No request waits for an answer.")


def stop(
    name: _Name,
    now: Annotated[
        bool, typer.Option("--now", help="At once; without it: when nothing waits for it.")
    ] = False,
    reason: _Reason = "",
    by: By = None,
    wait: Wait = 10.0,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Let a member stop. It stays in the team.

    Its name can be given to a new agent.
    """
    with opened(store, team_name) as team:
        member = team.member(name)
    if member.is_stopped:
        free = with_team(f"mentra remove {name}", team_name)
        raise CommandRejected(f"{name} has stopped already; `{free}` frees its name")
    how: StopHow = "now" if now else "when_done"
    wish = StopWish(team_id=TeamId(team_name), agent_id=member.agent_id, how=how, reason=reason)
    words = f"The order is {{}}given: {name} stops {'at once' if now else 'when it is done'}."
    have_recorded(
        Output(as_json=as_json),
        wish,
        store,
        by=person(by),
        wait_s=wait,
        words=words,
        document={"name": name, "how": how},
    )


def rename(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A member of the team.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The name it is to have.")],
    by: By = None,
    wait: Wait = 10.0,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Give a member another name; all else stays its own.

    Its id, its mail and its tasks.
    """
    with opened(store, team_name) as team:
        member = team.member(old)
    wish = RenameWish(team_id=TeamId(team_name), agent_id=member.agent_id, name=new)
    words = f"{old} is {{}}renamed to {new}."
    have_recorded(
        Output(as_json=as_json),
        wish,
        store,
        by=person(by),
        wait_s=wait,
        words=words,
        document={"old": old, "new": new},
    )


def remove(
    name: _Name,
    reason: _Reason = "",
    by: By = None,
    wait: Wait = 10.0,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Take a member out of the team; its tasks are free again.

    It stops at once; its name is free, too.
    """
    with opened(store, team_name) as team:
        member = team.member(name)
    wish = RemoveWish(team_id=TeamId(team_name), agent_id=member.agent_id, reason=reason)
    words = f"{name} is {{}}removed from the team."
    have_recorded(
        Output(as_json=as_json),
        wish,
        store,
        by=person(by),
        wait_s=wait,
        words=words,
        document={"name": name},
    )


def take(
    name: _Person,
    role: Annotated[str, typer.Option(help="What the person is there for; agents read it.")],
    by: By = None,
    wait: Wait = 10.0,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Let a person be a member: mail reaches their inbox, and no model answers for them."""
    with opened(store, team_name) as team:
        state = team_state(team)
        present = next((one for one in team.members() if one.name == name), None)
    if present is not None and present.is_person and not present.is_stopped:
        raise CommandRejected(f"{name} has a seat in this team already")
    wish = SeatWish(
        team_id=TeamId(team_name),
        agent_id=new_agent_id(state, TeamId(team_name), name),
        name=name,
        role=role,
        replaces=present.agent_id if present and present.is_stopped else AgentId(""),
    )
    look = with_team(f"mentra inbox {name}", team_name)
    words = f"The seat of {name} is {{}}taken; `{look}` shows what reaches it."
    have_recorded(
        Output(as_json=as_json),
        wish,
        store,
        by=person(by),
        wait_s=wait,
        words=words,
        document={"name": name},
    )


def leave(
    name: _Person,
    reason: _Reason = "",
    by: By = None,
    wait: Wait = 10.0,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Let a person be a member no more; who waits for their answer is told."""
    with opened(store, team_name) as team:
        member = seated(team, name)
    wish = RemoveWish(team_id=TeamId(team_name), agent_id=member.agent_id, reason=reason)
    words = f"The seat of {name} is {{}}left."
    have_recorded(
        Output(as_json=as_json),
        wish,
        store,
        by=person(by),
        wait_s=wait,
        words=words,
        document={"name": name},
    )


def _lead(member: MemberView, state: TeamState) -> str:
    """The name that the lead has now."""
    known = state.members.get(member.name)
    return name_in(state, known.lead) if known is not None else member.lead


def seat_app(wrapped: Wrapping) -> typer.Typer:
    """The commands below `mentra seat`, each `wrapped` as all commands are."""
    return command_group(
        "Give a person a seat in a team, or take it away.", (take, leave), wrapped
    )

"""Members and requests of a team as commands name them."""

from collections.abc import Sequence

from mentra_actors.cli.reading import OpenStore
from mentra_actors.domain.team import DEFAULT_TEAM, TEAM, Request, TeamState
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import team_stream
from projections.contract import fold_view
from projections.views.requests import REQUESTS, RequestsView
from projections.views.roster import MemberView

__all__ = ["nobody_in", "requests_of", "seated", "team_state", "with_team"]


def seated(team: OpenStore, name: str) -> MemberView:
    """The person of this name.

    Raises:
        CommandRejected: there is none, or an agent has the name.
    """
    member = team.member(name)
    if not member.is_person:
        raise CommandRejected(
            f"{name!r} is an agent and speaks for itself; a person takes a seat with "
            "`mentra seat take NAME --role ROLE`"
        )
    return member


def requests_of(team: OpenStore) -> Sequence[Request]:
    """The requests of the team, oldest first: the open ones and the last that have ended."""
    views = fold_view(REQUESTS, team.journal.through())
    view = views.get(team_stream(team.team_id), RequestsView())
    return list(view.requests.values())


def team_state(team: OpenStore) -> TeamState:
    """The team as its decider sees it."""
    recorded = team.journal.read_stream(team_stream(team.team_id))
    return TEAM.fold([one.event for one in recorded], TEAM.initial)


def nobody_in(team: OpenStore) -> str:
    """A sentence for a team without members, with the teams that there are."""
    others = ", ".join(one for one in team.teams() if one != team.team_id)
    if not others:
        return "Nobody is in this team yet."
    return f"Nobody is in the team {team.team_id} yet; for others say --team: {others}"


def with_team(words: str, team_name: str) -> str:
    """What to write in a shell, with the option that names a team if that is needed."""
    return words if team_name == DEFAULT_TEAM else f"{words} --team {team_name}"

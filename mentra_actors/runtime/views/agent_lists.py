"""Who is in a store, and what each agent is doing; nobody is woken by looking."""

from collections.abc import Sequence
from pathlib import Path

from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.ids import TeamId
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import open_journal_reader
from mentra_actors.store.sealing.options import Sealing
from projections.contract import fold_view
from projections.views.roster import ROSTER, MemberView, all_rosters, team_roster

__all__ = ["agents_of", "list_agents"]


def list_agents(
    path: str | Path, *, team: TeamId | None = DEFAULT_TEAM, sealing: Sealing | None = None
) -> Sequence[MemberView]:
    """The agents of a team in a store, or of all teams (None), in the order in which they joined.

    The store may be open elsewhere, also in another process: it is only read. Teammates are among
    them (`lead` says whose), subagents are not. Blocks: it reads the whole log.

        for agent in list_agents("my-team"):
            print(agent.name, agent.role, agent.status)

    Raises:
        StoreError: there is no store, or it cannot be read.
    """
    reader = open_journal_reader(path, sealing=sealing)
    try:
        return agents_of(Journal(reader), team)
    finally:
        reader.close()


def agents_of(journal: Journal, team: TeamId | None) -> Sequence[MemberView]:
    """The same from a journal that is open."""
    parts = fold_view(ROSTER, journal.through())
    return all_rosters(parts) if team is None else team_roster(parts.get, team)

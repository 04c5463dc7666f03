"""`mentra rules`, `rule`, `revoke`: what people have decided about calls to come."""

from typing import Annotated

import typer

from mentra_actors.cli.decision_options import MATCHES, By, Wait, match_of, person
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.petitioned import have_recorded
from mentra_actors.cli.reading import opened
from mentra_actors.cli.render.render_approvals import RULE_COLUMNS, rule_document, rule_row
from mentra_actors.domain.permission_rules import RuleScope, scope_stream
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.ids import AgentId, TeamId, name_of
from mentra_actors.runtime.agents.rule_operations import rule_named, rule_stream, stored_rules
from mentra_actors.runtime.wishes.permissions import RememberWish, RevokeWish

__all__ = ["revoke", "rule", "rules"]


def rules(store: StorePath = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """Rules that answer in the place of a person."""
    output = Output(as_json=as_json)
    with opened(store) as team, output.spinner("Reading the log"):
        found = stored_rules(team.reader, team.journal)
    if as_json:
        output.document([rule_document(one) for one in found])
    elif found:
        output.table("Rules", RULE_COLUMNS, [rule_row(one) for one in found])
    else:
        output.show("Nothing is remembered: every call that needs a person is asked about.")


def rule(
    tool: Annotated[str, typer.Argument(help="The tool whose calls are decided.")],
    allow: Annotated[bool, typer.Option("--allow/--deny", help="Let them run, or refuse them.")],
    match: Annotated[str, typer.Option(help=f"Which of its calls: {MATCHES}.")] = "any",
    agent: Annotated[
        str | None, typer.Option(help="Of this agent alone; without it: of the team.")
    ] = None,
    everywhere: Annotated[
        bool, typer.Option("--global", help="Of all agents of the store.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why; a refusal tells it to the model.")] = "",
    by: By = None,
    wait: Wait = 10.0,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Decide about calls before they are made.

    Where a person would be asked otherwise.
    """
    output = Output(as_json=as_json)
    meant = match_of(match)
    if meant is None:
        raise typer.BadParameter(f"--match does not know {match!r}; it is one of {MATCHES}")
    if everywhere and agent is not None:
        raise typer.BadParameter("either --agent or --global")
    with opened(store, team_name) as team:
        agent_id = None if agent is None else AgentId(name_of(team.agent_stream(agent)))
    scope: RuleScope = "global" if everywhere else "session" if agent_id else "project"
    wish = RememberWish(
        rules=scope_stream(scope, agent_id=agent_id or AgentId(""), team_id=TeamId(team_name)),
        tool=tool,
        match=meant,
        allow=allow,
        reason=reason,
    )
    words = f"The rule is {{}}remembered: {'allow' if allow else 'deny'} {tool}."
    document = {"tool": tool, "allow": allow}
    have_recorded(output, wish, store, by=person(by), wait_s=wait, words=words, document=document)


def revoke(
    rule: Annotated[str, typer.Argument(help="Its id in `mentra rules`, or how that begins.")],
    by: By = None,
    wait: Wait = 10.0,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Forget a rule; calls that it has let run are not touched."""
    output = Output(as_json=as_json)
    with opened(store) as team, output.spinner("Reading the log"):
        found = rule_named(stored_rules(team.reader, team.journal), rule)
    wish = RevokeWish(rules=rule_stream(found), rule_id=found.rule.rule_id)
    words = f"Rule {found.rule.rule_id} is {{}}revoked."
    document = rule_document(found)
    have_recorded(output, wish, store, by=person(by), wait_s=wait, words=words, document=document)

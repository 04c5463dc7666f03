"""`mentra rules` and `mentra revoke`: what people have decided about calls to come."""

from typing import Annotated

import typer

from mentra_actors.cli.decision_options import By, Wait, person
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath
from mentra_actors.cli.output import Output
from mentra_actors.cli.petitioned import tell_outcome, wished
from mentra_actors.cli.reading import opened
from mentra_actors.cli.render_approvals import RULE_COLUMNS, rule_document, rule_row
from mentra_actors.runtime.rule_operations import rule_named, rule_stream, stored_rules
from mentra_actors.runtime.wishes.permissions import RevokeWish

__all__ = ["revoke", "rules"]


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
    is_recorded = wished(output, wish, store, by=person(by), wait_s=wait)
    words = f"Rule {found.rule.rule_id} is {{}}revoked."
    tell_outcome(output, words, rule_document(found), is_recorded=is_recorded)

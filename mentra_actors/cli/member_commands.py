"""`mentra members`, `requests`, `inbox`, `mail`, `respond`: a team, and persons in it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from mentra_actors.cli.decision_options import Wait, person
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath
from mentra_actors.cli.output import Output
from mentra_actors.cli.petitioned import tell_outcome, wished
from mentra_actors.cli.reading import OpenStore, opened
from mentra_actors.cli.render_members import (
    INDENT,
    MEMBER_COLUMNS,
    Letter,
    letter_document,
    letter_text,
    member_document,
    member_row,
    request_document,
    request_text,
)
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.inbox import MailDelivered
from mentra_actors.domain.team import DEFAULT_TEAM, Request
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import MailId, agent_stream, inbox_stream, team_stream
from mentra_actors.runtime.petitions import Wish
from mentra_actors.runtime.wishes.members import LetterWish, ReadMailWish, RespondWish
from projections.contract import fold_view
from projections.requests import REQUESTS, RequestsView
from projections.roster import MemberView

__all__ = ["inbox", "mail", "members", "requests", "respond"]

_Name: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="A member of the team.")]


def members(store: StorePath = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """Who belongs to the team, persons too, and how each is; nobody is woken for that."""
    output = Output(as_json=as_json)
    with opened(store) as team, output.spinner("Reading the log"):
        found = team.members()
    if as_json:
        output.document([member_document(one) for one in found])
    elif found:
        output.table("Members", MEMBER_COLUMNS, [member_row(one) for one in found])
    else:
        output.show("Nobody is in this team yet.")


def requests(
    all_: Annotated[bool, typer.Option("--all", help="Show those that have ended too.")] = False,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """What members have asked each other and wait for, oldest first."""
    output = Output(as_json=as_json)
    with opened(store) as team, output.spinner("Reading the log"):
        found = [one for one in _requests(team) if all_ or one.status == "pending"]
    _show_requests(output, found)
    if not found and not as_json:
        output.show("Nobody has asked anything." if all_ else "No request waits for an answer.")


def inbox(
    name: _Name,
    all_: Annotated[bool, typer.Option("--all", help="Show letters that were read too.")] = False,
    peek: Annotated[bool, typer.Option("--peek", help="Leave them unread.")] = False,
    wait: Wait = 10.0,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Letters that a member has not read, and requests that it has not answered.

    What a person is shown is read from then on. The letters of an agent are left to the agent.
    """
    output = Output(as_json=as_json)
    with opened(store) as team, output.spinner("Reading the log"):
        member = _member(team, name)
        before = team.reader.stream_version(agent_stream(member.agent_id))
        letters = _letters(team, member)
        asked = [one for one in _requests(team) if one.to == member.agent_id]
    is_left = False
    if member.is_person and not peek and any(one.is_new for one in letters):
        is_left = not _wished(output, ReadMailWish(agent_id=member.agent_id), wait, store)
        with opened(store) as team:
            letters = _letters(team, member, before)
    shown = [one for one in letters if all_ or one.is_new]
    open_requests = [one for one in asked if one.status == "pending"]
    if as_json:
        output.document(
            {
                "letters": [letter_document(one) for one in shown],
                "requests": [request_document(one) for one in open_requests],
            }
        )
        return
    _show_inbox(output, shown, open_requests, name if member.is_person else "")
    if not shown and not open_requests:
        output.show(f"Nothing waits for {name}.")
    if is_left:
        output.remark("They stay unread: no process has marked them yet.", "yellow")


def _show_inbox(
    output: Output, letters: Sequence[Letter], asked: Sequence[Request], answered_as: str
) -> None:
    """Letters, and below them requests whose letter is not among them."""
    left = {one.request_id: one for one in asked}
    for one in letters:
        is_question = one.mail.kind == "request"
        request = left.pop(one.mail.request_id, None) if is_question else None
        output.show_hanging(letter_text(one, request, answered_as), INDENT)
    for request in left.values():
        output.show_hanging(request_text(request, answered_as), INDENT)


def mail(
    sender: Annotated[str, typer.Argument(metavar="FROM", help="The person who writes.")],
    to: Annotated[str, typer.Argument(metavar="TO", help="A member, or `all`.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is written.")],
    wait: Wait = 10.0,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Write to a member of the team as a person who has a seat in it."""
    output = Output(as_json=as_json)
    with opened(store) as team, output.spinner("Reading the log"):
        person_id = _person(team, sender).agent_id
        to_id = None if to == "all" else _member(team, to).agent_id
    wish = LetterWish(team_id=DEFAULT_TEAM, sender=person_id, to=to_id, body=text)
    is_recorded = _wished(output, wish, wait, store)
    document = {"from": sender, "to": to}
    tell_outcome(output, f"The letter to {to} is {{}}sent.", document, is_recorded=is_recorded)


def respond(
    request: Annotated[str, typer.Argument(metavar="REQUEST", help="Its id, such as req-1.")],
    name: Annotated[str, typer.Option("--as", help="The person who answers.")],
    reject: Annotated[bool, typer.Option("--reject", help="Say no; without it: yes.")] = False,
    reason: Annotated[str, typer.Option(help="Why; whoever has asked is told.")] = "",
    wait: Wait = 10.0,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Answer a request that was made to a person."""
    output = Output(as_json=as_json)
    with opened(store) as team, output.spinner("Reading the log"):
        person_id = _person(team, name).agent_id
    wish = RespondWish(
        team_id=DEFAULT_TEAM,
        request_id=request,
        by=person_id,
        approve=not reject,
        reason=reason,
    )
    is_recorded = _wished(output, wish, wait, store)
    done = "rejected" if reject else "approved"
    document = {"request_id": request, "by": name, "approve": not reject}
    tell_outcome(output, f"{request} is {{}}{done}.", document, is_recorded=is_recorded)


def _wished(output: Output, wish: Wish, wait_s: float, store: Path) -> bool:
    return wished(output, wish, store, by=person(None), wait_s=wait_s)


def _show_requests(output: Output, found: Sequence[Request]) -> None:
    if output.as_json:
        output.document([request_document(one) for one in found])
        return
    for one in found:
        output.show_hanging(request_text(one), INDENT)


def _requests(team: OpenStore) -> Sequence[Request]:
    views = fold_view(REQUESTS, team.journal.through())
    view = views.get(team_stream(DEFAULT_TEAM), RequestsView())
    return list(view.requests.values())


def _member(team: OpenStore, name: str) -> MemberView:
    found = {one.name: one for one in team.members()}
    if name not in found:
        known = ", ".join(found) or "nobody"
        raise CommandRejected(f"no member is named {name!r}; the team has {known}")
    return found[name]


def _person(team: OpenStore, name: str) -> MemberView:
    member = _member(team, name)
    if not member.is_person:
        raise CommandRejected(
            f"{name!r} is an agent and speaks for itself; persons take a seat with "
            "`runtime.members.take_seat`"
        )
    return member


def _letters(team: OpenStore, member: MemberView, before: int | None = None) -> Sequence[Letter]:
    """All letters to a member, oldest first.

    New are those that it has not read, or has since version `before` of its stream.
    """
    delivered = [
        (one.stream_version, one.event.mail)
        for one in team.journal.read_stream(inbox_stream(member.agent_id))
        if isinstance(one.event, MailDelivered)
    ]
    if before is None:
        taken, unread = member.mail_taken_through, set(member.mail_unplaced)
        return [
            Letter(mail=mail, is_new=version > taken or mail.mail_id in unread)
            for version, mail in delivered
        ]
    since = team.journal.read_stream(agent_stream(member.agent_id), after=before)
    read: set[MailId] = set()
    for one in since:
        if isinstance(one.event, e.MailHandedOver):
            read |= set(one.event.mail_ids)
    return [Letter(mail=mail, is_new=mail.mail_id in read) for _, mail in delivered]

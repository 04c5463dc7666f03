"""`mentra inbox`, `mail`, `respond`: what persons read and write in a team."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec
import typer
from rich.text import Text

from mentra_actors.cli.decision_options import Wait, person
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.petitioned import have_recorded, wished
from mentra_actors.cli.reading import OpenStore, opened, until_ctrl_c
from mentra_actors.cli.render.render_members import (
    INDENT,
    Letter,
    letter_document,
    letter_text,
    request_document,
    request_text,
)
from mentra_actors.cli.seated import requests_of, seated, with_team
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.inbox import MailDelivered
from mentra_actors.domain.team import DEFAULT_TEAM, Request, request_id_of
from mentra_actors.ids import MailId, TeamId, agent_stream, inbox_stream
from mentra_actors.json_types import Json
from mentra_actors.runtime.wishes.members import LetterWish, ReadMailWish, RespondWish
from projections.views.roster import MemberView

__all__ = ["inbox", "mail", "respond"]

_Name: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="A member of the team.")]
_ANSWERED = ("approved", "rejected")


def inbox(
    name: _Name,
    all_: Annotated[bool, typer.Option("--all", help="Show letters that were read too.")] = False,
    peek: Annotated[bool, typer.Option("--peek", help="Leave them unread.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as letters come.")] = False,
    wait: Wait = 10.0,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Letters and requests that a member has yet to answer.

    Letters that it has not read, requests that it has not answered. What a person is shown is
    read from then on. The letters of an agent are left to the agent.
    """
    output = Output(as_json=as_json)
    box = _Inbox(output, name, store, team_name, wait, marks=not peek)
    found = box.look()
    shown = [one for one in found.letters if all_ or one.is_new]
    if as_json and not follow:
        output.document(
            {
                "letters": [letter_document(one) for one in shown],
                "requests": [request_document(one) for one in found.open_requests],
            }
        )
        return
    told = _Told(output, found.answered_as)
    with until_ctrl_c(follows=follow):
        told.tell(shown, found)
        if not shown and not found.open_requests:
            say = output.remark if follow else output.show
            say(f"Nothing waits for {name}.")
        if found.is_left:
            output.remark("They stay unread: no process has marked them yet.", "yellow")
        if follow:
            _follow(box, told, found.seen)


def mail(
    sender: Annotated[str, typer.Argument(metavar="FROM", help="The person who writes.")],
    to: Annotated[str, typer.Argument(metavar="TO", help="A member, or `all`.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is written.")],
    wait: Wait = 10.0,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Write to a member, as a person who has a seat in the team."""
    output = Output(as_json=as_json)
    with opened(store, team_name) as team, output.spinner("Reading the log"):
        person_id = seated(team, sender).agent_id
        to_id = None if to == "all" else team.member(to).agent_id
    wish = LetterWish(team_id=TeamId(team_name), sender=person_id, to=to_id, body=text)
    words, document = f"The letter to {to} is {{}}sent.", {"from": sender, "to": to}
    have_recorded(
        output, wish, store, by=person(None), wait_s=wait, words=words, document=document
    )


def respond(
    request: Annotated[
        str, typer.Argument(metavar="REQUEST", help="Its id, such as req-1, or just 1.")
    ],
    name: Annotated[str, typer.Option("--as", help="The person who answers.")],
    reject: Annotated[bool, typer.Option("--reject", help="Say no; without it: yes.")] = False,
    reason: Annotated[str, typer.Option(help="Why; whoever has asked is told.")] = "",
    wait: Wait = 10.0,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Answer a request that was made to a person."""
    output = Output(as_json=as_json)
    with opened(store, team_name) as team, output.spinner("Reading the log"):
        person_id = seated(team, name).agent_id
    request_id = request_id_of(request)
    wish = RespondWish(
        team_id=TeamId(team_name),
        request_id=request_id,
        by=person_id,
        approve=not reject,
        reason=reason,
    )
    words = f"{request_id} is {{}}{'rejected' if reject else 'approved'}."
    document = {"request_id": request_id, "by": name, "approve": not reject}
    have_recorded(
        output, wish, store, by=person(None), wait_s=wait, words=words, document=document
    )


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """What an inbox holds at a position of the log."""

    seen: int
    letters: Sequence[Letter]
    asked: Mapping[str, Request]
    """All requests to the member, by id."""
    answered_as: str = ""
    """The name of a person, who may answer them, as a shell is told it."""
    is_left: bool = False
    """They could not be marked as read."""

    @property
    def open_requests(self) -> Sequence[Request]:
        """Those that wait for an answer."""
        return [one for one in self.asked.values() if one.status == "pending"]


class _Inbox:
    """Looks into one inbox, and marks what it finds there if it is a person's."""

    def __init__(
        self, output: Output, name: str, store: Path, team_name: str, wait_s: float, *, marks: bool
    ) -> None:
        self._output = output
        self._name = name
        self._store = store
        self._team_name = team_name
        self._wait_s = wait_s
        self._marks = marks

    def look(self) -> _Found:
        """What is there now."""
        with opened(self._store, self._team_name) as team, self._output.spinner("Reading the log"):
            seen = team.reader.last_position()
            member = team.member(self._name)
            before = team.reader.stream_version(agent_stream(member.agent_id))
            letters = _letters(team, member)
            asked = {one.request_id: one for one in requests_of(team) if one.to == member.agent_id}
        is_left = False
        if self._marks and member.is_person and any(one.is_new for one in letters):
            wish = ReadMailWish(agent_id=member.agent_id)
            answer = wished(self._output, wish, self._store, by=person(None), wait_s=self._wait_s)
            is_left = answer is None
            if not is_left:
                with opened(self._store, self._team_name) as team:
                    letters = _letters(team, member, before)
        return _Found(
            seen=seen,
            letters=[_known(one, asked) for one in letters],
            asked=asked,
            answered_as=with_team(self._name, self._team_name) if member.is_person else "",
            is_left=is_left,
        )

    def wait_for_more(self, seen: int) -> None:
        """Wait until the log is longer."""
        with opened(self._store, self._team_name) as team:
            team.wait_for_more(seen)


def _follow(box: _Inbox, told: "_Told", seen: int) -> None:
    while True:
        box.wait_for_more(seen)
        found = box.look()
        told.tell([one for one in found.letters if one.is_new], found)
        seen = found.seen


class _Told:
    """Says each letter and each request once."""

    def __init__(self, output: Output, answered_as: str) -> None:
        self._output = output
        self._answered_as = answered_as
        self._letters: set[MailId] = set()
        self._requests: set[str] = set()

    def tell(self, letters: Sequence[Letter], found: _Found) -> None:
        """Letters, and below them open requests whose letter is not among them."""
        for one in letters:
            if one.mail.mail_id not in self._letters:
                self._letters.add(one.mail.mail_id)
                self._tell_letter(one, found)
        for request in found.open_requests:
            if request.request_id not in self._requests:
                self._requests.add(request.request_id)
                self._show(request_document(request), request_text(request, self._answered_as))

    def _tell_letter(self, letter: Letter, found: _Found) -> None:
        is_question = letter.mail.kind == "request"
        request = found.asked.get(letter.mail.request_id) if is_question else None
        if request is not None:
            self._requests.add(request.request_id)
        self._show(letter_document(letter), letter_text(letter, request, self._answered_as))

    def _show(self, document: Json, text: Text) -> None:
        if self._output.as_json:
            self._output.json_line(document)
        else:
            self._output.show_hanging(text, INDENT)


def _known(letter: Letter, asked: Mapping[str, Request]) -> Letter:
    """A question that the member has answered is no news to it."""
    request = asked.get(letter.mail.request_id) if letter.mail.kind == "request" else None
    if request is None or request.status not in _ANSWERED:
        return letter
    return msgspec.structs.replace(letter, is_new=False)


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

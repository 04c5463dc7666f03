"""What members of a team do beyond their runs, as futures; safe from any thread."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future

import msgspec

from mentra_actors.actors.messages import Accepted
from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.domain.inbox import INBOX, DeliverMail, Mail, has_stopped_words
from mentra_actors.domain.team import (
    AddMember,
    CancelRequest,
    OpenRequest,
    RemoveMember,
    RenameMember,
    Request,
    ResolveRequest,
    SendLetters,
    StopHow,
    StopMember,
    TeamState,
    name_in,
    new_agent_id,
    request_of,
)
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, CommandId, MailId, TeamId, agent_stream, team_stream
from mentra_actors.runtime.agents.run_operations import HOST, new_id
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.futures import chained, mapped, retold
from mentra_actors.runtime.plain_arguments import require_seconds, require_text
from mentra_actors.runtime.teams.member_views import TeamMember, team_member
from mentra_actors.tools.builtin.teammates import known_as, taken_id, teammate_profile

__all__ = ["TeamOperations"]


class TeamOperations:
    """Commands and questions to the team of a runtime."""

    def __init__(self, core: RuntimeCore) -> None:
        self._core = core
        self._team: TeamId = core.settings.team

    # --- members --------------------------------------------------------------------------

    def state(self) -> "Future[TeamState]":
        """The team."""
        return mapped(self._core.look(team_stream(self._team)), lambda accepted: accepted.state)

    def listed(self) -> "Future[Sequence[TeamMember]]":
        """All members, in the order in which they joined; none of them is woken."""
        return mapped(self.state(), self._lines, on=self._core.readers)

    def add(
        self,
        profile: AgentProfile,
        prompt: str,
        *,
        keeps_stopped: bool = False,
        lead_id: AgentId | None = None,
    ) -> "Future[AgentId]":
        """Make an agent, and the id that it gets; a stopped one of its name gives way to it."""
        require_text(prompt, "a prompt")
        command_id = new_id()

        def begin(team: TeamState, replaced: AgentId) -> "Future[AgentId]":
            command = self._adding(team, profile, prompt, command_id, replaced)
            command = msgspec.structs.replace(command, lead_id=lead_id or AgentId(""))
            agent_id = command.profile.agent_id
            asked = retold(self._ask(command), lambda error: taken_id(error, agent_id))
            return mapped(asked, lambda _accepted: agent_id)

        def look(team: TeamState) -> "Future[AgentId]":
            present = team.members.get(profile.name)
            if present is None or keeps_stopped:
                return begin(team, AgentId(""))
            return chained(self._if_stopped(present.agent_id), lambda one: begin(team, one))

        return chained(self.state(), look)

    def spawn_teammate(
        self, lead: AgentId, name: str, role: str, prompt: str
    ) -> "Future[AgentId]":
        """An agent like `lead`, led by it."""
        for text, what in ((name, "a name"), (role, "a role"), (prompt, "a prompt")):
            require_text(text, what)

        def begin(profile: AgentProfile) -> "Future[AgentId]":
            if profile.name == name:
                raise CommandRejected("Teammate name must differ from the current agent")
            teammate = teammate_profile(profile, lead, name, role)
            return self.add(teammate, prompt, lead_id=lead)

        return chained(mapped(self.state(), lambda team: self._profile(team, lead)), begin)

    def remove(self, name: str, reason: str) -> "Future[Accepted]":
        """Take a member out of the team."""
        require_text(reason, "a reason")
        return self._of_member(
            name,
            lambda agent_id, now: RemoveMember(
                command_id=new_id(), agent_id=agent_id, reason=reason, now=now
            ),
        )

    def rename(self, name: str, new_name: str) -> "Future[Accepted]":
        """Give a member another name."""
        require_text(new_name, "a name")
        return self._of_member(
            name,
            lambda agent_id, now: RenameMember(
                command_id=new_id(), agent_id=agent_id, name=new_name, now=now
            ),
        )

    def stop(self, name: str, how: StopHow, reason: str) -> "Future[Accepted]":
        """Let a member stop."""
        require_text(reason, "a reason")
        return self._of_member(
            name,
            lambda agent_id, now: StopMember(
                command_id=new_id(), agent_id=agent_id, how=how, reason=reason, now=now
            ),
        )

    def reader(self, agent_id: AgentId) -> "Future[AgentId]":
        """The agent, if it reads what is written to it; one that cannot be asked may do so later.

        The future fails with CommandRejected if it has stopped.
        """
        reading: Future[AgentId] = Future()

        def on_looked(looked: "Future[Accepted]") -> None:
            state = None if looked.exception() else looked.result().state
            if state is None or not state.stopped:
                reading.set_result(agent_id)
            else:
                reading.set_exception(CommandRejected(has_stopped_words(state.profile.name)))

        self._core.look(agent_stream(agent_id)).add_done_callback(on_looked)
        return reading

    # --- letters and requests -------------------------------------------------------------

    def send(self, sender: AgentId, to: str | None, body: str) -> "Future[Accepted]":
        """A letter of one member to another, or with `to` None to all others."""
        require_text(body, "mail")

        def letters(to_id: AgentId | None, now: float) -> SendLetters:
            return SendLetters(command_id=new_id(), sender=sender, to=to_id, body=body, now=now)

        if to is None:
            return self._ask(letters(None, self._core.clock.now()))
        return self._of_member(to, letters)

    def request(
        self, sender: AgentId, to: str, protocol: str, content: str, expires_in_s: float | None
    ) -> "Future[Request]":
        """Ask a member something."""
        require_text(protocol, "a protocol")
        require_text(content, "a request")
        require_seconds(expires_in_s, "expires_in_s")
        command_id = new_id()

        def opening(to_id: AgentId, now: float) -> OpenRequest:
            return OpenRequest(
                command_id=command_id,
                sender=sender,
                to=to_id,
                protocol=protocol,
                content=content,
                expires_at=None if expires_in_s is None else now + expires_in_s,
                now=now,
            )

        def opened(accepted: Accepted) -> Request:
            request = request_of(accepted.state, command_id)
            if request is None:
                raise CommandRejected("the request was made, and has ended since")
            return request

        return mapped(self._of_member(to, opening), opened)

    def respond(
        self, by: AgentId, request_id: str, reason: str, *, approve: bool
    ) -> "Future[Accepted]":
        """Answer a request."""
        require_text(request_id, "a request_id")
        require_text(reason, "a reason")
        command = ResolveRequest(
            command_id=new_id(),
            request_id=request_id,
            by=by,
            approve=bool(approve),
            reason=reason,
            now=self._core.clock.now(),
        )
        return self._ask(command)

    def cancel(self, by: AgentId, request_id: str, reason: str) -> "Future[Accepted]":
        """Take a request back."""
        require_text(request_id, "a request_id")
        require_text(reason, "a reason")
        now = self._core.clock.now()
        command = CancelRequest(
            command_id=new_id(), request_id=request_id, by=by, reason=reason, now=now
        )
        return self._ask(command)

    def requests(self, agent_id: AgentId | None) -> "Future[Sequence[Request]]":
        """Requests of the team, or those that one member has made or was made; oldest first."""

        def own(team: TeamState) -> Sequence[Request]:
            return [
                one
                for one in team.requests.values()
                if agent_id is None or agent_id in (one.sender, one.to)
            ]

        return mapped(self.state(), own)

    # --- their parts ----------------------------------------------------------------------

    def _if_stopped(self, agent_id: AgentId) -> "Future[AgentId]":
        """The agent if it has stopped, else nobody. Its log is read."""
        present: Future[AgentId] = Future()
        present.set_result(agent_id)
        return mapped(
            present,
            lambda one: one if self._core.members.state(one).stopped else AgentId(""),
            on=self._core.readers,
        )

    def _adding(
        self,
        team: TeamState,
        profile: AgentProfile,
        prompt: str,
        command_id: CommandId,
        replaced: AgentId,
    ) -> AddMember:
        agent_id = new_agent_id(team, self._team, profile.name)
        now = self._core.clock.now()
        return AddMember(
            command_id=command_id,
            profile=msgspec.structs.replace(profile, agent_id=agent_id),
            first_mail=_first_mail(team, profile, agent_id, prompt, now),
            replaces=replaced,
            now=now,
        )

    def _profile(self, team: TeamState, agent_id: AgentId) -> AgentProfile:
        profile, name = self._core.members.state(agent_id).profile, name_in(team, agent_id)
        if profile is None or not name:
            raise CommandRejected(f"{agent_id!r} is no member of the team")
        return known_as(profile, name)

    def _lines(self, team: TeamState) -> Sequence[TeamMember]:
        names = {one.agent_id: name for name, one in team.members.items()}
        return [
            team_member(name, one, names.get(one.lead, ""), self._core.members.state(one.agent_id))
            for name, one in team.members.items()
        ]

    def _of_member(
        self, name: str, command: Callable[[AgentId, float], object]
    ) -> "Future[Accepted]":
        require_text(name, "a name")

        def begin(team: TeamState) -> "Future[Accepted]":
            member = team.members.get(name)
            if member is None:
                known = ", ".join(sorted(team.members)) or "nobody"
                raise CommandRejected(f"no member is named {name!r}; the team has {known}")
            return self._ask(command(member.agent_id, self._core.clock.now()))

        return chained(self.state(), begin)

    def _ask(self, command: object) -> "Future[Accepted]":
        return self._core.ask(team_stream(self._team), command)


def _first_mail(
    team: TeamState, profile: AgentProfile, agent_id: AgentId, prompt: str, now: float
) -> Mail | None:
    """The instruction of a new member, from its lead or from the program."""
    if not prompt.strip():
        return None
    lead = team.members.get(profile.lead)
    mail = Mail(
        mail_id=MailId(new_id()),
        sender=profile.lead or HOST,
        sender_id=lead.agent_id if lead is not None else AgentId(""),
        to=agent_id,
        body=prompt,
        sent_at=now,
    )
    INBOX.decide(DeliverMail(mail=mail), INBOX.initial)  # refuses what is too long
    return mail

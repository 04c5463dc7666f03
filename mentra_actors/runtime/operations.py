"""What can be done with a running team, as futures: the one body of both public faces.

A future here is completed on a dispatcher, writer or loop thread. The asynchronous face awaits
it, the blocking face waits for it; neither has logic of its own.
"""

from concurrent.futures import Future

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import Attachment, FileBlock, ImageBlock
from mentra_actors.domain.team import TeamState
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import (
    AgentId,
    agent_stream,
)
from mentra_actors.runtime.agents.agent_operations import AgentOperations
from mentra_actors.runtime.agents.model_questions import ModelQuestions
from mentra_actors.runtime.agents.profiles import warn_of_unknown_tools
from mentra_actors.runtime.agents.rule_operations import RuleOperations
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.history.history import History
from mentra_actors.runtime.plain_arguments import require_text, require_whole
from mentra_actors.runtime.sessions.session_operations import SessionOperations
from mentra_actors.runtime.teams.background_jobs import JobOperations
from mentra_actors.runtime.teams.board_operations import BoardOperations
from mentra_actors.runtime.teams.host_letters import HostLetters
from mentra_actors.runtime.teams.supervision_operations import SupervisionOperations
from mentra_actors.runtime.teams.team_operations import TeamOperations
from mentra_actors.runtime.views.health_report import HealthReports
from mentra_actors.runtime.views.idle_watch import IdleWatch
from mentra_actors.runtime.views.observers import Observers
from projections.contract import fold_view
from projections.views.approvals import APPROVALS, Approval, approvals_in

__all__ = ["Operations"]

_MOST_NAMES = 20
"""Of members, in a refusal: a store may have thousands of sessions."""


class Operations:
    """Commands and questions to one runtime. Safe from any thread; nothing here blocks long."""

    def __init__(self, core: RuntimeCore) -> None:
        self.core = core
        self.runs = core.runs
        self.agents = AgentOperations(core)
        self.models = ModelQuestions(core)
        self.jobs = JobOperations(core)
        self.members = TeamOperations(core)
        self.letters = HostLetters(core, self.members.reader)
        self.observers = Observers(core)
        self.rules = RuleOperations(core)
        self.board = BoardOperations(core)
        self.supervision = SupervisionOperations(core)
        self.health = HealthReports(core)
        self.sessions = SessionOperations(core, self.agents, self.members, self.rules)
        self.history = History(
            core.store, core.journal, path=core.settings.path, sealing=core.settings.sealing
        )
        self._team = core.settings.team

    # --- agents ---------------------------------------------------------------------------

    def agent_id(self, team: TeamState, name: str) -> AgentId:
        """Id of the member with this name, or of the subagent with this id. Reads the store.

        Raises:
            CommandRejected: there is none; the message lists members.
            TypeError: a name is text.
        """
        require_text(name, "the name of an agent")
        member = team.members.get(name)
        if member is not None:
            return member.agent_id
        if name.isascii() and self.core.store.stream_version(agent_stream(AgentId(name))):
            return AgentId(name)
        members = sorted(team.members)
        known = ", ".join(members[:_MOST_NAMES]) or "nobody"
        more = f" and {len(members) - _MOST_NAMES:,} more" if members[_MOST_NAMES:] else ""
        raise CommandRejected(f"no agent is named {name!r}; the team has {known}{more}")

    def spawn(self, profile: e.AgentProfile, *, prompt: str, reuse: bool) -> "Future[AgentId]":
        """Add a member to the team; see `Runtime.spawn`."""
        require_text(prompt, "a prompt")
        if not profile.is_person:
            self.core.providers.resolve(profile.model)
        warn_of_unknown_tools(profile, self.core.tools.of(profile.agent_id), profile.name)
        done: Future[AgentId] = Future()

        def on_answer(answer: "Future[AgentId]") -> None:
            error = answer.exception()
            if error is None:
                done.set_result(answer.result())
            elif reuse and isinstance(error, CommandRejected):
                self.team().add_done_callback(lambda team: on_team(team, error))
            else:
                done.set_exception(error)

        def on_team(answer: "Future[TeamState]", refusal: CommandRejected) -> None:
            error = answer.exception()
            present = answer.result().members.get(profile.name) if error is None else None
            if present is not None and present.is_person == profile.is_person:
                done.set_result(present.agent_id)
            else:
                done.set_exception(error or refusal)

        adding = self.members.add(profile, prompt, keeps_stopped=reuse and not profile.is_person)
        adding.add_done_callback(on_answer)
        return done

    def team(self) -> "Future[TeamState]":
        """The members of the team."""
        return self.members.state()

    def content_of(self, attachment: Attachment) -> bytes | None:
        """The bytes of an image or a document; None if they are not kept here. Reads a disk."""
        if not isinstance(attachment, ImageBlock | FileBlock):
            raise TypeError(f"an attachment is an image or a document, not {attachment!r}")
        if attachment.data or attachment.blob is None:
            return attachment.data or None
        return self.core.store.read_blob(attachment.blob.digest)

    def approvals(self, at_position: int | None) -> tuple[Approval, ...]:
        """Calls of the team that wait for a person. Reads the log."""
        if at_position is not None:
            require_whole(at_position, "a position")
        parts = fold_view(APPROVALS, self.core.journal.through(at_position))
        return approvals_in(parts.values(), self._team)

    # --- rest -----------------------------------------------------------------------------

    def idle(self, *, with_jobs: bool = False) -> "Future[None]":
        """Done when no agent has anything to do; fails if one that has is quarantined."""
        return IdleWatch(self.core, with_jobs=with_jobs).begin()

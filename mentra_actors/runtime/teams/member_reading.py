"""What is read of members without waking any: how they are, and letters that were handed over."""

from collections.abc import Sequence

from mentra_actors.actors.state_loading import StateLoader
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.domain.inbox import Mail
from mentra_actors.ids import AgentId, CommandId, agent_stream
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import EventStore
from mentra_actors.tools.contract import MemberStatus

__all__ = ["MemberReading", "status_of"]


class MemberReading:
    """Reads the log, so it blocks; safe from any thread."""

    def __init__(self, store: EventStore, journal: Journal) -> None:
        self._journal = journal
        self._agents: StateLoader[AgentState] = StateLoader(AGENT, store, journal)

    def state(self, agent_id: AgentId) -> AgentState:
        """The agent as the log has it."""
        return self._agents.load(agent_stream(agent_id)).state

    def status(self, agent_id: AgentId) -> MemberStatus:
        """The agent in one word."""
        return status_of(self.state(agent_id))

    def handed_over(
        self, agent_id: AgentId, command_id: CommandId, *, through: int | None = None
    ) -> Sequence[Mail]:
        """The letters that a `HandOverMail` has taken, oldest first."""
        stream_id = agent_stream(agent_id)
        history = self._journal.read_stream(stream_id, through=through)
        events = [one.event for one in history]
        taken = {m.mail_id: m for one in events if isinstance(one, e.MailTaken) for m in one.mail}
        return [
            taken[mail_id]
            for one in events
            if isinstance(one, e.MailHandedOver) and one.command_id == command_id
            for mail_id in one.mail_ids
        ]


def status_of(state: AgentState) -> MemberStatus:
    """What the state of an agent says of it."""
    if state.stopped:
        return "stopped"
    if state.run is not None:
        return "working"
    return "failed" if state.last_ending == "failed" else "idle"

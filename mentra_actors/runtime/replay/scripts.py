"""What a run was made of: the commands that its agent was given, in their order; pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.tool_call import ToolOutcome
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, RunId, StreamId, agent_stream
from mentra_actors.runtime.replay.rebuild.agent_outcomes import recorded_outcome
from mentra_actors.runtime.replay.releases import ReleaseOf
from mentra_actors.runtime.replay.verification import OtherDecision, difference_of
from mentra_actors.runtime.replay.walk import Step, steps_of

__all__ = ["RecordedCall", "RunScript", "run_script", "run_scripts"]

_ENDS = e.RunFinished | e.RunFailed | e.RunCancelled


class RecordedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call of a tool that has a result on the log."""

    key: str
    tool: str
    arguments: str
    outcome: ToolOutcome


class RunScript(msgspec.Struct, frozen=True, kw_only=True):
    """One run of an agent. It begins with the first of the `steps`, and ends with the last."""

    agent_id: AgentId
    run_id: RunId
    steps: tuple[Step, ...]

    @property
    def stream_id(self) -> StreamId:
        """The stream of the agent."""
        return agent_stream(self.agent_id)

    @property
    def position(self) -> int:
        """The global position of its first append."""
        return self.steps[0].position

    @property
    def recorded(self) -> Sequence[RecordedEvent[object]]:
        """The events of the agent, in order."""
        return [one for step in self.steps for one in step.recorded]

    @property
    def differences(self) -> tuple[OtherDecision, ...]:
        """Its appends that today's code decides otherwise, and not because that is known."""
        return tuple(one for one in self._others if not one.changes)

    @property
    def known(self) -> tuple[OtherDecision, ...]:
        """Its appends that a release since then is known to decide otherwise."""
        return tuple(one for one in self._others if one.changes)

    @property
    def _others(self) -> Iterable[OtherDecision]:
        told = (one for one in self.steps if one.decision is not None and not one.is_same)
        return map(difference_of, told)

    @property
    def is_over(self) -> bool:
        """Whether the run has ended."""
        return any(isinstance(one.event, _ENDS) for one in self.steps[-1].recorded)

    def calls_from(self, first: int) -> Sequence[RecordedCall]:
        """Its tool calls that ended in the steps from that one on, in their order."""
        return [call for step in self.steps[first:] for call in _calls(step)]

    def step_of_call(self, number: int) -> int:
        """Which of the steps asks for the model's answer with this number, from 1.

        Raises:
            CommandRejected: the run has not so many.
        """
        asking, answers = 0, 0
        for place, step in enumerate(self.steps):
            for event in (one.event for one in step.recorded):
                if isinstance(event, e.ModelCallRequested) and event.attempt == 1:
                    asking = place
                if isinstance(event, e.ModelReplied):
                    answers += 1
                    if answers == number:
                        return asking
                    asking = place
        raise CommandRejected(
            f"there is no model call {number} in {self.run_id}: {answers} were answered"
        )


def run_scripts(
    recorded: Iterable[RecordedEvent[object]],
    agents: Collection[AgentId],
    release_of: ReleaseOf | None = None,
) -> Mapping[AgentId, Sequence[RunScript]]:
    """All runs of some agents, the oldest first; `recorded` is the log from its first event on.

    It may lack what does not concern them, see `agent_events` and `Walk`. A run begins with the
    append that starts it, which may be the end of the one before.
    """
    by_stream = {agent_stream(one): _Runs(one) for one in agents}
    steps = steps_of(recorded, streams=by_stream.keys(), release_of=release_of)
    for step in steps if by_stream else ():
        by_stream[step.stream_id].take(step)
    return {one.agent_id: one.all() for one in by_stream.values()}


def run_script(steps: Iterable[Step], agent_id: AgentId, run_id: RunId) -> RunScript | None:
    """One run, from steps of its agent that begin no later than it does; no more are taken."""
    runs = _Runs(agent_id)
    for step in steps:
        runs.take(step)
        if (found := runs.ended(run_id)) is not None:
            return found
    return next((one for one in runs.all() if one.run_id == run_id), None)


class _Runs:
    """Collects the runs of one agent."""

    def __init__(self, agent_id: AgentId) -> None:
        self.agent_id = agent_id
        self._scripts: list[RunScript] = []
        self._open = RunId("")
        self._steps: list[Step] = []

    def take(self, step: Step) -> None:
        if self._open:
            self._steps.append(step)
        for event in (one.event for one in step.recorded):
            if isinstance(event, _ENDS) and event.run_id == self._open:
                self._scripts.append(self._script())
                self._open = RunId("")
            elif isinstance(event, e.RunStarted):
                self._open, self._steps = event.run_id, [step]

    def ended(self, run_id: RunId) -> RunScript | None:
        return next((one for one in self._scripts if one.run_id == run_id), None)

    def all(self) -> Sequence[RunScript]:
        return [*self._scripts, *([self._script()] if self._open else [])]

    def _script(self) -> RunScript:
        return RunScript(agent_id=self.agent_id, run_id=self._open, steps=tuple(self._steps))


def _calls(step: Step) -> Iterable[RecordedCall]:
    command = step.decision.command if step.decision else None
    if not isinstance(command, c.RecordToolOutcome | c.RecordProbeVerdict):
        return
    events = [one.event for one in step.recorded]
    call = next((one for one in step.before.calls if one.key == command.key), None)
    finished = next((one for one in events if isinstance(one, e.ToolCallFinished)), None)
    if call is not None and finished is not None and finished.key == call.key:
        yield RecordedCall(
            key=call.key,
            tool=call.tool,
            arguments=call.arguments,
            outcome=recorded_outcome(finished, events),
        )

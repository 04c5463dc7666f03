"""The world around a simulated team: models that answer anything, tools that touch the board.

What a tool does to other streams it does as the real ones do: by a command under the idempotency
key of its call, and its outcome follows when that is answered.
"""

import json
from collections import Counter

from mentra_actors.actors.messages import Accepted, Envelope, Failed, Rejected
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.effects import (
    CallModel,
    ClaimReadyTask,
    CompensateBoard,
    CompensateCall,
    DecideRound,
    ProbeTool,
    ReportStop,
    ReviewCall,
    RunTool,
    SummarizeConversation,
)
from mentra_actors.domain.agent.state import call_key
from mentra_actors.domain.background.events import JobOutput
from mentra_actors.domain.background.jobs import (
    RecordJobEnd,
    RecordJobStart,
    RequestJob,
    StartJob,
    StopJob,
    WatchJob,
)
from mentra_actors.domain.board.commands import (
    ClaimTask,
    CompensateRun,
    CreateTask,
    OwnerGone,
    RenameOwner,
    SetTaskStatus,
)
from mentra_actors.domain.board.state import can_claim
from mentra_actors.domain.content import TextBlock, ToolCallBlock
from mentra_actors.domain.model_call import ModelReply, StopReason
from mentra_actors.domain.supervision.decide import SUPERVISION_STREAM
from mentra_actors.domain.team.commands import ExpireRequest, RecordBoardTold
from mentra_actors.domain.team.state import ReleaseTasks, RenameOnBoard
from mentra_actors.domain.timer import WaitUntil
from mentra_actors.domain.tool_call import OutgoingMail, ToolOutcome
from mentra_actors.effects.team.stop_reports import kept_letter, stop_mark
from mentra_actors.ids import background_stream, board_stream, name_of, team_stream

BOARD = board_stream("main")
TEAM = team_stream("main")
TOOLS = {
    "send": "safe",
    "post": "never",
    "ask": "never",
    "look": "probe",
    "create": "idempotent",
    "claim": "idempotent",
    "complete": "idempotent",
    "job": "idempotent",
}
"""Tools by name, and what may be done with an open call after a crash."""


class TeamWorld:
    """Performs the effects of whichever process is alive, one when it is told to."""

    def __init__(self, names, state_of, board):
        self.names = names
        self.state_of = state_of
        self.board = board
        self.touched = Counter()
        """How often each call of a tool that must not be repeated has touched the world."""
        self.performed = {}
        self.told = set()
        """Ids of what agents that have stopped have told others."""
        self.seen = set()
        """Calls that a probe finds done."""

    def finish(self, system, key, choice):
        """End one effect of a process: by an outcome, or by a command whose answer is one."""
        order = system.effects.running[key]
        asked = self._asked_elsewhere(order, choice)
        if asked is not None:
            self._use_another_stream(system, key, *asked)
            return
        if id(order) not in self.performed:  # an outcome that is refused is said again
            self.performed[id(order)] = (order, self._outcome(order, choice))
        _, outcome = self.performed[id(order)]
        if outcome is not None:
            self._send(system, key, order.stream_id, outcome)

    def can_end(self, order):
        """Whether the effect ends by itself, if nothing more happens."""
        effect = order.effect
        if isinstance(effect, ClaimReadyTask):
            return can_claim(effect.profile.name, self.board())
        return not isinstance(effect, StopJob)

    def _send(self, system, key, stream_id, outcome):
        running = system.effects.running

        def on_answer(answer):
            if not isinstance(answer, Failed):
                running.pop(key, None)

        envelope = Envelope(outcome, on_answer, is_outcome=True)
        system.directory.send(stream_id, envelope)

    def _use_another_stream(self, system, key, other, command, then):
        """Ask it, and record what comes of that; `then` makes a command of the answer, or None."""
        order = system.effects.running[key]

        def on_answer(answer):
            outcome = None if isinstance(answer, Failed) else then(answer)
            if outcome is not None and key in system.effects.running:
                self._send(system, key, order.stream_id, outcome)

        system.directory.send(other, Envelope(command, on_answer))

    def _asked_elsewhere(self, order, choice):
        """The stream and the command that an effect is performed with, if it is with one."""
        match order.effect:
            case RunTool(tool="create" | "claim" | "complete" | "job"):
                return *self._command(order, choice), lambda said: _result_of(order.effect, said)
            case ClaimReadyTask(effect_id=effect_id, profile=profile) if choice != 7:
                claim = ClaimTask(
                    command_id=f"{order.stream_id}/{effect_id}",
                    claimant=profile.name,
                    notify=profile.agent_id,
                    agent_id=profile.agent_id,
                    now=1.0,
                )
                return BOARD, claim, lambda _said: None
            case ReleaseTasks(command_id=told, owner=owner, agent_id=gone_id):
                gone = OwnerGone(
                    command_id=f"{told}/board", owner=owner, agent_id=gone_id, now=1.0
                )
                return BOARD, gone, lambda _said: RecordBoardTold(command_id=told, now=1.0)
            case RenameOnBoard(command_id=told, old=old, new=new, agent_id=agent_id):
                renamed = RenameOwner(
                    command_id=f"{told}/board", old=old, new=new, agent_id=agent_id, now=1.0
                )
                return BOARD, renamed, lambda _said: RecordBoardTold(command_id=told, now=1.0)
            case ReportStop() as report:
                return self._report(report, order.stream_id)
            case CompensateBoard(run_id=run_id):
                back = CompensateRun(
                    command_id=f"{order.stream_id}/{order.effect_id}", run=run_id, now=1.0
                )
                return BOARD, back, lambda _: c.RecordBoardCompensation(run_id=run_id, now=1.0)
            case _:
                return None

    def _report(self, report, stream_id):
        """One stream after the other; the outcome follows when all have been told."""
        mark = [(TEAM, stop_mark(report, stream_id, 1.0))] if report.is_news else []
        letters = [kept_letter(report, one, stream_id, 1.0) for one in report.late]
        asked = [*mark, *((SUPERVISION_STREAM, letter) for letter in letters)]
        left = [one for one in asked if one[1].command_id not in self.told] or asked[-1:]

        def then(_said):
            self.told.add(left[0][1].command_id)
            if len(left) > 1:
                return None
            return c.RecordStopReported(effect_id=report.effect_id, now=1.0)

        return *left[0], then

    def _command(self, order, choice):
        effect, name = order.effect, self.state_of(order.stream_id).profile.name
        once = effect.idempotency_key
        match effect.tool:
            case "create":
                return BOARD, CreateTask(
                    command_id=once, subject=once, created_by=name, run=effect.run_id, now=1.0
                )
            case "claim":
                return BOARD, ClaimTask(
                    command_id=once,
                    claimant=name,
                    agent_id=name_of(order.stream_id),
                    run=effect.run_id,
                    now=1.0,
                )
            case "complete":
                return BOARD, SetTaskStatus(
                    command_id=once,
                    task_id=choice + 1,
                    status="completed",
                    changed_by=name,
                    may_change_any=False,
                    now=1.0,
                )
            case _:
                return background_stream(name_of(order.stream_id)), RequestJob(
                    command_id=once,
                    agent_id=name_of(order.stream_id),
                    job_id=once.replace("/", "-"),
                    command="make",
                    cwd="/project",
                    digest="d",
                    now=1.0,
                    limit=2,
                )

    def _outcome(self, order, choice):  # noqa: C901, PLR0912 - a branch per effect
        match order.effect:
            case CallModel(effect_id=effect_id):
                return self._answer(order.stream_id, effect_id, choice)
            case RunTool():
                return self._result(order, choice)
            case ReviewCall(key=key):
                verdict = ("ask", "allow", "ask", "refuse")[choice % 4]
                return c.RecordCallReview(key=key, verdict=verdict, text="may it?", now=1.0)
            case ProbeTool(key=key, attempt=attempt, idempotency_key=once):
                verdict = "done" if once in self.seen else "not_done"
                return c.RecordProbeVerdict(
                    key=key,
                    attempt=attempt,
                    verdict=verdict,
                    outcome=ToolOutcome(content="found"),
                    now=1.0,
                )
            case DecideRound(effect_id=effect_id):
                return c.RecordRoundDecision(effect_id=effect_id, now=1.0)
            case SummarizeConversation(effect_id=effect_id):
                return c.RecordCompaction(effect_id=effect_id, problem="too short", now=1.0)
            case CompensateCall(key=key, attempt=attempt):
                return c.RecordCompensation(key=key, attempt=attempt, content="undone", now=1.0)
            case StartJob(job=job):
                return RecordJobStart(job_id=job.job_id, directory="/jobs", pid=7, now=1.0)
            case WatchJob(job=job):
                output = JobOutput(preview="ok")
                return RecordJobEnd(
                    job_id=job.job_id, exit_code=choice % 2, output=output, now=2.0
                )
            case ClaimReadyTask(effect_id=effect_id):
                return c.RecordIdleTimeout(effect_id=effect_id, now=1.0)
            case WaitUntil(at=at, then=then) if then.startswith("expire-request:"):
                return ExpireRequest(request_id=then.partition(":")[2], now=at)
            case StopJob() | WaitUntil():
                return None
            case effect:
                raise AssertionError(f"nobody performs {effect}")

    def _answer(self, stream_id, effect_id, choice):
        run = self.state_of(stream_id).run
        if choice == 0:
            return c.RecordModelFailure(
                effect_id=effect_id, kind="http", message="busy", transient=True, now=1.0
            )
        is_last = run is None or run.rounds >= 4 or choice == 1
        first = choice * 3 + (run.rounds if run else 0)
        named = [*TOOLS] * 2
        tools = [] if is_last else named[first % len(TOOLS) :][: 1 + choice % 3]
        blocks = tuple(
            ToolCallBlock(call_id=f"{n}", name=t, arguments="{}") for n, t in enumerate(tools)
        )
        plans = tuple(
            e.CallPlan(
                key=call_key(effect_id, n),
                retry=TOOLS[tool],
                parallel=n != 1,
                needs_review=tool == "ask",
            )
            for n, tool in enumerate(tools)
        )
        words = blocks or (TextBlock(text="Done."),)
        reply = ModelReply(blocks=words, stop_reason=StopReason.END_TURN)
        return c.RecordModelReply(effect_id=effect_id, reply=reply, plans=plans, salt="", now=1.0)

    def _result(self, order, choice):
        effect, name = order.effect, name_of(order.stream_id)
        once = effect.idempotency_key
        if TOOLS[effect.tool] == "never":
            self.touched[once] += 1
            assert self.touched[once] == 1, f"{once} has touched the world again"
        self.seen.add(once)
        mail = ()
        if effect.tool == "send":
            others = [one for one in self.names if one != name]
            chosen = [others[choice % len(others)], others[0]][: 1 + choice % 2]
            mail = tuple(
                OutgoingMail(mail_id=f"{once}/{to}", to=to, body=json.dumps([name, once]))
                for to in dict.fromkeys(chosen)
            )
        outcome = ToolOutcome(content="done", mail=mail, rest=choice == 5)
        return c.RecordToolOutcome(key=effect.key, outcome=outcome, now=1.0)


def _result_of(effect, answer):
    match answer:
        case Accepted():
            said = ToolOutcome(content="done")
        case Rejected(reason=reason):
            said = ToolOutcome(content=reason, is_error=True)
    return c.RecordToolOutcome(key=effect.key, outcome=said, now=1.0)

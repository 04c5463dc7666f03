"""An agent whose process dies at any moment, with effects and late answers of every kind.

The machine is the world around one agent: a log whose last appends may not be durable yet,
effects that run, answers that come late or twice. It crashes and recovers wherever hypothesis
likes, and a witness counts how often each call really touched the world.
"""

from collections import Counter

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)

from mentra_actors.codec.event_codec import CODEC
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
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
from mentra_actors.domain.content import TextBlock, UserMessage
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.model_call import ModelReply, StopReason
from mentra_actors.domain.timer import WaitUntil
from mentra_actors.domain.tool_call import ToolOutcome
from mentra_actors.domain.transcript import Transcript, apply, prompt_messages
from mentra_actors.errors import CommandRejected
from mentra_actors.testing.agent_strategies import (
    SPAWNED,
    addressed,
    agent_profiles,
    aimed,
    effect_outcomes,
    model_outcomes,
    outside_commands,
    spawned,
    tool_outcomes,
)
from mentra_actors.testing.legality import prompt_faults
from mentra_actors.testing.log_audit import AgentAudit
from mentra_actors.testing.pairing import pairing_faults

DONE = c.RecordModelReply(
    effect_id="?",
    reply=ModelReply(blocks=(TextBlock(text="done"),), stop_reason=StopReason.END_TURN),
    plans=(),
    now=0.0,
)
GO_ON = UserMessage(text="Go on.")
MOST_STEPS_TO_IDLE = 100

picks = st.integers(0, 7)
mostly = st.sampled_from([True, True, True, False])


def events_in(rows):
    """The events of one append, as they are read back."""
    return [event for row in rows for event in CODEC.decode(*row)]


class AgentInACrashingProcess(RuleBasedStateMachine):
    """`durable` and `unsynced` are the log, by append; all else dies with the process.

    `agent` is the decider under test: a subclass may plant a fault. `habits` make rare turns
    frequent, for faults that show in them only: `asks` has each review ask a person, `delegates`
    has each call of a tool spawn a subagent, with `delegates_again` it ends and is asked for
    again, `rolls_back` has there be mail, and each broken run taken back.
    """

    agent = AGENT
    habits = frozenset()

    @initialize(profile=agent_profiles(), prompts=st.integers(1, 3))
    def spawn(self, profile, prompts):
        if "rolls_back" in self.habits:
            run = msgspec.structs.replace(profile.run, on_failure="rollback")
            profile = msgspec.structs.replace(profile, run=run)
        self.durable = [[CODEC.encode(spawned(profile))]]
        self.ran = Counter()  # the witness: how often each idempotency key touched the world
        self.retry = {}
        self.finished = set()
        self.may_have_run = set()
        self.now = 0.0
        self.answers, self.left = [], []
        self.begin_process()
        for number in range(prompts):
            self.decide(c.AcceptPrompt(prompt_id=f"first-{number}", text="go", now=0.0))
        if "rolls_back" in self.habits:
            self.decide(self.letter())
        self.sync()

    def begin_process(self):
        """Load the durable log and settle what an earlier process had started."""
        self.unsynced, self.released, self.running, self.undelivered = [], set(), {}, {}
        # a probe answers for its own process only: what it saw may have changed since
        self.answers = [a for a in self.answers if not isinstance(a, c.RecordProbeVerdict)]
        self.audit, self.transcript, self.state = AgentAudit(), Transcript(), self.agent.initial
        for rows in self.durable:
            self.fold(rows)
        self.recover(frozenset(), self.heard())

    def heard(self):
        """What is left of the answer that was being given when the process died."""
        call = self.state.model_call
        return {call.effect_id: c.PartialAnswer(text="half an ans")} if call else {}

    def recover(self, running, partials):
        command = self.agent.recover(self.state, running, self.now, partials)
        if command is not None:
            self.decide(command)

    # --- the actor and its store ---

    def decide(self, command):
        """The actor's answer to a command: written, but not yet durable."""
        self.now += 1.0
        try:
            events = self.agent.decide(command, self.state)
        except CommandRejected:
            return
        if isinstance(command, c.RecordToolOutcome):
            self.check_mail(command, events)
        if events:
            rows = [CODEC.encode(event) for event in events]
            live = self.agent.fold(events, self.state)
            self.fold(rows)
            assert self.state == live, "the stored bytes fold to another state"
            self.unsynced.append((rows, dict(self.agent.pending(live))))

    def check_mail(self, command, events):
        """What a call sends leaves with its result, and with nothing else."""
        is_recorded = any(isinstance(one, e.ToolCallFinished) for one in events)
        sent = [one.mail.mail_id for one in events if isinstance(one, e.MailSent)]
        wanted = [one.mail_id for one in command.outcome.mail] if is_recorded else []
        assert sent == wanted

    def fold(self, rows):
        for event in events_in(rows):
            self.state = self.agent.evolve(self.state, event)
            self.transcript = apply(self.transcript, event)
            self.audit.read(event)
            self.check_prompt(event)
        is_left = any(rows is one for one in self.left)  # for the next owner to go on with
        assert is_left or self.audit.at_rest() == []
        assert set(self.agent.pending(self.state)) == self.audit.pending

    def check_prompt(self, event):
        """What would be sent now, and what is sent, is what each provider takes."""
        messages = prompt_messages(self.transcript)
        assert prompt_faults(messages) == []
        sent = [*messages] if isinstance(event, e.ModelCallRequested) else [*messages, GO_ON]
        assert pairing_faults(sent) == []

    def sync(self, count=None):
        """Make the oldest appends durable; start what they wait for, cancel what they do not."""
        synced = self.unsynced[:count]
        del self.unsynced[:count]
        for rows, pending in synced:
            self.durable.append(rows)
            for event in events_in(rows):
                if isinstance(event, e.ToolCallStarted):
                    self.retry[event.idempotency_key] = event.retry
                if isinstance(event, e.ToolCallFinished | e.ToolCallOutcomeUnknown):
                    self.finished.add(event.key)
                    unknown = isinstance(event, e.ToolCallOutcomeUnknown)
                    self.may_have_run |= {event.key} if unknown else set()
            self.running = {i: effect for i, effect in self.running.items() if i in pending}
            new = {i: effect for i, effect in pending.items() if i not in self.released}
            self.running |= new
            self.released |= set(new)

    # --- what happens ---

    @rule(command=outside_commands(), now=mostly)
    def somebody_speaks(self, command, now):
        self.decide(aimed(command, self.state))
        self.sync(None if now else 0)

    @precondition(lambda self: self.unsynced)
    @rule(count=picks)
    def the_disk_catches_up(self, count):
        self.sync(count + 1)

    @precondition(lambda self: self.running)
    @rule(
        pick=picks,
        model=model_outcomes(),
        tool=tool_outcomes(),
        other=effect_outcomes(),
        arrives=mostly,
        now=mostly,
    )
    def an_effect_ends(self, pick, model, tool, other, arrives, now):
        effect_id = list(self.running)[pick % len(self.running)]
        self.perform(effect_id, model, tool, other)
        if arrives:
            self.deliver(effect_id)
            self.sync(None if now else 0)

    @precondition(lambda self: self.running)
    @rule(
        ends=st.lists(st.tuples(picks, model_outcomes(), tool_outcomes()), min_size=2, max_size=8)
    )
    def all_goes_well_for_a_while(self, ends):
        for pick, model, tool in ends:
            if self.running:
                effect_id = list(self.running)[pick % len(self.running)]
                self.perform(effect_id, model, tool)
                self.deliver(effect_id)
                self.sync()

    @precondition(lambda self: self.reviews())
    @rule(now=mostly)
    def a_call_needs_a_person(self, now):
        effect_id = self.reviews()[0]
        key = self.running.pop(effect_id).key
        review = c.RecordCallReview(key=key, verdict="ask", text="is it fine?", now=self.now)
        self.answers.append(review)
        self.undelivered[effect_id] = review
        self.deliver(effect_id)
        self.sync(None if now else 0)

    def reviews(self):
        return [i for i, one in self.running.items() if isinstance(one, ReviewCall)]

    @precondition(lambda self: self.runs())
    @rule(pick=picks, ends=st.booleans(), now=mostly)
    def a_call_delegates(self, pick, ends, now):
        """Each attempt of a call asks for the same subagent; later ones find it."""
        runs = self.runs()
        self.delegate(runs[pick % len(runs)].key, ends, now)

    def delegate(self, key, ends, now):
        child = msgspec.structs.replace(SPAWNED.profile, agent_id=f"lead.{key}")
        self.decide(c.SpawnSubagent(key=key, profile=child, now=self.now))
        self.sync(None if now else 0)
        if ends:
            end = c.RecordSubagentEnd(agent_id=child.agent_id, how="finished", now=self.now)
            self.decide(end)
            self.sync(None if now else 0)

    def runs(self):
        return [one for one in self.running.values() if isinstance(one, RunTool)]

    @precondition(lambda self: self.state.requests)
    @rule(pick=picks, allow=mostly, now=mostly)
    def a_person_decides(self, pick, allow, now):
        waiting = self.state.requests
        request_id = waiting[pick % len(waiting)].request_id
        self.decide(c.ResolvePermission(request_id=request_id, allow=allow, now=self.now))
        self.sync(None if now else 0)

    @precondition(lambda self: self.state.requests)
    @rule(pick=picks, allow=mostly)
    def a_person_decides_while_nobody_is_there(self, pick, allow):
        """A process that performs nothing records it; the next one goes on with what follows."""
        self.sync()
        waiting = self.state.requests
        request_id = waiting[pick % len(waiting)].request_id
        allowed = c.ResolvePermission(request_id=request_id, allow=allow, now=self.now)
        left = c.LeaveResolution(resolution=allowed, now=self.now)
        rows = [CODEC.encode(event) for event in self.agent.decide(left, self.state)]
        self.left.append(rows)
        self.durable.append(rows)
        self.begin_process()
        self.sync()

    def perform(self, effect_id, model, tool, other=None):
        match self.running.pop(effect_id):
            case ReviewCall(key=key):
                review = other if isinstance(other, c.RecordCallReview) else None
                verdict = "ask" if "asks" in self.habits else "allow"
                answer = addressed(
                    review or c.RecordCallReview(key=key, verdict=verdict, now=self.now), key
                )
            case DecideRound():
                decided = other if isinstance(other, c.RecordRoundDecision) else None
                answer = addressed(
                    decided or c.RecordRoundDecision(effect_id=effect_id, now=self.now), effect_id
                )
            case CompensateCall(key=key, attempt=attempt):
                assert key in self.may_have_run, "a call is undone that cannot have happened"
                answer = c.RecordCompensation(
                    key=key, attempt=attempt, content="undone", now=self.now
                )
            case CompensateBoard() | ClaimReadyTask() | ReportStop() as effect:
                answer = self.after_a_run(effect, other)
            case WaitUntil(at=at, then=then):
                _, limit, run_id = then.split(":")
                self.now = max(self.now, at)
                answer = c.ExpireRun(run_id=run_id, limit=limit, now=self.now)
            case CallModel() as effect:
                is_full = isinstance(other, c.RecordContextFull) and not effect.is_compacted
                answer = addressed(other if is_full else model, effect.effect_id)
            case SummarizeConversation() as effect:
                summary = other if isinstance(other, c.RecordCompaction) else None
                answer = addressed(
                    summary or c.RecordCompaction(effect_id=effect_id, now=self.now),
                    effect.effect_id,
                )
                answer = msgspec.structs.replace(answer, attempt=effect.attempt)
            case RunTool(key=key, idempotency_key=once_key):
                self.touch_the_world(key, once_key)
                answer = addressed(c.RecordToolOutcome(key=key, outcome=tool, now=self.now), key)
            case ProbeTool(key=key, idempotency_key=once_key, attempt=attempt):
                verdict = "done" if self.ran[once_key] else "not_done"
                outcome = ToolOutcome(content="done")
                answer = c.RecordProbeVerdict(
                    key=key, attempt=attempt, verdict=verdict, outcome=outcome, now=self.now
                )
        self.answers.append(answer)
        self.undelivered[effect_id] = answer

    def touch_the_world(self, key, once_key):
        """A call runs, and may ask for a subagent meanwhile."""
        assert key not in self.finished, "a closed call ran again"
        self.may_have_run.add(key)
        self.ran[once_key] += 1
        # a probe that tells the truth must be enough to run a call once
        allowed = 1 if self.retry[once_key] in ("never", "probe") else 5
        assert self.ran[once_key] <= allowed, f"{once_key} ran again"
        if "delegates" in self.habits:
            self.delegate(key, ends=False, now=True)
        if "delegates_again" in self.habits:
            self.delegate(key, ends=True, now=True)
            self.delegate(key, ends=False, now=True)

    def after_a_run(self, effect, other):
        """What comes of an effect between two runs: a task for it, or that there is none."""
        if isinstance(effect, ReportStop):
            return c.RecordStopReported(effect_id=effect.effect_id, now=self.now)
        if isinstance(effect, CompensateBoard):
            return c.RecordBoardCompensation(run_id=effect.run_id, reverted=1, now=self.now)
        if other is None or isinstance(other, c.RecordCompaction):
            return c.RecordIdleTimeout(effect_id=effect.effect_id, now=self.now)
        return self.letter()

    def letter(self):
        taken = self.state.mail_taken_through
        letter = Mail(
            mail_id=f"in-{taken + 1}",
            sender="board",
            to="lead",
            body="task",
            sent_at=self.now,
            kind="task",
        )
        return c.TakeMail(
            mail=(letter,), after_version=taken, through_version=taken + 1, now=self.now
        )

    def deliver(self, effect_id):
        self.decide(self.undelivered.pop(effect_id))

    @precondition(lambda self: self.undelivered)
    @rule(pick=picks, now=mostly)
    def an_answer_arrives_after_all(self, pick, now):
        self.deliver(list(self.undelivered)[pick % len(self.undelivered)])
        self.sync(None if now else 0)

    @precondition(lambda self: self.answers)
    @rule(pick=picks, now=mostly)
    def an_answer_comes_again(self, pick, now):
        self.decide(self.answers[-1 - pick % len(self.answers)])
        self.sync(None if now else 0)

    @rule(kept=picks, then_now=mostly)
    def the_process_dies(self, kept, then_now):
        self.sync(kept)
        self.begin_process()
        self.sync(None if then_now else 0)

    @rule()
    def only_the_actor_restarts(self):
        self.sync()
        self.recover(frozenset(self.running) | frozenset(self.undelivered), {})
        self.sync()

    def teardown(self):
        """However it was left, a world that answers lets the agent come to rest."""
        if not hasattr(self, "durable"):
            return
        assert self.audit.faults == []
        for _ in range(MOST_STEPS_TO_IDLE):
            self.sync()
            if self.undelivered:
                self.deliver(next(iter(self.undelivered)))
            elif self.running:
                waits = (WaitUntil, ClaimReadyTask)
                at_work = [i for i, one in self.running.items() if not isinstance(one, waits)]
                done = ToolOutcome(content="done")
                self.perform((at_work or list(self.running))[0], DONE, done)
            elif self.state.requests:
                self.a_person_decides(0, allow=False, now=True)
            else:
                break

        assert self.state.run is None, "the agent waits for something that nobody performs"
        assert self.audit.at_rest() == []

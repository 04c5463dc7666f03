"""The real actors and directory under every interleaving that hypothesis can think of.

One thread plays the dispatcher, the writer, the timers, the world and the death of the process.
"""

from collections import Counter

import pykka
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mentra_actors.actors.messages import Accepted, Envelope, Failed, Look, Rejected
from mentra_actors.actors.restart_policy import RestartPolicy, Teammates
from mentra_actors.actors.stream_actor import StreamActor
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.effects import CallModel, ProbeTool, RunTool
from mentra_actors.domain.agent.state import call_key
from mentra_actors.domain.content import TextBlock, ToolCallBlock
from mentra_actors.domain.inbox import Mail, MailDelivered
from mentra_actors.domain.model_call import ModelReply, StopReason
from mentra_actors.domain.supervision.decide import SUPERVISION_STREAM
from mentra_actors.domain.supervision.events import LetterKept
from mentra_actors.domain.tool_call import OutgoingMail, ToolOutcome
from mentra_actors.errors import StoreFull, VersionConflict
from mentra_actors.ids import agent_stream, category_of, inbox_stream, name_of
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest
from mentra_actors.testing.failing_store import FailingStore
from mentra_actors.testing.hand_driven import HandDriven
from mentra_actors.testing.log_audit import AgentAudit

AGENTS = ("a", "b")
TOOLS = {"safe": "safe", "idempotent": "idempotent", "probe": "probe", "never": "never"}
agents = st.sampled_from(AGENTS)


class Processes(RuleBasedStateMachine):
    """One store, and one process after another on it."""

    def __init__(self):
        super().__init__()
        self.messages_per_turn = StreamActor.messages_per_turn
        StreamActor.messages_per_turn = 2
        self.memory = MemoryEventStore()
        self.journal = Journal(self.memory)
        self.store = FailingStore(self.memory)
        for name in AGENTS:
            profile = e.AgentProfile(agent_id=name, name=name, team_id="main", role="r", model="m")
            self._write(agent_stream(name), [e.AgentSpawned(profile=profile, spawned_at=0.0)], 0)
        self.prompts = []
        self.sent_again = set()
        self.ids = 0
        self.starts = Counter()
        self.strategy = "one_for_one"
        self._boot()

    @initialize(strategy=st.sampled_from(["one_for_one", "all_for_one", "rest_for_one"]))
    def supervise(self, strategy):
        self.strategy = strategy

    def _team_of(self, _stream_id):
        return Teammates(self.strategy, "team-main", tuple(map(agent_stream, AGENTS)))

    def _boot(self):
        self.system = HandDriven(
            self.store,
            policy=RestartPolicy(max_restarts=1_000_000),
            team_of=self._team_of,
        )
        self.system.effects.on_started = self._check_start
        self.answers = []
        owners = {
            agent_stream(name_of(one)) if category_of(one) == "inbox" else one
            for one in self.store.open_streams()
        }
        for owner in sorted(owners):
            self.system.directory.wake(owner)

    def _write(self, stream_id, events, expected):
        part = self.journal.stream_append(stream_id, events, expected)
        is_inbox = category_of(stream_id) == "inbox"
        self.memory.append(
            AppendRequest(streams=(part,), open_streams=(stream_id,) if is_inbox else ())
        )

    def _new_id(self):
        self.ids += 1
        return f"{self.ids:06}"

    def _state(self, stream_id):
        return AGENT.fold(one.event for one in self.journal.read_stream(stream_id))

    def _send(self, name, command, on_answer=lambda _answer: None):
        stream_id = agent_stream(name)
        answers = self.system.send(stream_id, command)
        self.answers.append((command, answers))
        return answers

    def _check_start(self, order):
        assert order.effect_id in AGENT.pending(self._state(order.stream_id))
        if isinstance(order.effect, RunTool):
            self.starts[order.stream_id, order.effect.key, order.effect.attempt] += 1

    # --- senders --------------------------------------------------------------------------

    @rule(name=agents)
    def prompt(self, name):
        prompt_id = self._new_id()
        self.prompts.append((name, prompt_id))
        self._send(name, c.AcceptPrompt(prompt_id=prompt_id, text="Go on.", now=0.0))

    @rule(data=st.data())
    def prompt_again(self, data):
        if self.prompts:
            name, prompt_id = data.draw(st.sampled_from(self.prompts))
            self.sent_again.add(prompt_id)
            self._send(name, c.AcceptPrompt(prompt_id=prompt_id, text="Go on.", now=0.0))

    @rule(name=agents)
    def cancel(self, name):
        self._send(name, c.CancelRun(now=0.0))

    @rule(name=agents)
    def look(self, name):
        self._send(name, Look())

    @rule(name=agents)
    def empty_prompt(self, name):
        self._send(name, c.AcceptPrompt(prompt_id=self._new_id(), text=" ", now=0.0))

    @rule(name=agents)
    def poison(self, name):
        self._send(name, c.AcceptPrompt(prompt_id=self._new_id(), text=None, now=0.0))

    @rule(name=agents)
    def mail(self, name):
        letter = Mail(mail_id=self._new_id(), sender="host", to=name, body="Hello.", sent_at=0.0)
        self._write(inbox_stream(name), [MailDelivered(mail=letter)], None)
        self.system.directory.stream_was_written(inbox_stream(name))

    # --- the machine ----------------------------------------------------------------------

    @rule(count=st.integers(1, 4))
    def turns(self, count):
        for _ in range(count):
            self.system.dispatcher.turn()

    @rule()
    def hold(self):
        self.store.hold()

    @rule(count=st.integers(1, 4))
    def commit(self, count):
        self.store.release(count)

    @rule(count=st.integers(1, 3))
    def full(self, count):
        self.store.fail_next(count, StoreFull("no space left"))

    @rule(count=st.integers(1, 2))
    def conflict(self, count):
        self.store.fail_next(count, VersionConflict("agent", expected=1, actual=2))

    @rule()
    def timer(self):
        self.system.fire_timer()

    @rule()
    def passivate(self):
        self.system.directory.passivate_idle(-1.0)

    @rule()
    def die_and_start_again(self):
        for ref in pykka.ActorRegistry.get_all():
            pykka.ActorRegistry.unregister(ref)
        self.store.drop_held()
        self.store.recover()
        self._boot()

    # --- the world ------------------------------------------------------------------------

    @rule(data=st.data())
    def finish_an_effect(self, data):
        running = list(self.system.effects.running)
        if running:
            self._finish(data.draw(st.sampled_from(running)), data.draw(st.integers(0, 5)))

    def _finish(self, key, choice):
        running = self.system.effects.running
        order = running[key]
        answers = []
        self.answers.append((order, answers))

        def on_answer(answer):
            answers.append(answer)
            if not isinstance(answer, Failed):
                running.pop(key, None)

        envelope = Envelope(self._outcome(order, choice), on_answer, is_outcome=True)
        self.system.directory.send(order.stream_id, envelope)

    def _outcome(self, order, choice):
        match order.effect:
            case CallModel(effect_id=effect_id):
                return self._model_outcome(order.stream_id, effect_id, choice)
            case RunTool(key=key):
                other = "b" if order.stream_id == "agent-a" else "a"
                letter = OutgoingMail(mail_id=f"{key}/{choice}", to=other, body="Done.")
                outcome = ToolOutcome(content="done", mail=(letter,) if choice == 0 else ())
                return c.RecordToolOutcome(key=key, outcome=outcome, now=0.0)
            case ProbeTool(key=key, attempt=attempt):
                verdict = ("done", "not_done", "unknown")[choice % 3]
                outcome = ToolOutcome(content="found")
                return c.RecordProbeVerdict(
                    key=key, attempt=attempt, verdict=verdict, outcome=outcome, now=0.0
                )

    def _model_outcome(self, stream_id, effect_id, choice):
        run = self._state(stream_id).run
        if choice == 0:
            return c.RecordModelFailure(
                effect_id=effect_id, kind="http", message="busy", transient=True, now=0.0
            )
        is_last = run is None or run.rounds >= 3
        names = [] if choice == 1 or is_last else [*TOOLS][: choice - 1]
        blocks = tuple(ToolCallBlock(call_id=n, name=n, arguments="{}") for n in names)
        plans = tuple(
            e.CallPlan(key=call_key(effect_id, i), retry=TOOLS[n], parallel=True)
            for i, n in enumerate(names)
        )
        reply = ModelReply(
            blocks=blocks or (TextBlock(text="Done."),), stop_reason=StopReason.END_TURN
        )
        return c.RecordModelReply(effect_id=effect_id, reply=reply, plans=plans, now=0.0)

    # --- what must hold -------------------------------------------------------------------

    @invariant()
    def nobody_is_answered_twice(self):
        assert all(len(answers) <= 1 for _, answers in self.answers)

    @invariant()
    def a_call_is_started_once(self):
        again = [key for key, count in self.starts.items() if count > 1]
        assert not again, again

    @invariant()
    def an_answer_is_durable(self):
        for command, answers in self.answers:
            if isinstance(command, c.AcceptPrompt) and answers:
                match answers[0]:
                    case Accepted():
                        assert self._is_recorded(command.prompt_id)
                    case Failed(error=error):
                        is_poison = command.text is None
                        assert is_poison or isinstance(error, StoreFull | VersionConflict), error
                    case Rejected(reason=reason):
                        assert "empty" in reason

    def _is_recorded(self, prompt_id):
        return any(
            isinstance(one.event, e.PromptAccepted) and one.event.prompt_id == prompt_id
            for name in AGENTS
            for one in self.journal.read_stream(agent_stream(name))
        )

    def teardown(self):
        """Let everything come to rest, then look at what is left."""
        try:
            self._drain()
            self._check_the_end()
        finally:
            self.system.close()
            self.store.let_go()
            StreamActor.messages_per_turn = self.messages_per_turn

    def _drain(self):
        self.store.recover()
        self.store.let_go()
        self.system.settle(timers=True)
        for _ in range(500):
            running = list(self.system.effects.running)
            if not running:
                return
            for key in running:
                if key in self.system.effects.running:
                    self._finish(key, 1)
            self.system.settle(timers=True)
        raise AssertionError(f"effects are never answered: {self.system.effects.running}")

    def _check_the_end(self):
        letters = [one.event for one in self.journal.read_stream(SUPERVISION_STREAM)]
        assert all(type(one) is LetterKept and one.deliveries == 3 for one in letters), letters
        unanswered = [command for command, answers in self.answers if len(answers) != 1]
        assert not unanswered, unanswered
        for name in AGENTS:
            stream_id = agent_stream(name)
            durable = self._state(stream_id)
            answer = self._send(name, Look())
            self.system.settle()

            assert [one.state for one in answer] == [durable]
            assert not AGENT.pending(durable), "work was lost"
            assert durable.mail_taken_through == self.memory.stream_version(inbox_stream(name))
            self._check_the_log(name)

    def _check_the_log(self, name):
        audit = AgentAudit()
        accepted = []
        for one in self.journal.read_stream(agent_stream(name)):
            audit.read(one.event)
            if isinstance(one.event, e.PromptAccepted):
                accepted.append(one.event.prompt_id)
        once = [prompt_id for prompt_id in accepted if prompt_id not in self.sent_again]
        assert audit.faults == []
        assert once == sorted(once), "a younger prompt overtook an older one"


TestProcesses = Processes.TestCase
TestProcesses.settings = settings(
    stateful_step_count=60, max_examples=max(200, settings.default.max_examples)
)


def test_a_nudge_that_comes_before_the_reload_is_not_lost():
    """After a full disk the one timer may fire early; waiting mail must not wait for ever."""
    processes = Processes()
    processes.hold()
    processes.full(count=1)
    processes.mail(name="b")
    processes.prompt(name="b")
    processes.turns(count=1)
    processes.commit(count=1)
    processes.turns(count=1)
    processes.timer()

    processes.teardown()

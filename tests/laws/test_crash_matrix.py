"""Every crash, tried: scripted teams with a crash around each append, and then a second one.

The machine beside this file draws crashes at random; here none is left out. A script is what
the world does: what people say, what the model answers, how tools may be retried. The process
dies before or after each append is durable, comes back, and dies once more later on.
"""

from dataclasses import dataclass, field

import pytest

from mentra_actors.codec.event_codec import CODEC
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.effects import (
    CallModel,
    CompensateCall,
    DecideRound,
    ProbeTool,
    ReviewCall,
    RunTool,
)
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.domain.agent.state import call_key
from mentra_actors.domain.content import TextBlock, ToolCallBlock
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.model_call import ModelReply, StopReason
from mentra_actors.domain.timer import WaitUntil
from mentra_actors.domain.tool_call import OutgoingMail, ToolOutcome
from mentra_actors.domain.transcript import Transcript, apply, prompt_messages
from mentra_actors.testing.agent_strategies import SPAWNED
from mentra_actors.testing.legality import prompt_faults
from mentra_actors.testing.log_audit import AgentAudit

MOST_STEPS = 200


@dataclass(frozen=True)
class Script:
    """`answers` are the calls of each model answer, as words: retry mode, `+` for parallel,
    `!` for refused, `?` to be reviewed (and allowed by a person), `~` for one that can be undone,
    `=` for the output. After the last one the model just says it is done, or fails for good if it
    is `broken`; then somebody resumes the run, or its calls are undone."""

    name: str
    answers: tuple[tuple[str, ...], ...] = ()
    prompts: int = 1
    mail: int = 0
    cancel_at: int = 0
    flaky: bool = False
    broken: bool = False
    resumed: bool = False
    steers: int = 0
    options: RunOptions | None = None


SCRIPTS = [
    Script("a word"),
    Script("two prompts", prompts=2),
    Script("a never call", answers=(("never",),)),
    Script("a probed call", answers=(("probe",),)),
    Script("parallel calls", answers=(("safe+", "idempotent+", "never+"),)),
    Script("mixed calls", answers=(("safe+", "probe+", "never", "safe+", "never!"),)),
    Script("two rounds", answers=(("safe",), ("never",)), mail=1),
    Script("mail between rounds", answers=(("idempotent",), ("idempotent",)), mail=3),
    Script("a flaky model", answers=(("safe",),), flaky=True),
    Script("reviewed calls", answers=(("never?", "safe+?", "safe+"),)),
    Script("steered", answers=(("safe",),), steers=2),
    Script("a strategy", answers=(("safe",),), options=RunOptions(strategy="careful")),
    Script("typed output", answers=(("safe", "never="),)),
    Script("broken and resumed", answers=(("never",),), broken=True, resumed=True),
    Script(
        "taken back and undone",
        answers=(("never~", "never", "never~"),),
        broken=True,
        steers=1,
        mail=1,
        options=RunOptions(on_failure="rollback"),
    ),
    Script("a deadline far off", answers=(("safe",),), options=RunOptions(deadline_s=1e6)),
    Script("cancelled", answers=(("never+", "never+", "safe"),), prompts=2, cancel_at=3),
]


def events_in(log):
    """The events of a log that is kept as appends of encoded events."""
    return [event for rows in log for row in rows for event in CODEC.decode(*row)]


@dataclass
class World:
    """One run of a script. `log` is durable; `ran` is what tools did to the world, by key."""

    script: Script
    crashes: tuple[tuple[int, bool], ...]
    log: list = field(default_factory=lambda: [[CODEC.encode(SPAWNED)]])
    ran: dict = field(default_factory=dict)
    undone: list = field(default_factory=list)
    appends: int = 0
    steps: int = 0
    audit: AgentAudit = field(default_factory=AgentAudit)

    def play(self):
        """Run the script to its end, through its crashes."""
        self.load()
        while (command := self.next_command()) is not None:
            self.steps += 1
            assert self.steps < MOST_STEPS, "the script does not end"
            self.append(command)
        return self

    def load(self):
        self.state = AGENT.fold(events_in(self.log))
        recover = AGENT.recover(self.state, frozenset(), 0.0, {})
        if recover is not None:
            self.append(recover)

    def append(self, command):
        events = AGENT.decide(command, self.state)
        if not events:
            return
        self.appends += 1
        is_kept = dict(self.crashes).get(self.appends)
        if is_kept is not False:
            self.log.append([CODEC.encode(event) for event in events])
            self.state = AGENT.fold(events, self.state)
        if is_kept is not None:
            self.load()

    def next_command(self):
        """What people say first, then the answer to the oldest effect; None when all is quiet."""
        events = events_in(self.log)
        said = sum(isinstance(event, e.PromptAccepted) for event in events)
        if said < self.script.prompts:
            return c.AcceptPrompt(
                prompt_id=f"p{said}",
                text=f"prompt {said}",
                now=0.0,
                options=self.script.options,
            )
        cancelled = any(isinstance(event, e.RunCancelled) for event in events)
        if self.script.cancel_at and not cancelled and self.steps >= self.script.cancel_at:
            return c.CancelRun(now=0.0)
        taken = self.state.mail_taken_through
        if taken < min(self.script.mail, self.steps // 2):
            mail = Mail(
                mail_id=f"in-{taken}", sender="host", to="lead", body=f"mail {taken}", sent_at=0.0
            )
            return c.TakeMail(
                mail=(mail,), after_version=taken, through_version=taken + 1, now=0.0
            )
        wish = self.wish(events)
        if wish is not None:
            return wish
        effects = AGENT.pending(self.state).values()
        effect = next((one for one in effects if not isinstance(one, WaitUntil)), None)
        return None if effect is None else self.outcome(effect, events)

    def wish(self, events):
        """What people do about a run besides."""
        steered = sum(isinstance(event, e.InputQueued) for event in events)
        if steered < min(self.script.steers, self.steps):
            return c.QueueInput(queue="steer", item_id=f"s{steered}", text="left", now=0.0)
        if self.state.requests:
            request_id = self.state.requests[0].request_id
            return c.ResolvePermission(request_id=request_id, allow=True, now=0.0)
        was_resumed = any(getattr(event, "resumes", "") for event in events)
        if self.script.resumed and self.state.resumable and not was_resumed:
            return c.ResumeRun(command_id="again", now=0.0)
        return None

    def outcome(self, effect, events):
        match effect:
            case CallModel(effect_id=effect_id, attempt=attempt):
                if self.script.flaky and attempt == 1:
                    return c.RecordModelFailure(
                        effect_id=effect_id, kind="busy", message="", transient=True, now=0.0
                    )
                return self.reply(effect_id, events)
            case ReviewCall(key=key):
                verdict = "ask" if key.endswith("0") else "allow"
                return c.RecordCallReview(key=key, verdict=verdict, now=0.0)
            case DecideRound(effect_id=effect_id):
                injected = any(getattr(event, "injected", "") for event in events)
                choice = "continue" if injected else "inject"
                return c.RecordRoundDecision(
                    effect_id=effect_id, choice=choice, text="And then?", now=0.0
                )
            case CompensateCall(key=key, attempt=attempt):
                self.undone.append(key)
                return c.RecordCompensation(key=key, attempt=attempt, content="", now=0.0)
            case RunTool(key=key):
                self.ran[key] = self.ran.get(key, 0) + 1
                letter = OutgoingMail(mail_id=f"out-{key}", to="worker", body="hello")
                outcome = ToolOutcome(content=f"result of {key[-2:]}", mail=(letter,))
                return c.RecordToolOutcome(key=key, outcome=outcome, now=0.0)
            case ProbeTool(key=key, attempt=attempt):
                verdict = "done" if key in self.ran else "not_done"
                outcome = ToolOutcome(content=f"result of {key[-2:]}")
                return c.RecordProbeVerdict(
                    key=key, attempt=attempt, verdict=verdict, outcome=outcome, now=0.0
                )

    def reply(self, effect_id, events):
        answered = sum(isinstance(event, e.ModelReplied) for event in events)
        was_resumed = any(getattr(event, "resumes", "") for event in events)
        if self.script.broken and answered == len(self.script.answers) and not was_resumed:
            return c.RecordModelFailure(
                effect_id=effect_id, kind="broken", message="", transient=False, now=0.0
            )
        words = self.script.answers[answered] if answered < len(self.script.answers) else ()
        plans = tuple(
            e.CallPlan(
                key=call_key(effect_id, index),
                retry=word.rstrip("+!?~="),
                parallel="+" in word,
                refusal="Invalid arguments" if "!" in word else "",
                needs_review="?" in word,
                can_compensate="~" in word,
                is_output="=" in word,
            )
            for index, word in enumerate(words)
        )
        calls = tuple(ToolCallBlock(call_id="same", name="tool") for _ in words)
        reply = ModelReply(blocks=calls or (TextBlock(text="done"),), stop_reason=StopReason.OTHER)
        return c.RecordModelReply(effect_id=effect_id, reply=reply, plans=plans, now=0.0)

    def check(self):
        """What holds at the end of every script, whatever crashes it went through."""
        audit, transcript, retry = AgentAudit(), Transcript(), {}
        for rows in self.log:
            for event in events_in([rows]):
                audit.read(event)
                transcript = apply(transcript, event)
                assert prompt_faults(prompt_messages(transcript)) == []
                if isinstance(event, e.ToolCallStarted):
                    retry[event.key] = event.retry
            assert audit.at_rest() == []
        assert self.state.run is None
        assert not self.state.waiting_prompts
        assert not self.state.compensations
        is_taken_back = self.state.resumable is not None and self.state.resumable.is_rolled_back
        assert is_taken_back or not self.state.waiting_mail
        assert self.state.mail_taken_through == self.script.mail
        for key, times in self.ran.items():
            assert times <= (1 if retry[key] in ("never", "probe") else 1 + len(self.crashes))
        if "taken back" in self.script.name:
            self.check_undone(audit)

    def check_undone(self, audit):
        """What ran, or may have, and can be undone was undone, the last first."""
        last = list(dict.fromkeys(reversed(self.undone)))[::-1]
        assert last == sorted(last, reverse=True)
        assert set(last) == set(audit.tools.undoable)
        assert all(self.undone.count(key) <= 1 + len(self.crashes) for key in last)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_survives_every_pair_of_crashes(script):
    """Kill the process at any append, twice: the script ends, and nothing runs that must not."""
    straight = World(script, ()).play()
    straight.check()
    for first in range(1, straight.appends + 1):
        for first_kept in (False, True):
            once = World(script, ((first, first_kept),)).play()
            once.check()
            for second in range(first + 1, once.appends + 1):
                for second_kept in (False, True):
                    twice = World(script, ((first, first_kept), (second, second_kept)))
                    twice.play().check()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_crash_does_not_change_what_the_model_saw_of_safe_work(script):
    """Where all calls may be repeated, a crash leaves no trace in the conversation."""
    modes = {word.rstrip("+!?~=") for words in script.answers for word in words}
    if "never" in modes or script.mail or script.cancel_at or script.steers:
        return  # an unknown outcome, or the time of mail and cancel, may show
    straight = World(script, ()).play()
    for crash in range(1, straight.appends + 1):
        for kept in (False, True):
            crashed = World(script, ((crash, kept),)).play()

            assert conversation(crashed) == conversation(straight)


def conversation(world):
    transcript = Transcript()
    for event in events_in(world.log):
        transcript = apply(transcript, event)
    return tuple(prompt_messages(transcript))

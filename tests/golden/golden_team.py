"""A small team of real deciders and actors, driven by hand, on a clock that only a script moves.

The same script gives the same bytes. `golden_script` tells what the team does.
"""

import msgspec

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
    SummarizeConversation,
)
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.domain.agent.state import call_key
from mentra_actors.domain.content import Provenance, ToolCallBlock
from mentra_actors.domain.inbox import Mail, MailDelivered
from mentra_actors.domain.model_call import ModelReply, StopReason, TokenUsage
from mentra_actors.domain.team import AddMember
from mentra_actors.domain.timer import WaitUntil
from mentra_actors.domain.tool_call import ToolOutcome
from mentra_actors.ids import AgentId, EffectId, StreamId, agent_stream, inbox_stream, team_stream
from mentra_actors.runtime.writing.writer_lease import acquire_writer_lease, release_writer_lease
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest
from mentra_actors.testing.hand_driven import HandDriven
from mentra_actors.testing.manual_clock import ManualClock

STEP_S = 0.25
TERM_S = 30.0
MAKER = Provenance("openai", "gpt-x", "responses")
USAGE = TokenUsage(input_tokens=120, output_tokens=48, cached_input_tokens=64, reasoning_tokens=16)


class GoldenTeam:
    """A store, and one process after another that writes it."""

    def __init__(self):
        self.store = MemoryEventStore()
        self.journal = Journal(self.store)
        self.clock = ManualClock()
        self.ids = 0
        self.begin("host-1")

    # --- the process ----------------------------------------------------------------------

    def begin(self, holder, partials=None):
        """Take the lease and resume what an earlier process left open."""
        fence = acquire_writer_lease(
            self.store, self.journal, self.clock, holder=holder, term_s=TERM_S
        )
        self.fence = fence
        self.system = HandDriven(self.store, fence=fence)
        self.system.effects.left.update(partials or {})
        self.system.clock.advance(self.clock.now() - self.system.clock.now())
        self.clock = self.system.clock
        owners = {name.replace("inbox-", "agent-", 1) for name in self.store.open_streams()}
        for stream_id in sorted(owners):
            self.system.directory.wake(StreamId(stream_id))
        self.system.settle()

    def die_and_begin_again(self, holder, **heard):
        """End without a word; what was in flight is lost, but for what was heard of answers."""
        partials = {
            agent_stream(name): {self.state(name).model_call.effect_id: c.PartialAnswer(**partial)}
            for name, partial in heard.items()
        }
        self.system.close()
        self.clock.advance(STEP_S)
        self.begin(holder, partials)

    def end(self):
        """Give the lease back."""
        self.clock.advance(STEP_S)
        release_writer_lease(self.store, self.journal, self.clock, self.fence)
        self.system.close()

    def new_id(self):
        self.ids += 1
        return f"id-{self.ids}"

    @property
    def now(self):
        return self.clock.now()

    def state(self, name):
        """What the log says of an agent."""
        return AGENT.fold(one.event for one in self.journal.read_stream(agent_stream(name)))

    # --- what people ask for --------------------------------------------------------------

    def send(self, stream_id, command):
        """A command, a quarter of a second after the last one."""
        answers = self.system.send(stream_id, command)
        self.system.settle()
        assert [type(answer).__name__ for answer in answers] == ["Accepted"], answers
        self.clock.advance(STEP_S)

    def tell(self, name, kind, **fields):
        """A command for an agent."""
        self.send(agent_stream(name), kind(now=self.now, **fields))

    def add(self, profile, first_mail=None):
        command = AddMember(
            command_id=self.new_id(), profile=profile, now=self.now, first_mail=first_mail
        )
        self.send(team_stream("main"), command)

    def prompt(self, name, text, *, attachments=(), **options):
        """A prompt; `options` are those of its run."""
        run = RunOptions(**options) if options else None
        self.tell(
            name,
            c.AcceptPrompt,
            prompt_id=self.new_id(),
            text=text,
            options=run,
            attachments=attachments,
        )

    def queue(self, name, queue, text, **fields):
        self.tell(name, c.QueueInput, queue=queue, item_id=self.new_id(), text=text, **fields)

    def resolve(self, name, *, allow, **fields):
        """The answer of a person to the first call that waits for one."""
        request_id = self.state(name).requests[0].request_id
        self.tell(name, c.ResolvePermission, request_id=request_id, allow=allow, **fields)

    def letter(self, sender, to, body):
        return Mail(mail_id=self.new_id(), sender=sender, to=to, body=body, sent_at=self.now)

    def mail(self, to, body):
        """A letter of the host, which needs no actor."""
        self.deliver(to, MailDelivered(mail=self.letter("host", to, body)))

    def deliver(self, to, *events):
        """What lies in an inbox from now on."""
        part = self.journal.stream_append(inbox_stream(to), list(events), None)
        self.append(part, open_streams=(inbox_stream(to),), causation="host")
        self.system.directory.stream_was_written(inbox_stream(to))
        self.system.settle()
        self.clock.advance(STEP_S)

    def append(self, part, **options):
        self.store.append(
            AppendRequest(
                streams=(part,),
                fence=self.fence,
                recorded_at_ns=int(self.now * 1e9),
                **options,
            )
        )

    # --- what the world answers -----------------------------------------------------------

    def outcome(self, name, kind, command_of, tool=None):
        """Answer an effect of an agent; of several calls (of one tool), that of the first."""
        found = sorted(
            key
            for key, order in self.system.effects.running.items()
            if key[0] == agent_stream(name)
            and isinstance(order.effect, kind)
            and (tool is None or order.effect.tool == tool)
        )
        assert found, f"{name} waits for no {kind.__name__}"
        self.send(agent_stream(name), command_of(self.system.effects.running.pop(found[0]).effect))

    def reply(self, name, *blocks, plans=(), stop=StopReason.END_TURN, verdict=None, **fields):
        """A whole answer; `plans` are those of its calls, `verdict` what is recorded beside it."""

        def command_of(effect):
            keyed = tuple(
                msgspec.structs.replace(plan, key=call_key(effect.effect_id, index))
                for index, plan in enumerate(plans)
            )
            reply = ModelReply(blocks=blocks, stop_reason=stop, **{"usage": USAGE, **fields})
            return c.RecordModelReply(
                effect_id=effect.effect_id,
                reply=reply,
                plans=keyed,
                salt="c2FsdA" if keyed else "",
                now=self.now,
                **(verdict or {}),
            )

        self.outcome(name, CallModel, command_of)

    def fail(self, name, **fields):
        """A model call that gave no whole answer."""
        self.outcome(
            name,
            CallModel,
            lambda effect: c.RecordModelFailure(
                effect_id=effect.effect_id, now=self.now, **fields
            ),
        )

    def review(self, name, tool, verdict, **fields):
        """What hooks and the authorizer say of a call."""
        self.outcome(
            name,
            ReviewCall,
            lambda effect: c.RecordCallReview(
                key=effect.key, verdict=verdict, now=self.now, **fields
            ),
            tool,
        )

    def finish(self, name, tool, content, **fields):
        """The result of a tool."""
        self.outcome(
            name,
            RunTool,
            lambda effect: c.RecordToolOutcome(
                key=effect.key, outcome=ToolOutcome(content=content, **fields), now=self.now
            ),
            tool,
        )

    def verdict(self, name, verdict, content=""):
        """What a probe found."""
        self.outcome(
            name,
            ProbeTool,
            lambda effect: c.RecordProbeVerdict(
                key=effect.key,
                attempt=effect.attempt,
                verdict=verdict,
                outcome=ToolOutcome(content=content),
                now=self.now,
            ),
        )

    def decide(self, name, choice="continue", **fields):
        """What the round strategy says."""
        self.outcome(
            name,
            DecideRound,
            lambda effect: c.RecordRoundDecision(
                effect_id=effect.effect_id, choice=choice, now=self.now, **fields
            ),
        )

    def undone(self, name, content, **fields):
        """How a call was undone."""
        self.outcome(
            name,
            CompensateCall,
            lambda effect: c.RecordCompensation(
                key=effect.key, attempt=effect.attempt, content=content, now=self.now, **fields
            ),
        )

    def withhold(self, name, **spent):
        """The shared budget is used up: the model is not asked."""
        self.outcome(
            name,
            CallModel,
            lambda effect: c.RecordBudgetUsedUp(effect_id=effect.effect_id, now=self.now, **spent),
        )

    def subagent(self, parent, tool, name, nth=0):
        """An agent that a running call makes for itself; its name."""
        calls = [call for call in self.state(parent).open_calls if call.tool == tool]
        child = AgentId(f"{parent}.{calls[nth].key}.{name}")
        made = profile(child, system="You are a subagent.", lead=parent, wake_on_mail=False)
        self.tell(parent, c.SpawnSubagent, key=calls[nth].key, profile=made)
        return child

    def dismiss(self, parent, child, how):
        """The run of a subagent has ended: it takes nothing any more."""
        self.tell(child, c.StopAgent)
        self.tell(parent, c.RecordSubagentEnd, agent_id=child, how=how)

    def summarize(self, name, **fields):
        """What came of the wish to tell a conversation shorter."""
        self.outcome(
            name,
            SummarizeConversation,
            lambda effect: c.RecordCompaction(effect_id=effect.effect_id, now=self.now, **fields),
        )

    def run_out(self, name):
        """The patience with a person ends."""
        request = next(one for one in self.state(name).requests if one.expires_at is not None)
        self.clock.advance(max(request.expires_at - self.now, 0.0) + STEP_S)
        self.tell(name, c.ExpirePermission, request_id=request.request_id)

    def expire(self, name, limit):
        """A limit of a run passes: the `deadline`, or the patience with one that shall `stop`."""
        [order] = [
            order
            for (owner, key), order in self.system.effects.running.items()
            if owner == agent_stream(name) and key.endswith(f"@{limit}")
        ]
        assert isinstance(order.effect, WaitUntil)
        self.clock.advance(max(order.effect.at - self.now, 0.0) + STEP_S)
        self.tell(name, c.ExpireRun, run_id=self.state(name).run.run_id, limit=limit)


# --- words of the script ----------------------------------------------------------------------


def call(tool, arguments="{}", **fields):
    """A call as a model writes it; providers may use a call id again."""
    return ToolCallBlock(call_id=f"call-{tool}", name=tool, arguments=arguments, **fields)


def plan(retry="never", **fields):
    """How a call is run; its key comes with the answer."""
    return e.CallPlan(key=EffectId(""), retry=retry, **fields)


def profile(name, **fields):
    """A member of the team."""
    return e.AgentProfile(
        agent_id=name,
        name=name,
        team_id="main",
        **{"model": "openai:gpt-x", "role": name, **fields},
    )

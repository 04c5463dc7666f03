"""The script of a small team that does everything once: it writes the golden journal.

The real deciders and actors are driven by hand, on a clock that only the script moves, so the same
script gives the same bytes. An event type that the script does not cause is added at the end with
made-up values; better is to let the team do it.
"""

import msgspec

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.effects import CallModel, ProbeTool, RunTool
from mentra_actors.domain.agent.state import call_key
from mentra_actors.domain.content import (
    OpaqueBlock,
    Provenance,
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from mentra_actors.domain.inbox import Mail, MailDelivered
from mentra_actors.domain.lease import RenewLease
from mentra_actors.domain.model_call import ModelReply, StopReason, TokenUsage
from mentra_actors.domain.task_board import AddDependency, ClaimTask, CreateTask, SetTaskStatus
from mentra_actors.domain.team import AddMember
from mentra_actors.domain.tool_call import BlobRef, OutgoingMail, ToolOutcome
from mentra_actors.ids import StreamId, agent_stream, board_stream, inbox_stream, team_stream
from mentra_actors.runtime.writer_lease import (
    WRITER_LEASE,
    acquire_writer_lease,
    release_writer_lease,
)
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

    def begin(self, holder):
        """Take the lease and resume what an earlier process left open."""
        fence = acquire_writer_lease(
            self.store, self.journal, self.clock, holder=holder, term_s=TERM_S
        )
        self.fence = fence
        self.system = HandDriven(self.store, fence=fence)
        self.system.clock.advance(self.clock.now() - self.system.clock.now())
        self.clock = self.system.clock
        owners = {name.replace("inbox-", "agent-", 1) for name in self.store.open_streams()}
        for stream_id in sorted(owners):
            self.system.directory.wake(StreamId(stream_id))
        self.system.settle()

    def die_and_begin_again(self, holder):
        """End without a word; whatever was in flight is lost."""
        self.system.close()
        self.clock.advance(STEP_S)
        self.begin(holder)

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

    # --- what people ask for --------------------------------------------------------------

    def send(self, stream_id, command):
        """A command, a quarter of a second after the last one."""
        answers = self.system.send(stream_id, command)
        self.system.settle()
        assert [type(answer).__name__ for answer in answers] == ["Accepted"], answers
        self.clock.advance(STEP_S)

    def add(self, profile, first_mail=None):
        command = AddMember(
            command_id=self.new_id(), profile=profile, now=self.now, first_mail=first_mail
        )
        self.send(team_stream("main"), command)

    def prompt(self, name, text):
        command = c.AcceptPrompt(prompt_id=self.new_id(), text=text, now=self.now)
        self.send(agent_stream(name), command)

    def letter(self, sender, to, body):
        return Mail(mail_id=self.new_id(), sender=sender, to=to, body=body, sent_at=self.now)

    def mail(self, to, body):
        """A letter of the host, which needs no actor."""
        delivered = MailDelivered(mail=self.letter("host", to, body))
        part = self.journal.stream_append(inbox_stream(to), [delivered], None)
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

    def outcome(self, name, kind, choose, command_of):
        """Answer the effect of an agent that is of a kind and chosen."""
        running = self.system.effects.running
        [key] = [
            key
            for key, order in running.items()
            if key[0] == agent_stream(name)
            and isinstance(order.effect, kind)
            and choose(order.effect)
        ]
        order = running.pop(key)
        self.send(agent_stream(name), command_of(order.effect))

    def reply(self, name, *blocks, plans=(), stop=StopReason.END_TURN, **fields):
        """A whole answer; `plans` are those of its calls."""

        def command_of(effect):
            keyed = tuple(
                msgspec.structs.replace(plan, key=call_key(effect.effect_id, index))
                for index, plan in enumerate(plans)
            )
            reply = ModelReply(blocks=blocks, stop_reason=stop, usage=USAGE, **fields)
            return c.RecordModelReply(
                effect_id=effect.effect_id, reply=reply, plans=keyed, now=self.now
            )

        self.outcome(name, CallModel, lambda _: True, command_of)

    def fail(self, name, **fields):
        """A model call that gave no whole answer."""
        self.outcome(
            name,
            CallModel,
            lambda _: True,
            lambda effect: c.RecordModelFailure(
                effect_id=effect.effect_id, now=self.now, **fields
            ),
        )

    def finish(self, name, tool, content, **fields):
        """The result of a tool; of two with one name, that of the first."""
        keys = [
            order.effect.key
            for order in self.system.effects.running.values()
            if isinstance(order.effect, RunTool) and order.effect.tool == tool
        ]
        self.outcome(
            name,
            RunTool,
            lambda effect: effect.key == min(keys),
            lambda effect: c.RecordToolOutcome(
                key=effect.key, outcome=ToolOutcome(content=content, **fields), now=self.now
            ),
        )

    def verdict(self, name, verdict, content=""):
        """What a probe found."""
        self.outcome(
            name,
            ProbeTool,
            lambda _: True,
            lambda effect: c.RecordProbeVerdict(
                key=effect.key,
                attempt=effect.attempt,
                verdict=verdict,
                outcome=ToolOutcome(content=content),
                now=self.now,
            ),
        )


def call(tool, arguments="{}", **fields):
    """A call as a model writes it; providers may use a call id again."""
    return ToolCallBlock(call_id=f"call-{tool}", name=tool, arguments=arguments, **fields)


def plan(retry="never", **fields):
    """How a call is run; its key comes with the answer."""
    return e.CallPlan(key="", retry=retry, **fields)


def profile(name, **fields):
    """A member of the team."""
    return e.AgentProfile(agent_id=name, name=name, team_id="main", model="openai:gpt-x", **fields)


# --- the script -------------------------------------------------------------------------------


def play(team):
    """Everything once."""
    add_members(team)
    survey(team)
    after_each_death(team)
    runs_that_fail(team)
    the_board(team)
    the_end(team)


def add_members(team):
    """A lead with every setting, a helper with an instruction, one who may call a model once."""
    team.add(
        profile(
            "lead",
            role="lead",
            system="You lead. — Führe das Team 🙂",
            tools=("look", "charge", "pay", "register"),
            hidden_tools=("shell",),
            max_rounds=9,
            temperature=0.25,
            max_output_tokens=1024,
        )
    )
    instruction = team.letter("lead", "helper", "Count the files.\nThen report.")
    team.add(profile("helper", role="counter", lead="lead"), instruction)
    team.add(
        profile("loner", role="loner", max_rounds=1, wake_on_mail=False, max_output_tokens=None)
    )
    team.reply("helper", TextBlock(text="There are 3."), model="gpt-x-1", response_id="resp-1")


def survey(team):
    """A call that breaks, an answer of every kind of block, two tools at once, mail between."""
    team.prompt("lead", "Survey the house, please.")
    team.fail(
        "lead",
        kind="overloaded",
        message="busy",
        transient=True,
        retry_after_s=2.0,
        partial_text="I will",
    )
    team.prompt("lead", "And be quick.")
    team.reply(
        "lead",
        ThinkingBlock(parts=("Look", "first"), item_id="rs-1", encrypted="x==", provenance=MAKER),
        TextBlock(text="I look.", item_id="msg-1", phase="commentary"),
        OpaqueBlock(item_type="web_search_call", raw='{"id": "ws-1"}', provenance=MAKER),
        call("look", '{"place": "cellar"}', item_id="fc-1", namespace="house"),
        call("look", '{"place": "roof"}'),
        call("charge", '{"euros": 5}'),
        call("pay", '{"euros": 7}'),
        call("register", '{"name": "x"}'),
        call("paint", "{not json"),
        plans=(
            plan("safe", parallel=True),
            plan("safe", parallel=True),
            plan(),
            plan("probe"),
            plan("idempotent"),
            plan(refusal="Tool not found"),
        ),
        stop=StopReason.TOOL_USE,
        raw_stop_reason="tool_calls",
        model="gpt-x-1",
        response_id="resp-2",
    )
    team.mail("lead", "Do not forget the garden.")
    letter = OutgoingMail(mail_id=team.new_id(), to="helper", body="The cellar is wet.")
    team.finish(
        "lead",
        "look",
        "wet, see the report",
        details='{"depth_cm": 3}',
        spilled=BlobRef(digest="0123456789abcdef0123456789abcdef", size_bytes=70_000),
        mail=(letter,),
    )
    team.reply("helper", RefusalBlock(text="I cannot swim.", item_id="msg-2"))


def after_each_death(team):
    """A call of each retry mode is open when the process dies."""
    team.die_and_begin_again("host-2")  # look: again
    team.finish("lead", "look", "leaks", is_error=True)
    team.die_and_begin_again("host-3")  # charge: nobody knows
    team.die_and_begin_again("host-4")  # pay: its probe is asked
    team.verdict("lead", "not_done")
    team.die_and_begin_again("host-5")
    team.verdict("lead", "done", "paid, as the bank says")
    team.die_and_begin_again("host-6")  # register: again, with the same key
    team.finish("lead", "register", "registered")
    team.reply("lead", TextBlock(text="The house leaks."))
    team.reply("lead", TextBlock(text="Quicker was not possible."))


def runs_that_fail(team):
    """Cancelled in the middle, out of rounds, refused by the provider, stopped."""
    team.prompt("loner", "Charge twice.")
    team.reply("loner", call("charge"), call("charge"), plans=(plan(), plan()))
    team.send(agent_stream("loner"), c.CancelRun(now=team.now, reason="too dear"))
    team.prompt("loner", "Look once.")
    team.reply("loner", call("look"), plans=(plan("safe"),))
    team.finish("loner", "look", "nothing to see")
    team.prompt("helper", "Write a poem.")
    team.fail("helper", kind="auth", message="the key is wrong", transient=False)
    team.send(agent_stream("helper"), c.StopAgent(now=team.now))
    team.mail("helper", "Are you there?")


def the_board(team):
    """Three tasks, of which the last waits for the others."""
    board = board_stream("main")
    for subject, blocked_by in (("Dry the cellar", ()), ("Mend the roof", ()), ("Paint", (1,))):
        team.send(
            board,
            CreateTask(
                command_id=team.new_id(),
                subject=subject,
                description=f"{subject} before winter.",
                blocked_by=blocked_by,
                created_by="lead",
                now=team.now,
            ),
        )
    team.send(board, AddDependency(command_id=team.new_id(), task_id=3, blocker_id=2))
    team.send(board, ClaimTask(command_id=team.new_id(), claimant="loner", now=team.now))
    for status in ("in_progress", "completed"):
        team.send(
            board,
            SetTaskStatus(
                command_id=team.new_id(),
                task_id=1,
                status=status,
                changed_by="loner",
                now=team.now,
            ),
        )


def the_end(team):
    """The lease is renewed, and the process ends while the lead waits for a model and has mail."""
    team.send(WRITER_LEASE, RenewLease(epoch=team.fence.epoch, now=team.now))
    team.prompt("lead", "Say goodbye.")
    team.mail("loner", "Wake up.")
    team.end()

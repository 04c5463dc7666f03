"""What deciding about an agent needs, and no more; the transcript is not among it."""

from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.agent.events.compactions import CompactionWish
from mentra_actors.domain.agent.events.inputs import LateLetter, QueueMode
from mentra_actors.domain.agent.events.runs import Boundary, RoundChoice
from mentra_actors.domain.agent.fallback import Fallback
from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.domain.inbox import MailKind
from mentra_actors.domain.tool_call import RetryMode
from mentra_actors.ids import AgentId, CommandId, EffectId, EntryId, MailId, RunId, StreamId

__all__ = [
    "AgentState",
    "CallStatus",
    "Compensation",
    "Farewell",
    "ModelCall",
    "OpenCompaction",
    "Queue",
    "Resumable",
    "RoundDecision",
    "Run",
    "StopRequest",
    "Subagent",
    "ToolCall",
    "WaitingPrompt",
    "call_key",
    "idempotency_key",
    "report_id",
]

CallStatus: TypeAlias = Literal["reviewing", "asked", "planned", "started", "probing", "closed"]
"""`reviewing`: hooks and authorizer look at it; `asked`: a person must allow it; `planned`: it
may start when its turn comes."""


class StopRequest(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """A wish that the open run end in order; at `stop_by` (Unix seconds) whatever still runs."""

    reason: str
    stop_by: float | None = None


class Compensation(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """A call that can be undone; `attempt` 0 means that it is not being undone yet."""

    key: EffectId
    tool: str
    arguments: str
    idempotency_key: str
    is_known: bool = True
    attempt: int = 0


class Run(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """The open run.

    `rounds` counts the model calls asked for, retries not included; `model_requests` with them.
    `tokens` and `cost_usd_micros` are what it has spent. `baseline` is the entry before it,
    `prompt_entry` its prompt (0: none). `ending` is set when it ends after this round. `placed_…`
    is what it has taken from mail and queues. `budget` is shared with others, or empty.
    """

    run_id: RunId
    options: RunOptions = RunOptions()
    asked_by: CommandId = CommandId("")
    is_resumed: bool = False
    deadline_at: float | None = None
    boundary: Boundary = "start"
    rounds: int = 0
    model_requests: int = 0
    transport_retries: int = 0
    tool_calls: int = 0
    tokens: int = 0
    cost_usd_micros: int = 0
    answer: str = ""
    answered_by: EffectId = EffectId("")
    output: EffectId = EffectId("")
    output_fault: str = ""
    output_faults: int = 0
    baseline: EntryId = EntryId(0)
    prompt_entry: EntryId = EntryId(0)
    ending: Literal["", "terminated", "idle"] = ""
    stop: StopRequest | None = None
    choice: RoundChoice | None = None
    placed_mail: tuple[MailId, ...] = ()
    placed_steer: tuple[CommandId, ...] = ()
    placed_follow_up: tuple[CommandId, ...] = ()
    undoable: tuple[Compensation, ...] = ()
    budget: StreamId = StreamId("")
    board_runs: tuple[RunId, ...] = ()
    """It, and those that it goes on from, as far as they may have changed the task board."""
    fallback: int = 0
    """The number of the fallback that answers, from 1; 0 for the agent's own model."""
    given_up: tuple[str, ...] = ()
    """What was said of each model that a fallback has taken over from."""

    @property
    def taken_over_by(self) -> Fallback | None:
        """The fallback that answers in place of the agent's own model."""
        fallbacks = self.options.fallbacks
        return fallbacks[self.fallback - 1] if 0 < self.fallback <= len(fallbacks) else None


class Subagent(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """An agent that the running call `key` has made, or, without a key, the host.

    One that `has_ended` is remembered until its call is closed: the call may be run again. One of
    the host is forgotten then.
    """

    agent_id: AgentId
    key: EffectId
    name: str
    model: str
    has_ended: bool = False


class Resumable(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """A run that ended without an answer and can go on from `boundary`.

    One that was rolled back begins anew at `prompt_entry`, if it had a prompt.
    """

    run_id: RunId
    options: RunOptions
    boundary: Boundary
    answer: str
    answered_by: EffectId
    baseline: EntryId
    prompt_entry: EntryId
    is_rolled_back: bool
    undoable: tuple[Compensation, ...] = ()
    board_runs: tuple[RunId, ...] = ()


class ModelCall(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """The model call that is pending.

    `awaits` is the compaction that it waits for, or has waited for; a call waits for one only.
    """

    effect_id: EffectId
    round: int
    attempt: int
    not_before: float
    awaits: EffectId = EffectId("")

    @property
    def key(self) -> EffectId:
        """The name of its effect: one that has waited is another effect, of the same call."""
        return EffectId(f"{self.effect_id}@{self.awaits}") if self.awaits else self.effect_id


class OpenCompaction(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """The summary that is being written. Each of its attempts (from 1) is an effect."""

    effect_id: EffectId
    trigger: CompactionWish = "manual"
    limit: int = 0
    attempt: int = 1
    not_before: float = 0.0

    @property
    def key(self) -> EffectId:
        """The name of the effect of this attempt."""
        return EffectId(f"{self.effect_id}@{self.attempt}") if self.attempt > 1 else self.effect_id


class RoundDecision(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """The question to the round strategy that is pending."""

    effect_id: EffectId
    boundary: Boundary


class ToolCall(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """One call of the last answer."""

    key: EffectId
    call_id: str
    tool: str
    arguments: str
    retry: RetryMode = "never"
    parallel: bool = False
    refusal: str = ""
    is_output: bool = False
    can_compensate: bool = False
    status: CallStatus = "planned"
    attempt: int = 1
    salt: str = ""
    idempotency_key: str = ""
    request_id: CommandId = CommandId("")
    description: str = ""
    preview: str = ""
    is_by_tool: bool = False
    expires_at: float | None = None
    denied: str = ""
    digest: str = ""
    is_error: bool = False


class Queue(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """Ids of waiting items, oldest first, and how many are taken at a boundary."""

    items: tuple[CommandId, ...] = ()
    mode: QueueMode = "one_at_a_time"

    @property
    def next_items(self) -> tuple[CommandId, ...]:
        """What the next boundary takes."""
        return self.items if self.mode == "all" else self.items[:1]


class WaitingPrompt(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """A prompt whose run has not begun; `options` None means those of the profile."""

    prompt_id: CommandId
    options: RunOptions | None = None


class Farewell(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """What an agent that has stopped has to tell: that, unless it `is_told`, and late letters.

    `number` counts what there was to tell, from 1.
    """

    reason: str
    is_told: bool = False
    late: tuple[LateLetter, ...] = ()
    number: int = 1


class AgentState(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """Everything that `decide` and `pending` read.

    `known_ids` are the last ids of prompts, `known_items` those of queued words, `known_commands`
    those of other commands that count once: each kind has a window of its own. The first
    `held_mail` of the waiting letters start no run by themselves: a run that was taken back has
    returned them. `waiting_notices` are those of them that tell of ended jobs.
    `stop_planned` is why the agent stops when nothing waits for it any more, empty if it does not
    stop. `entries` is how many the
    conversation ever had, `leaf` the one it goes on from. `abandoned` is the model call whose
    partial answer may still come. `compaction` is the summary that is being written, `compactions`
    how many were asked for, `compacted` those that count. `rests` counts the times that resting
    began, or began anew.
    `rounds_without_board` are those since a tool for the task board has succeeded, or the model
    was reminded. What the runs `board_undoing` have changed there is being taken back.
    """

    profile: AgentProfile | None = None
    stopped: bool = False
    run: Run | None = None
    runs_started: int = 0
    model_calls: int = 0
    decisions: int = 0
    model_call: ModelCall | None = None
    decision: RoundDecision | None = None
    calls: tuple[ToolCall, ...] = ()
    waiting_prompts: tuple[WaitingPrompt, ...] = ()
    known_ids: tuple[CommandId, ...] = ()
    known_items: tuple[CommandId, ...] = ()
    known_commands: tuple[CommandId, ...] = ()
    waiting_mail: tuple[MailId, ...] = ()
    waiting_notices: tuple[MailId, ...] = ()
    held_mail: int = 0
    mail_taken_through: int = 0
    steer: Queue = Queue()
    follow_up: Queue = Queue()
    entries: int = 0
    leaf: EntryId = EntryId(0)
    resumable: Resumable | None = None
    compensations: tuple[Compensation, ...] = ()
    abandoned: EffectId = EffectId("")
    last_ending: Literal["", "finished", "failed", "cancelled"] = ""
    subagents: tuple[Subagent, ...] = ()
    stop_planned: str = ""
    compaction: OpenCompaction | None = None
    compactions: int = 0
    compacted: tuple[EffectId, ...] = ()
    rests: int = 0
    rounds_without_board: int = 0
    board_undoing: tuple[RunId, ...] = ()
    farewell: Farewell | None = None

    @property
    def is_call_waiting(self) -> bool:
        """True while the model call waits for a compaction: nothing of it was sent."""
        call, open_one = self.model_call, self.compaction
        return bool(call and open_one and call.awaits == open_one.effect_id)

    @property
    def is_undoing(self) -> bool:
        """True while something of a run that was broken off is being taken back."""
        return bool(self.compensations or self.board_undoing)

    @property
    def is_to_be_reminded(self) -> bool:
        """True if the next request may have to remind the model of the task board."""
        most = self.profile.task_reminder_rounds if self.profile else 0
        return 0 < most <= self.rounds_without_board

    @property
    def looks_for_tasks(self) -> bool:
        """True if it has nothing to do, and claims a task as soon as there is one."""
        is_free = self.run is None and not (self.stopped or self.stop_planned)
        waits = self.waiting_prompts or self.is_undoing or self.has_news
        return bool(self.profile and self.profile.is_autonomous and is_free and not waits)

    @property
    def has_news(self) -> bool:
        """True if a letter waits for which the agent wakes."""
        if self.profile is None:
            return False
        for mail_id in self.waiting_mail[self.held_mail :]:
            kind: MailKind = "background" if mail_id in self.waiting_notices else "message"
            if self.profile.wakes_for(kind):
                return True
        return False

    @property
    def open_calls(self) -> tuple[ToolCall, ...]:
        """Calls of the last answer that have no result yet, in its order."""
        return tuple(call for call in self.calls if call.status != "closed")

    @property
    def requests(self) -> tuple[ToolCall, ...]:
        """Calls that wait for a person to allow them."""
        return tuple(call for call in self.calls if call.status == "asked")


def report_id(farewell: Farewell) -> EffectId:
    """Name of the effect that tells what an agent has to tell after its end."""
    return EffectId(f"report-stop-{farewell.number}")


def idempotency_key(owner: AgentId, key: EffectId, salt: str) -> str:
    """What a service knows a call by; unique in the world, if the salt is random."""
    return f"agent-{owner}/{key}/{salt}" if salt else f"agent-{owner}/{key}"


def call_key(model_effect_id: EffectId, index: int) -> EffectId:
    """Name of the call with this index (from 0) in the answer to a model call."""
    return EffectId(f"tool-{model_effect_id.removeprefix('model-')}.{index}")

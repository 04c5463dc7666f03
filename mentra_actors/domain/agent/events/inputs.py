"""Facts about an agent itself, what reaches it, and where its conversation stands.

These names are the storage format: never rename or re-mean one. Times are Unix seconds.
"""

from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.agent.profile import AgentProfile, ProfileChanges
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.domain.content import Attachment
from mentra_actors.domain.inbox import Mail
from mentra_actors.ids import CommandId, EffectId, EntryId, MailId, RunId, StreamId

__all__ = [
    "AgentReconfigured",
    "AgentRecovered",
    "AgentRenamed",
    "AgentSpawned",
    "AgentStopPlanned",
    "AgentStopped",
    "EntryLabelled",
    "InputPlaced",
    "InputQueued",
    "InputReturned",
    "LateLetter",
    "LeafMoved",
    "MailCameLate",
    "MailHandedOver",
    "MailSent",
    "MailTaken",
    "PromptAccepted",
    "QueueCleared",
    "QueueMode",
    "QueueModeChanged",
    "QueueName",
    "StopReported",
]

QueueName: TypeAlias = Literal["steer", "follow_up"]
"""`steer` reaches an open run before its next model call, `follow_up` when it would end."""

QueueMode: TypeAlias = Literal["one_at_a_time", "all"]


class AgentSpawned(
    msgspec.Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True, tag="agent.spawned.v1"
):
    """The agent exists."""

    profile: AgentProfile
    spawned_at: float


class AgentReconfigured(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.reconfigured.v1",
):
    """The agent works in another way from its next model call on."""

    changes: ProfileChanges
    changed_at: float
    reason: str = ""


class PromptAccepted(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.prompt_accepted.v1",
):
    """A prompt will be answered; it waits while a run is open. `options` None: the profile's."""

    prompt_id: CommandId
    text: str
    accepted_at: float
    options: RunOptions | None = None
    attachments: tuple[Attachment, ...] = ()


class MailTaken(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.mail_taken.v1",
):
    """Everything in the inbox up to `through_version` is now the agent's."""

    inbox: StreamId
    mail: tuple[Mail, ...]
    through_version: int


class MailHandedOver(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.mail_handed_over.v1",
):
    """The host has read these letters in the agent's place; no model is shown them."""

    command_id: CommandId
    mail_ids: tuple[MailId, ...]
    handed_at: float


class InputQueued(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.input_queued.v1",
):
    """Words for a run that is open or comes later; they start none by themselves."""

    queue: QueueName
    item_id: CommandId
    text: str
    queued_at: float
    attachments: tuple[Attachment, ...] = ()


class QueueCleared(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.queue_cleared.v1",
):
    """What waited in the queue will not be said."""

    queue: QueueName
    cleared_at: float


class QueueModeChanged(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.queue_mode_changed.v1",
):
    """How much of the queue is taken at a boundary."""

    queue: QueueName
    mode: QueueMode


class InputPlaced(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.input_placed.v1",
):
    """Waiting input stands in the transcript from here on, in this order.

    Each prompt and each letter is a message. Items of a queue that are placed together are one
    message, between them. `injected` is what a round strategy or the runtime says.
    """

    run_id: RunId
    prompt_ids: tuple[CommandId, ...] = ()
    mail_ids: tuple[MailId, ...] = ()
    steer_ids: tuple[CommandId, ...] = ()
    follow_up_ids: tuple[CommandId, ...] = ()
    injected: str = ""


class InputReturned(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.input_returned.v1",
):
    """A run was taken back: what it had placed waits again, before what came later."""

    run_id: RunId
    mail_ids: tuple[MailId, ...] = ()
    steer_ids: tuple[CommandId, ...] = ()
    follow_up_ids: tuple[CommandId, ...] = ()


class LeafMoved(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.leaf_moved.v1",
):
    """The conversation goes on from another of its entries; nothing is deleted.

    Entries count from 1 over the whole stream; 0 is the beginning, before the first.
    """

    from_entry: EntryId
    to_entry: EntryId
    reason: Literal["branch", "rollback", "resume"]
    moved_at: float


class EntryLabelled(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.entry_labelled.v1",
):
    """An entry has a name; an empty label takes it away."""

    entry: EntryId
    label: str


class MailSent(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.mail_sent.v1",
):
    """Mail left the agent; it lies in the receiver's inbox since the same append."""

    mail: Mail


class AgentRecovered(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.recovered.v1",
):
    """A new owner found these effects open; the events beside this one say what became of them."""

    open_effects: tuple[EffectId, ...]
    recovered_at: float


class AgentStopped(
    msgspec.Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True, tag="agent.stopped.v1"
):
    """The agent takes no more prompts and no more mail.

    One that stops because nothing waits has taken its `inbox` up to `inbox_version`, and nothing
    came there before this event. It `tells_team` unless it has none, as subagents.
    """

    stopped_at: float
    reason: str = ""
    inbox: StreamId = StreamId("")
    inbox_version: int = 0
    tells_team: bool = False


class LateLetter(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """What is known of a letter whose words stand in the inbox."""

    mail_id: MailId
    sender: str


class MailCameLate(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.mail_came_late.v1",
):
    """What came to the inbox up to `through_version` found the agent stopped: nobody reads it.

    `letters` are those that somebody has written; what else there was is of no use any more.
    """

    inbox: StreamId
    through_version: int
    came_at: float
    letters: tuple[LateLetter, ...] = ()


class StopReported(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.stop_reported.v1",
):
    """The team knows that the agent has stopped, and the letters that came late are kept.

    `problem` says what could not be told, and why.
    """

    effect_id: EffectId
    reported_at: float
    problem: str = ""


class AgentStopPlanned(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.stop_planned.v1",
):
    """The agent stops as soon as no run is open and nothing waits for it."""

    reason: str
    planned_by: str
    planned_at: float


class AgentRenamed(
    msgspec.Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True, tag="agent.renamed.v1"
):
    """The agent has another name in its team; it is the same agent."""

    name: str
    renamed_at: float

"""What people and programs ask of an agent."""

import msgspec

from mentra_actors.domain.agent.events.inputs import QueueMode, QueueName
from mentra_actors.domain.agent.profile import ProfileChanges
from mentra_actors.domain.agent.run_options import RunOptions, TerminalOutput
from mentra_actors.domain.content import Attachment
from mentra_actors.domain.permission_rules import RuleScope
from mentra_actors.domain.rule_match import RuleMatch
from mentra_actors.ids import CommandId, EffectId, EntryId

__all__ = [
    "AcceptPrompt",
    "CancelCompaction",
    "CancelRun",
    "ClearQueue",
    "CompactConversation",
    "CompensateRun",
    "Configure",
    "ExpirePermission",
    "GiveUpUndoing",
    "HandOverMail",
    "LabelEntry",
    "LeaveResolution",
    "MoveLeaf",
    "QueueInput",
    "ResolvePermission",
    "ResumeRun",
    "RunQueued",
    "SetQueueMode",
    "StopAgent",
    "StopRun",
    "UndoCompaction",
]


class AcceptPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """Answer this prompt in a run of its own; `options` None means those of the profile.

    `given` names those of the `options` that count, the others are the profile's; None: all of
    them count. With an `output` the run is to end with that value, whatever its options are.
    """

    prompt_id: CommandId
    text: str
    now: float
    options: RunOptions | None = None
    given: tuple[str, ...] | None = None
    output: TerminalOutput | None = None
    attachments: tuple[Attachment, ...] = ()


class HandOverMail(msgspec.Struct, frozen=True, kw_only=True):
    """Let the host read the letters that wait, in the agent's place.

    `by_person` says that a person asks from outside: then it must be their seat.
    """

    command_id: CommandId
    now: float
    by_person: bool = False


class QueueInput(msgspec.Struct, frozen=True, kw_only=True):
    """Say this at a boundary of the open run, or of a later one; starts none."""

    queue: QueueName
    item_id: CommandId
    text: str
    now: float
    attachments: tuple[Attachment, ...] = ()


class ClearQueue(msgspec.Struct, frozen=True, kw_only=True):
    """Forget what waits in the queue."""

    queue: QueueName
    now: float


class SetQueueMode(msgspec.Struct, frozen=True, kw_only=True):
    """Take the queue item by item, or all of it at once."""

    queue: QueueName
    mode: QueueMode
    now: float


class RunQueued(msgspec.Struct, frozen=True, kw_only=True):
    """Start a run with what waits in the steering queue; `given` as in `AcceptPrompt`."""

    command_id: CommandId
    now: float
    options: RunOptions | None = None
    given: tuple[str, ...] | None = None


class ResumeRun(msgspec.Struct, frozen=True, kw_only=True):
    """Go on with the run that ended last without an answer; `options` None: with its own.

    `given` names those that count, the others are its own; None: all of them count.
    """

    command_id: CommandId
    now: float
    options: RunOptions | None = None
    given: tuple[str, ...] | None = None


class CancelRun(msgspec.Struct, frozen=True, kw_only=True):
    """End the open run now; without one nothing happens."""

    now: float
    reason: str = "cancelled"


class GiveUpUndoing(msgspec.Struct, frozen=True, kw_only=True):
    """Undo nothing more of the run that was broken off last; the agent can run again."""

    now: float
    reason: str = "given up"


class StopRun(msgspec.Struct, frozen=True, kw_only=True):
    """End the open run in order at its next boundary, whatever still runs after `grace_s`."""

    now: float
    reason: str = "stopped"
    grace_s: float | None = None


class CompensateRun(msgspec.Struct, frozen=True, kw_only=True):
    """Undo the finished calls of the run that ended last without an answer."""

    now: float


class StopAgent(msgspec.Struct, frozen=True, kw_only=True):
    """End the open run and take nothing any more."""

    now: float


class Configure(msgspec.Struct, frozen=True, kw_only=True):
    """Work in another way from the next model call on."""

    changes: ProfileChanges
    now: float
    reason: str = ""


class CompactConversation(msgspec.Struct, frozen=True, kw_only=True):
    """Summarise the older part of the conversation for the model; nothing is deleted."""

    now: float


class CancelCompaction(msgspec.Struct, frozen=True, kw_only=True):
    """End the summary that is being written; without one nothing happens."""

    now: float
    reason: str = "cancelled"


class UndoCompaction(msgspec.Struct, frozen=True, kw_only=True):
    """Tell models the words of this compaction again, and not its summary.

    `compaction` is the id of its effect, or the key of the call that has made it.
    """

    compaction: EffectId
    now: float


class MoveLeaf(msgspec.Struct, frozen=True, kw_only=True):
    """Go on from another entry of the conversation, 0 for its beginning."""

    to_entry: EntryId
    now: float


class LabelEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Give an entry a name; an empty one takes it away."""

    entry: EntryId
    label: str
    now: float


class ResolvePermission(msgspec.Struct, frozen=True, kw_only=True):
    """Allow a call that waits for a person, or refuse it with a reason for the model.

    With `remember` a rule of that scope is made of it; it speaks of what `match` says, None: of
    exactly this call. The same `command_id` again records nothing.
    """

    request_id: CommandId
    allow: bool
    now: float
    reason: str = ""
    resolved_by: str = ""
    remember: RuleScope | None = None
    match: RuleMatch | None = None
    command_id: CommandId = CommandId("")


class LeaveResolution(msgspec.Struct, frozen=True, kw_only=True):
    """Record a decision about a call, and nothing that follows from it.

    For a process that performs nothing: what follows is left to the next owner of the agent.
    """

    resolution: ResolvePermission
    now: float


class ExpirePermission(msgspec.Struct, frozen=True, kw_only=True):
    """Refuse a call that nobody has decided about in time."""

    request_id: CommandId
    now: float

"""What comes to an agent from outside: prompts, mail, words for its queues, new options."""

from collections.abc import Sequence
from typing import get_args

import msgspec

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide.endings import stop_requested, stopped
from mentra_actors.domain.agent.events.inputs import QueueMode, QueueName
from mentra_actors.domain.agent.profile import ProfileChanges, changed_profile, profile_fault
from mentra_actors.domain.agent.run_options import (
    RunOptions,
    TerminalOutput,
    chosen_options,
    option_fault,
)
from mentra_actors.domain.agent.state import AgentState, Queue
from mentra_actors.domain.inbox import (
    Mail,
    RenameOrdered,
    RunEndOrdered,
    StopOrdered,
    has_stopped_words,
)
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import RunId, inbox_stream

__all__ = [
    "MAX_PROMPT_CHARS",
    "accept_prompt",
    "clear_queue",
    "configure",
    "hand_over_mail",
    "next_run_id",
    "queue_input",
    "resume_run",
    "run_queued",
    "set_queue_mode",
    "take_late_letter",
    "take_mail",
]

MAX_PROMPT_CHARS = 2_000_000
MAX_ATTACHMENTS = 100

_UNDONE = "(one that was undone cannot)"


def accept_prompt(
    command: c.AcceptPrompt, state: AgentState, profile: e.AgentProfile
) -> Sequence[e.AgentEvent]:
    """A prompt, which starts a run when its turn comes.

    Raises:
        CommandRejected: it is the seat of a person, it is stopped, the words are empty or too
            long, or an option has no such value. (`decide` refuses what is told to nobody.)
    """
    if command.prompt_id in state.known_ids:
        return []  # sent twice: the first one was recorded
    _require_living(state)
    if profile.is_person:
        raise CommandRejected(f"{profile.name} is a person: write mail to them")
    _require_said(command, "a prompt")
    _require_options(command.options)
    options = chosen_options(profile.run, command.options, command.given)
    if command.output is not None:
        options = _ending_with(command.output, options or profile.run)
    accepted = e.PromptAccepted(
        prompt_id=command.prompt_id,
        text=command.text,
        accepted_at=command.now,
        options=options,
        attachments=command.attachments,
    )
    return [accepted]


def queue_input(command: c.QueueInput, state: AgentState) -> Sequence[e.AgentEvent]:
    """Words that wait for a boundary."""
    if command.item_id in state.known_items:
        return []
    _require_living(state)
    _queue_of(command.queue, state)
    _require_said(command, "what is queued")
    queued = e.InputQueued(
        queue=command.queue,
        item_id=command.item_id,
        text=command.text,
        queued_at=command.now,
        attachments=command.attachments,
    )
    return [queued]


def clear_queue(command: c.ClearQueue, state: AgentState) -> Sequence[e.AgentEvent]:
    """Nothing, if nothing waits."""
    queue = _queue_of(command.queue, state)
    if not queue.items:
        return []
    return [e.QueueCleared(queue=command.queue, cleared_at=command.now)]


def set_queue_mode(command: c.SetQueueMode, state: AgentState) -> Sequence[e.AgentEvent]:
    """Nothing, if the queue has the mode.

    Raises:
        CommandRejected: there is no such mode.
    """
    queue = _queue_of(command.queue, state)
    if command.mode not in get_args(QueueMode):
        raise CommandRejected(f"a queue is taken one_at_a_time or all, not {command.mode!r}")
    if queue.mode == command.mode:
        return []
    return [e.QueueModeChanged(queue=command.queue, mode=command.mode)]


def _queue_of(name: str, state: AgentState) -> Queue:
    if name not in get_args(QueueName):
        raise CommandRejected(f"the queues are steer and follow_up, there is no {name!r}")
    return state.steer if name == "steer" else state.follow_up


def configure(command: c.Configure, profile: e.AgentProfile) -> Sequence[e.AgentEvent]:
    """The new options; nothing, if they are the present ones.

    Raises:
        CommandRejected: no agent could work with them.
    """
    after = changed_profile(profile, command.changes)
    if after is profile:
        return []
    if fault := profile_fault(after):
        raise CommandRejected(fault)
    changes = _only_new(command, profile)
    return [e.AgentReconfigured(changes=changes, changed_at=command.now, reason=command.reason)]


def _only_new(command: c.Configure, profile: e.AgentProfile) -> ProfileChanges:
    changes = command.changes
    same = {
        name: msgspec.UNSET
        for name in changes.__struct_fields__
        if getattr(changes, name) == getattr(profile, name)
    }
    return msgspec.structs.replace(changes, **same) if same else changes


def run_queued(
    command: c.RunQueued, state: AgentState, profile: e.AgentProfile
) -> Sequence[e.AgentEvent]:
    """A run with the next words of the steering queue as its prompt.

    Raises:
        CommandRejected: nothing is queued, or a run is open.
    """
    if command.command_id in state.known_commands:
        return []
    _require_idle(state)
    _require_options(command.options)
    items = state.steer.next_items
    if not items:
        raise CommandRejected("no queued steering input is available")
    started = e.RunStarted(
        run_id=next_run_id(state, profile),
        started_at=command.now,
        options=chosen_options(profile.run, command.options, command.given) or profile.run,
        asked_by=command.command_id,
    )
    return [started, e.InputPlaced(run_id=started.run_id, steer_ids=items)]


def resume_run(
    command: c.ResumeRun, state: AgentState, profile: e.AgentProfile
) -> Sequence[e.AgentEvent]:
    """A run that goes on where the last one was broken off.

    Raises:
        CommandRejected: there is none to go on with, or a run is open; or it was taken back, and
            what had begun it waits no more.
    """
    if command.command_id in state.known_commands:
        return []
    _require_idle(state)
    _require_options(command.options)
    resumable = state.resumable
    if resumable is None:
        raise CommandRejected(f"no run was broken off that could be resumed {_UNDONE}")
    has_words = resumable.prompt_entry or state.waiting_mail or state.steer.items
    if resumable.is_rolled_back and not has_words:
        raise CommandRejected("nothing is left of what began the run; send a prompt")
    started = e.RunStarted(
        run_id=next_run_id(state, profile),
        started_at=command.now,
        options=_resumed_options(command, resumable.options),
        asked_by=command.command_id,
        resumes=resumable.run_id,
        boundary=resumable.boundary,
        baseline=resumable.baseline,
    )
    if not resumable.is_rolled_back or resumable.prompt_entry in (0, state.leaf):
        return [started]
    back = e.LeafMoved(
        from_entry=state.leaf,
        to_entry=resumable.prompt_entry,
        reason="resume",
        moved_at=command.now,
    )
    return [started, back]


def _ending_with(output: TerminalOutput | None, options: RunOptions) -> RunOptions:
    """What a run is to end with is part of what was asked for, and none of its limits."""
    return msgspec.structs.replace(options, output=output)


def _resumed_options(command: c.ResumeRun, own: RunOptions) -> RunOptions:
    """A deadline was a moment of the first try; a length of time counts anew."""
    base = msgspec.structs.replace(own, deadline_at=None)
    options = chosen_options(base, command.options, command.given)
    return base if options is None else _ending_with(options.output or own.output, options)


def take_mail(
    command: c.TakeMail, state: AgentState, profile: e.AgentProfile
) -> Sequence[e.AgentEvent]:
    """What the inbox held after what was taken before."""
    is_late = command.after_version != state.mail_taken_through
    if is_late or command.through_version <= command.after_version:
        return []  # read before the last mail was taken: what it holds is taken already
    inbox, through = inbox_stream(profile.agent_id), command.through_version
    late = (*(command.mail if state.stopped else ()), *command.late)
    came_late = e.MailCameLate(
        inbox=inbox,
        through_version=through,
        came_at=command.now,
        letters=tuple(map(_late_letter, filter(_is_written, late))),
    )
    if state.stopped:
        return [came_late]
    taken = e.MailTaken(inbox=inbox, mail=command.mail, through_version=through)
    return [taken, *_obeyed(command, state), *([came_late] if came_late.letters else [])]


def take_late_letter(
    command: c.TakeLateLetter, state: AgentState, profile: e.AgentProfile
) -> Sequence[e.AgentEvent]:
    """Nothing: whoever has stopped reads nothing.

    Raises:
        CommandRejected: always.
    """
    if state.stopped:
        raise CommandRejected(has_stopped_words(profile.name))
    raise CommandRejected(f"the letter {command.mail_id} came in time, and was read as others are")


def _is_written(mail: Mail) -> bool:
    """True for what somebody has said, and not what the team or the clock tells."""
    if mail.request_id:
        return mail.approve is not None
    return mail.kind in ("message", "broadcast")


def _late_letter(mail: Mail) -> e.LateLetter:
    return e.LateLetter(mail_id=mail.mail_id, sender=mail.sender)


def _obeyed(command: c.TakeMail, state: AgentState) -> Sequence[e.AgentEvent]:
    """A new name, and the strictest of the orders to stop or to end."""
    names = [one.name for one in command.orders if isinstance(one, RenameOrdered)]
    renamed = [e.AgentRenamed(name=names[-1], renamed_at=command.now)] if names else []
    stops = [one for one in command.orders if isinstance(one, StopOrdered)]
    at_once = next((one for one in stops if one.how == "now"), None)
    if at_once is not None:
        return [*renamed, *stopped(state, command.now, at_once.reason)]
    if stops and not state.stop_planned:
        planned = e.AgentStopPlanned(
            reason=stops[0].reason, planned_by=stops[0].ordered_by, planned_at=command.now
        )
        return [*renamed, planned]
    return [*renamed, *_ended(command, state)]


def _ended(command: c.TakeMail, state: AgentState) -> Sequence[e.AgentEvent]:
    """One that may end in order goes on to its next boundary, if it is at work at all."""
    ends = [one for one in command.orders if isinstance(one, RunEndOrdered)]
    if not ends:
        return []
    order = next((one for one in ends if one.how == "cancel"), ends[0])
    if order.how == "stop" and state.run is not None:
        return stop_requested(c.StopRun(reason=order.reason, now=command.now), state)
    return stopped(state, command.now, order.reason)


def hand_over_mail(command: c.HandOverMail, state: AgentState) -> Sequence[e.AgentEvent]:
    """All letters that wait; nothing, if none does.

    Raises:
        CommandRejected: it is the agent of a model, which takes its mail itself.
    """
    if command.by_person and (state.profile is None or not state.profile.is_person):
        name = state.profile.name if state.profile is not None else "nobody"
        raise CommandRejected(f"{name!r} is no person: nobody else reads its mail")
    if not state.waiting_mail or command.command_id in state.known_commands:
        return []
    handed = e.MailHandedOver(
        command_id=command.command_id, mail_ids=state.waiting_mail, handed_at=command.now
    )
    return [handed]


def next_run_id(state: AgentState, profile: e.AgentProfile) -> RunId:
    """The id of the run that begins next."""
    return RunId(f"{profile.agent_id}/run-{state.runs_started + 1}")


def _require_living(state: AgentState) -> None:
    if state.stopped:
        raise CommandRejected(
            "the agent is stopped and takes nothing any more: spawn one again under its name"
        )


def _require_idle(state: AgentState) -> None:
    _require_living(state)
    if state.run is not None:
        raise CommandRejected(f"{state.run.run_id} is open; wait for its end or cancel it")
    if state.is_undoing:
        raise CommandRejected("calls of the last run are being undone; wait for the end of that")


def _require_said(command: c.AcceptPrompt | c.QueueInput, named: str) -> None:
    """Words, or something to look at; both within bounds."""
    if len(command.attachments) > MAX_ATTACHMENTS:
        raise CommandRejected(
            f"{named} has at most {MAX_ATTACHMENTS} attachments, not {len(command.attachments)}"
        )
    if command.text or not command.attachments:
        _require_words(command.text, named)


def _require_words(text: str, what: str) -> None:
    if not text.strip():
        raise CommandRejected(f"{what} must not be empty")
    if len(text) > MAX_PROMPT_CHARS:
        raise CommandRejected(
            f"{what} of {len(text):,} characters is over the limit of "
            f"{MAX_PROMPT_CHARS:,}; write it to a file and name the file"
        )


def _require_options(options: RunOptions | None) -> None:
    fault = option_fault(options) if options is not None else ""
    if fault:
        raise CommandRejected(fault)

"""The guarantees, checked on a whole log by readers that know nothing of the deciders.

    1. what was answered is durable before its effects start
    2. after a crash the log is one that a run without it could have written
    3. a `never` tool runs at most once, a finished call never again; what is unknown is told
    4. mail is neither lost nor taken twice, and keeps its order
    5. a task has one owner, and budgets hold
    6. a process that was replaced writes nothing
    8. every prefix of the log gives a prompt that each provider accepts

`broken_guarantees` looks at 2, 3, 4, 5 and 8; `crashes` sees 1 and 6 while things happen. Of 2 it
also sees that each append is what its decider decides, by deciding all of them again.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.board.decider import BOARD
from mentra_actors.domain.board.events import TaskClaimed
from mentra_actors.domain.board.state import BoardState
from mentra_actors.domain.content import Message, UserMessage
from mentra_actors.domain.inbox import MailDelivered
from mentra_actors.domain.transcript import Transcript, apply, prompt_messages
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import MailId, StreamId, agent_stream, category_of, name_of
from mentra_actors.runtime.replay.told import difference_words
from mentra_actors.runtime.replay.verification import verified
from mentra_actors.testing.legality import prompt_faults
from mentra_actors.testing.log_audit import AgentAudit
from mentra_actors.testing.mortal_life import ToolRun
from mentra_actors.testing.pairing import pairing_faults

__all__ = ["broken_guarantees", "other_answers", "prefix_faults"]


def broken_guarantees(
    recorded: Sequence[RecordedEvent[object]],
    runs: Sequence[ToolRun] = (),
    *,
    is_at_rest: bool = True,
) -> list[str]:
    """What is wrong with a whole journal, in words; each fault begins with its guarantee.

    `runs` is what tools have done to the world, by a witness outside of the log. With `is_at_rest`
    nothing may be left to do.
    """
    faults = [*_gaps(recorded), *_double_runs(recorded, runs), *_mail(recorded), *_tasks(recorded)]
    for stream_id, events in _agents(recorded).items():
        faults += [f"{stream_id}: {fault}" for fault in _agent(events, is_at_rest=is_at_rest)]
    return [*faults, *prefix_faults(recorded), *_decisions(recorded)]


def _decisions(recorded: Sequence[RecordedEvent[object]]) -> Iterator[str]:
    for one in verified(recorded).differences:
        yield f"2: {difference_words(one)}"


def prefix_faults(recorded: Sequence[RecordedEvent[object]]) -> list[str]:
    """Prompts that a provider would refuse, at any prefix of any agent's log."""
    faults: list[str] = []
    for stream_id, events in _agents(recorded).items():
        transcript = Transcript()
        for number, event in enumerate(events, start=1):
            after = apply(transcript, event)
            is_sent = isinstance(event, e.ModelCallRequested)
            if after is transcript and not is_sent:
                continue
            transcript = after
            found = _prompt_faults(prompt_messages(transcript), is_sent=is_sent)
            faults += [f"8. {stream_id} at version {number}: {fault}" for fault in found]
    return faults


def _prompt_faults(messages: Sequence[Message], *, is_sent: bool) -> list[str]:
    """A prompt that is not sent at this moment would be followed by more words."""
    prompt = [*messages] if is_sent else [*messages, UserMessage(text="Go on.")]
    return [*prompt_faults(messages), *pairing_faults(prompt)]


def _agents(recorded: Sequence[RecordedEvent[object]]) -> dict[StreamId, list[object]]:
    events: dict[StreamId, list[object]] = defaultdict(list)
    for one in recorded:
        if category_of(one.stream_id) == "agent":
            events[one.stream_id].append(one.event)
    return events


def _gaps(recorded: Sequence[RecordedEvent[object]]) -> Iterator[str]:
    positions = [one.global_position for one in recorded]
    if positions != list(range(1, len(positions) + 1)):
        yield "2. the journal has gaps, or a position twice"
    versions: Counter[StreamId] = Counter()
    for one in recorded:
        versions[one.stream_id] += 1
        if one.stream_version != versions[one.stream_id]:
            yield f"2. {one.stream_id} has no version {versions[one.stream_id]}"


def _agent(events: Sequence[object], *, is_at_rest: bool) -> list[str]:
    audit = AgentAudit()
    for event in events:
        audit.read(event)
    return [f"2. {fault}" for fault in (audit.at_rest() if is_at_rest else audit.faults)]


# --- tools ------------------------------------------------------------------------------------


def _double_runs(
    recorded: Sequence[RecordedEvent[object]], runs: Sequence[ToolRun]
) -> Iterator[str]:
    times = Counter((run.stream_id, run.key) for run in runs)
    tools = {(run.stream_id, run.key): run for run in runs}
    for place, count in times.items():
        run = tools[place]
        if run.retry == "never" and count > 1:
            yield f"3. {run.tool} ({run.key} of {run.stream_id}) ran {count} times, and is `never`"
    asked = {
        (one.stream_id, one.event.idempotency_key)
        for one in recorded
        if isinstance(one.event, e.ToolCallStarted)
    }
    for place, run in tools.items():
        if place not in asked and not run.key.endswith("/undo"):
            yield f"3. {run.tool} ({run.key} of {run.stream_id}) ran, and the log has no start"


def other_answers(runs: Sequence[ToolRun], may_differ: Collection[str] = ()) -> list[str]:
    """Tools that may be run again, were, and then said something else."""
    said: dict[tuple[StreamId, str], list[ToolRun]] = defaultdict(list)
    for run in runs:
        if run.answer is not None and run.tool not in may_differ:
            said[run.stream_id, run.key].append(run)
    return [
        f"3. {again.tool} is `{again.retry}`, was run again and answered {again.answer!r}, before "
        f"it was {first.answer!r}: is it `never`, or `idempotent` by its key?"
        for first, *others in said.values()
        for again in others[-1:]
        if again.retry in ("safe", "idempotent") and again.answer != first.answer
    ]


# --- mail and tasks ---------------------------------------------------------------------------


def _mail(recorded: Sequence[RecordedEvent[object]]) -> Iterator[str]:
    sent = Counter(one.event.mail.mail_id for one in recorded if isinstance(one.event, e.MailSent))
    boxes: dict[StreamId, list[MailId]] = defaultdict(list)
    taken: dict[StreamId, list[MailId]] = defaultdict(list)
    for one in recorded:
        if isinstance(one.event, MailDelivered):
            boxes[agent_stream_of(one.stream_id)].append(one.event.mail.mail_id)
        elif isinstance(one.event, e.MailTaken):
            taken[one.stream_id] += [mail.mail_id for mail in one.event.mail]
    delivered = Counter(mail_id for box in boxes.values() for mail_id in box)
    yield from (f"4. mail {one} was sent and not delivered" for one in sent - delivered)
    yield from (f"4. mail {one} was delivered twice" for one, n in delivered.items() if n > 1)
    for agent, letters in taken.items():
        if letters != boxes[agent][: len(letters)]:
            yield f"4. {agent} took {letters} of {boxes[agent]}"
    for agent, box in boxes.items():
        alive = any(
            one.stream_id == agent and isinstance(one.event, e.AgentSpawned) for one in recorded
        )
        stopped = any(
            one.stream_id == agent and isinstance(one.event, e.AgentStopped) for one in recorded
        )
        if alive and not stopped and len(taken[agent]) < len(box):
            yield f"4. {agent} left {box[len(taken[agent]) :]} in its inbox"


def agent_stream_of(inbox: StreamId) -> StreamId:
    """The stream of the agent whose inbox this is."""
    return agent_stream(name_of(inbox))  # type: ignore[arg-type]


def _tasks(recorded: Sequence[RecordedEvent[Any]]) -> Iterator[str]:
    """A task is claimed only while nobody has it."""
    boards: dict[StreamId, BoardState] = {}
    for one in recorded:
        if type(one.event) not in BOARD.event_types:
            continue
        board, event = boards.get(one.stream_id, BOARD.initial), one.event
        if isinstance(event, TaskClaimed) and event.task_id in board.tasks:
            owner = board.tasks[event.task_id].owner
            if owner:
                yield f"5. task {event.task_id} of {owner} was claimed by {event.owner}"
        boards[one.stream_id] = BOARD.evolve(board, event)

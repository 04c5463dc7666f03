"""What the offline model does as a teammate: look, claim, work, complete, tell, look again."""

import re
from collections.abc import Sequence

from mentra_actors.demo.conversation import BoardTask, Conversation, Identity
from mentra_actors.demo.findings import (
    CrossCheck,
    Finding,
    Findings,
    Matches,
    NotFound,
    Parts,
    SelfDescription,
    Totals,
    figures_of,
    letter_with,
    many,
)
from mentra_actors.demo.survey_plan import work_in
from mentra_actors.demo.survey_work import Need, next_of_work
from mentra_actors.domain.content import AssistantBlock
from mentra_actors.providers.scripted import call, say

__all__ = ["sentence_for", "teammate_turn"]

_KIND = re.compile(r"kind of task is `([a-z]+)`")
_MOST_TRIES = 3


def teammate_turn(conversation: Conversation, identity: Identity) -> Sequence[AssistantBlock]:
    """The next answer of a teammate."""
    board = conversation.board()
    mine = [t for t in board.values() if t.owner == identity.name and t.status != "completed"]
    workable = [task for task in mine if _tries_to_finish(task, conversation) < _MOST_TRIES]
    if workable:
        return _work(min(workable, key=lambda task: task.id), conversation, identity)
    unsent = _unsent(board, conversation, identity)
    if unsent:
        return _tell_again(unsent[0], conversation, identity)
    if conversation.board_seen_at < _last_change(conversation):
        return [say("I look at the board."), call("task_list")]
    kind = _kind(conversation, identity)
    claimable = [task for task in board.values() if _may_claim(task, kind, conversation)]
    if claimable:
        return _claim(min(claimable, key=lambda task: task.id))
    return [say(_goodbye(board, kind, identity))]


def sentence_for(finding: Finding) -> str:
    """A finding in one sentence."""
    match finding:
        case Totals():
            return figures_of(finding) + "."
        case Parts(parts=parts):
            return f"{many(len(parts), 'part')}, counted one by one."
        case Matches(texts=texts):
            return ", ".join(
                f"{t.text} in {many(t.lines, 'line')} of {many(t.files, 'file')}" for t in texts
            )
        case SelfDescription(file=file, opening=opening):
            return f"{file} says: {opening}" if opening else f"{file} says nothing."
        case CrossCheck(checks=checks):
            return f"{sum(one.holds for one in checks)} of {len(checks)} checks hold."
        case NotFound(reason=reason):
            return f"I could not find it out: {reason}."


# --- one task -----------------------------------------------------------------------------------


def _claim(task: BoardTask) -> Sequence[AssistantBlock]:
    return [
        say(f"Task {task.id} is ready: {task.subject}."),
        call("task_claim", taskId=task.id),
        call("task_update", taskId=task.id, status="in_progress"),
    ]


def _work(
    task: BoardTask, conversation: Conversation, identity: Identity
) -> Sequence[AssistantBlock]:
    found = _finding_of(task, conversation)
    if isinstance(found, Sequence):
        calls = [call(need.tool, **need.arguments) for need in found]
        return [say(f"Task {task.id}: {task.subject}."), *calls]
    return [
        say(f"Task {task.id} is done. {sentence_for(found)}"),
        call("task_update", taskId=task.id, status="completed"),
        call("team_send", to=identity.lead, content=_letter(task, found, identity)),
    ]


def _finding_of(task: BoardTask, conversation: Conversation) -> Sequence[Need] | Finding:
    work = work_in(task.description)
    if work is None:
        return NotFound(reason="the task does not say what kind of work it is")
    claims = [step.at for step in conversation.of("task_claim", taskId=task.id) if step.is_ok]
    return next_of_work(work.name, conversation, claimed_at=max(claims, default=-1))


def _letter(task: BoardTask, found: Finding, identity: Identity) -> str:
    findings = Findings(
        task_id=task.id, subject=task.subject, found_by=identity.name, finding=found
    )
    return letter_with(findings, f"Task {task.id} is done. {sentence_for(found)}")


def _tries_to_finish(task: BoardTask, conversation: Conversation) -> int:
    return len(conversation.of("task_update", taskId=task.id, status="completed"))


# --- what is left over --------------------------------------------------------------------------


def _unsent(
    board: dict[int, BoardTask], conversation: Conversation, identity: Identity
) -> Sequence[BoardTask]:
    """Tasks that are completed and whose findings did not leave."""
    letters = conversation.of("team_send", to=identity.lead)
    unsent: list[BoardTask] = []
    for task in board.values():
        about = [one for one in letters if _is_about(task, str(one.arguments.get("content", "")))]
        was_mine = task.owner == identity.name and task.status == "completed"
        if was_mine and not any(one.is_ok for one in about) and len(about) < _MOST_TRIES:
            unsent.append(task)
    return unsent


def _is_about(task: BoardTask, content: str) -> bool:
    return content.startswith(f"Task {task.id} is done.")


def _tell_again(
    task: BoardTask, conversation: Conversation, identity: Identity
) -> Sequence[AssistantBlock]:
    found = _finding_of(task, conversation)
    if isinstance(found, Sequence):
        found = NotFound(reason="the figures were lost")
    letter = _letter(task, found, identity)
    return [
        say(f"My letter about task {task.id} did not leave; I send it again."),
        call("team_send", to=identity.lead, content=letter),
    ]


# --- the board ----------------------------------------------------------------------------------


def _last_change(conversation: Conversation) -> int:
    """Place of the last thing after which the board may be another one."""
    changes = [step.at for step in conversation.of("task_update", status="completed")]
    refused = [step.at for step in conversation.of("task_claim") if step.is_error]
    return max([conversation.last_input_at, *changes, *refused])


def _may_claim(task: BoardTask, kind: str, conversation: Conversation) -> bool:
    work = work_in(task.description)
    refused = [step for step in conversation.of("task_claim", taskId=task.id) if step.is_error]
    is_mine = work is not None and work.kind == kind
    return task.is_ready and is_mine and len(refused) < _MOST_TRIES


def _kind(conversation: Conversation, identity: Identity) -> str:
    for letter in conversation.letters:
        found = _KIND.search(letter.body)
        if found and letter.sender == identity.lead:
            return found[1]
    return identity.role


def _goodbye(board: dict[int, BoardTask], kind: str, identity: Identity) -> str:
    of_my_kind = [t for t in board.values() if (w := work_in(t.description)) and w.kind == kind]
    blocked = [task for task in of_my_kind if task.status == "pending" and task.blocked_by]
    if blocked:
        waits = ", ".join(str(one) for one in blocked[0].blocked_by)
        return f"Task {blocked[0].id} waits for {waits}. I rest until {identity.lead} writes."
    return "No task of my kind is ready. I rest until somebody writes."

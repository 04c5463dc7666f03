"""What the offline model does as the lead: plan, spawn, wait for letters, report, tell once."""

from collections.abc import Sequence

from mentra_actors.demo.conversation import BoardTask, Conversation, Step
from mentra_actors.demo.findings import Findings, findings_in
from mentra_actors.demo.report import REPORT_FILE, notice_of, report_of
from mentra_actors.demo.survey_plan import MATES, PlannedTask, mate_for, plan_of, work_in
from mentra_actors.domain.content import AssistantBlock
from mentra_actors.providers.scripted import call, say

__all__ = ["lead_turn"]

_LIST_OPERATION = {"op": "list", "path": ".", "limit": 1000}
_MOST_TRIES = 2


def lead_turn(conversation: Conversation) -> Sequence[AssistantBlock]:
    """The next answer of the lead."""
    listed = conversation.of("files")
    if not listed:
        return [
            say("I look at the directory before I plan."),
            call("files", operations=[_LIST_OPERATION]),
        ]
    planned = plan_of(listed[-1].content if listed[-1].is_ok else "")
    steps = (
        _creations(conversation, planned)
        or _spawns(conversation)
        or _look(conversation)
        or _finish(conversation, planned)
        or _wake(conversation)
    )
    return steps or [say(_waiting(conversation, planned))]


# --- planning -----------------------------------------------------------------------------------


def _creations(
    conversation: Conversation, planned: Sequence[PlannedTask]
) -> Sequence[AssistantBlock]:
    board = conversation.board()
    ids = {task.subject: task.id for task in board.values()}
    missing = [task for task in planned if task.subject not in ids]
    if not missing or _given_up(conversation, missing):
        return []
    unsure = [step.at for step in conversation.of("task_create") if step.is_error]
    if unsure and conversation.board_seen_at < max(unsure):
        return [say("A task may be missing; I look at the board."), call("task_list")]
    now = [task for task in missing if not task.is_last] or missing
    blockers = sorted(ids[task.subject] for task in planned if task.subject in ids)
    creations = [
        call(
            "task_create",
            subject=task.subject,
            description=task.description,
            blockedBy=blockers if task.is_last else [],
        )
        for task in now
    ]
    which = "the last task waits for the others" if now[0].is_last else f"{len(now)} tasks"
    return [say(f"I put my plan on the board: {which}."), *creations]


def _given_up(conversation: Conversation, missing: Sequence[PlannedTask]) -> bool:
    """True if a task could not be created again and again."""
    return any(
        len(conversation.of("task_create", subject=task.subject)) >= _MOST_TRIES
        for task in missing
    )


def _spawns(conversation: Conversation) -> Sequence[AssistantBlock]:
    missing = [
        mate
        for mate in MATES
        if not any(map(_is_there, tries := conversation.of("team_spawn", name=mate.name)))
        and len(tries) < _MOST_TRIES
    ]
    calls = [
        call("team_spawn", name=mate.name, role=mate.role, prompt=mate.instruction)
        for mate in missing
    ]
    named = " and ".join(mate.name for mate in missing)
    return [say(f"I ask {named} to join."), *calls] if calls else []


def _is_there(spawn: Step) -> bool:
    return spawn.is_ok or "already exists" in spawn.content


# --- letters ------------------------------------------------------------------------------------


def _look(conversation: Conversation) -> Sequence[AssistantBlock]:
    """A letter says that the board may have changed."""
    newest = max((letter.at for letter in conversation.letters), default=-1)
    if newest <= conversation.board_seen_at:
        return []
    return [say("A letter. I look at the board."), call("task_list")]


def _wake(conversation: Conversation) -> Sequence[AssistantBlock]:
    """Tell the teammate whose task has become ready while it was resting; once per task."""
    for task in conversation.board().values():
        work = work_in(task.description)
        mate = mate_for(work.kind) if work else None
        if mate is None or not task.is_ready or not _was_blocked(task, conversation):
            continue
        letter = f"Task {task.id} is ready for you now: {task.subject}."
        tries = conversation.of("team_send", to=mate.name, content=letter)
        if any(step.is_ok for step in tries) or len(tries) >= _MOST_TRIES:
            continue
        return [
            say(f"Task {task.id} is ready now; I write to {mate.name}."),
            call("team_send", to=mate.name, content=letter),
        ]
    return []


def _was_blocked(task: BoardTask, conversation: Conversation) -> bool:
    created = conversation.of("task_create", subject=task.subject)
    return any(step.arguments.get("blockedBy") for step in created)


def _waiting(conversation: Conversation, planned: Sequence[PlannedTask]) -> str:
    board = conversation.board().values()
    done = sum(task.status == "completed" for task in board)
    if len(board) < len(planned):
        return "I could not put all tasks on the board, so I cannot go on. Please look at it."
    if not conversation.letters:
        return f"{len(planned)} tasks are on the board. I rest until letters come."
    return f"{done} of {len(planned)} tasks are done. I rest until the next letter."


# --- the end ------------------------------------------------------------------------------------


def _finish(
    conversation: Conversation, planned: Sequence[PlannedTask]
) -> Sequence[AssistantBlock]:
    board = conversation.board()
    found = findings_in(letter.body for letter in conversation.letters)
    is_done = all(task.status == "completed" for task in board.values())
    if len(board) < len(planned) or not is_done or not set(board) <= set(found):
        return []
    reports = conversation.of("write", path=REPORT_FILE)
    if not any(step.is_ok for step in reports) and len(reports) < _MOST_TRIES:
        return [
            say("All tasks are done. I write the report."),
            call("write", path=REPORT_FILE, content=report_of(found)),
        ]
    notices = conversation.of("post_notice")
    if not notices and any(step.is_ok for step in reports):
        return [
            say("The report is written. I tell the world, once."),
            call("post_notice", text=notice_of(found)),
        ]
    return [say(_answer(found, reports, notices))]


def _answer(found: dict[int, Findings], reports: Sequence[Step], notices: Sequence[Step]) -> str:
    if not any(step.is_ok for step in reports):
        return f"I could not write {REPORT_FILE}: {reports[-1].content}"
    return f"{notice_of(found)} The report is in {REPORT_FILE}. {_notice_sentence(notices)}"


def _notice_sentence(notices: Sequence[Step]) -> str:
    if not notices:
        return "No notice was posted."
    if notices[0].is_ok:
        return "The notice is posted."
    if notices[0].is_unknown:
        return (
            "Whether the notice was posted is unknown: the process died in the middle of it. "
            "I do not post it again; look into NOTICES.txt."
        )
    return f"The notice could not be posted: {notices[0].content}"

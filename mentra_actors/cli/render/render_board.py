"""A task board as lines for people, and its tasks as JSON for programs."""

from collections.abc import Iterator, Sequence

from rich.text import Text

from mentra_actors.cli.output import local_second
from mentra_actors.domain.board.state import Task, blockers_of, is_ready
from projections.views.task_board import BoardView, TaskTimes, board_groups

__all__ = [
    "BOARD_COLUMNS",
    "board_lines",
    "board_rows",
    "task_document",
    "task_lines",
    "task_state",
]

BOARD_COLUMNS = ("id", "state", "owner", "waits for", "task")

_STATE_STYLES = {
    "completed": "green",
    "in progress": "bold yellow",
    "claimed": "yellow",
    "blocked": "dim",
}
_MARKS = {"ready": " ", "claimed": " ", "blocked": "-", "in progress": ">", "completed": "x"}


def board_lines(view: BoardView, *, most: int | None = None) -> Iterator[tuple[Text, int]]:
    """The board in sections, each line with the column at which it goes on when it is wrapped.

    With `most` no section has more tasks; it says how many are left out.
    """
    groups = board_groups(view)
    width = max((len(str(task.task_id)) for task in view.tasks), default=1)
    sections = (
        ("Ready", groups.ready),
        ("Claimed", groups.claimed),
        ("In Progress", groups.in_progress),
        ("Blocked", groups.blocked),
        ("Completed", groups.completed),
    )
    shown = [(title, tasks) for title, tasks in sections if tasks]
    for place, (title, tasks) in enumerate(shown):
        if place:
            yield Text(), 0
        yield Text(f"{title} ({len(tasks)})", style="bold"), 0
        for task in tasks[:most]:
            head = f"  [{_MARKS[task_state(task, view)]}] {task.task_id:>{width}}: "
            yield _task_line(head, task, view), len(head)
        if left_out := len(tasks[most:]) if most is not None else 0:
            yield Text(f"  … and {left_out:,} more", style="dim"), 2


def _task_line(head: str, task: Task, view: BoardView) -> Text:
    style = _STATE_STYLES.get(task_state(task, view), "")
    line = Text.assemble((head, style), _one_line(task.subject))
    if task.owner:
        line.append(f" @{task.owner}", style="cyan")
    notes = list(_notes(task, view))
    return line.append(f" ({'; '.join(notes)})", style="dim") if notes else line


def _notes(task: Task, view: BoardView) -> Iterator[str]:
    waits = blockers_of(task, view.state)
    if waits:
        yield f"blocked by {', '.join(map(str, waits))}"
    if task.priority:
        yield f"priority {task.priority}"
    if task.expires_at is not None:
        yield f"claimed until {local_second(task.expires_at)}"
    if task.comments:
        yield f"{len(task.comments)} comment{'s' if len(task.comments) > 1 else ''}"


def task_lines(task: Task, view: BoardView) -> Iterator[tuple[Text, int]]:
    """All that is known of one task; see `board_lines`."""
    times = view.times.get(task.task_id, TaskTimes())
    head = f"[{_MARKS[task_state(task, view)]}] {task.task_id}: "
    yield _task_line(head, task, view), len(head)
    said = (
        ("description", task.description),
        ("result", task.result),
        ("directory", task.working_directory),
        ("created", _moment(times.created_at, task.created_by)),
        ("claimed", _moment(times.claimed_at, task.owner)),
        ("completed", _moment(times.completed_at, "")),
    )
    yield Text(), 0
    for name, value in said:
        for place, line in enumerate(value.splitlines()):
            head = f"{'' if place else name:<13}"
            yield Text.assemble((head, "bold"), line), len(head)
    for comment in task.comments:
        head = f"{comment.author}, {local_second(comment.at)}: "
        yield Text.assemble((head, "cyan"), _one_line(comment.text)), 4


def _moment(at: float | None, by: str) -> str:
    if at is None:
        return ""
    return f"{local_second(at)}{f' by {by}' if by else ''}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def board_rows(view: BoardView) -> Sequence[Sequence[Text]]:
    """All tasks in columns, by id."""
    return [_task_row(task, view) for task in view.tasks]


def task_state(task: Task, view: BoardView) -> str:
    """What can happen to a task next, in a word or two."""
    if task.status != "pending":
        return task.status.replace("_", " ")
    if blockers_of(task, view.state):
        return "blocked"
    return "ready" if is_ready(task, view.state) else "claimed"


def _task_row(task: Task, view: BoardView) -> Sequence[Text]:
    state = task_state(task, view)
    waits = ", ".join(map(str, blockers_of(task, view.state)))
    return [
        Text(str(task.task_id)),
        Text(state, style=_STATE_STYLES.get(state, "")),
        Text(task.owner),
        Text(waits),
        Text(task.subject),
    ]


def task_document(task: Task, view: BoardView) -> dict[str, object]:
    """One task, for programs."""
    times = view.times.get(task.task_id, TaskTimes())
    return {
        "id": task.task_id,
        "subject": task.subject,
        "description": task.description,
        "status": task.status,
        "state": task_state(task, view).replace(" ", "_"),
        "owner": task.owner,
        "priority": task.priority,
        "result": task.result,
        "working_directory": task.working_directory,
        "blocked_by": list(task.blocked_by),
        "waits_for": list(blockers_of(task, view.state)),
        "comments": task.comments,
        "created_by": task.created_by,
        "created_at": times.created_at,
        "claimed_at": times.claimed_at,
        "claim_expires_at": task.expires_at,
        "completed_at": times.completed_at,
    }

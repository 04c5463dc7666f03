"""The plan of a survey: which tasks go on the board, and which teammate does which kind."""

import re

import msgspec

__all__ = [
    "LEAD",
    "LINK_TEXTS",
    "MATES",
    "NOTE_TEXTS",
    "Mate",
    "PlannedTask",
    "Work",
    "mate_for",
    "plan_of",
    "readme_in",
    "work_in",
]

LEAD = "lead"
NOTE_TEXTS = ("TO" + "DO", "FIX" + "ME")  # so written, a search for them passes this file over
LINK_TEXTS = ("https://",)

_WORK = re.compile(r"Kind: ([a-z]+)\. Work: ([a-z_]+)\.")
_README = re.compile(r"^\[file\] (README[A-Za-z0-9_.-]*)$", re.MULTILINE | re.IGNORECASE)


class Mate(msgspec.Struct, frozen=True, kw_only=True):
    """A teammate of the survey; it does the tasks of one kind."""

    name: str
    role: str
    kind: str

    @property
    def instruction(self) -> str:
        """Its first letter."""
        return (
            f"Your kind of task is `{self.kind}`. Look at the board (task_list), claim the ready "
            "tasks of your kind one after the other (task_claim), do what they say with your "
            f"tools, complete them (task_update) and mail your findings to {LEAD} (team_send). "
            "When no task of your kind is ready, end your turn: mail wakes you."
        )


MATES = (
    Mate(name="ada", role="counter", kind="count"),
    Mate(name="grace", role="searcher", kind="search"),
)


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What the description of a task asks for."""

    kind: str
    name: str


class PlannedTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task that is to stand on the board; `is_last` waits for all others."""

    subject: str
    text: str
    work: Work
    is_last: bool = False

    @property
    def description(self) -> str:
        """Details for whoever does it; `work_in` reads them."""
        return f"{self.text} Kind: {self.work.kind}. Work: {self.work.name}."


def plan_of(listing: str) -> tuple[PlannedTask, ...]:
    """The tasks for a directory whose entries `files` has listed."""
    readme = readme_in(listing)
    tasks = [
        _task("Count files, lines and bytes", "Use count_files on '.'.", "count", "totals"),
        _task("Count each part", "Use count_files with per='part'.", "count", "parts"),
        _task("Find open notes", f"Lines with {' or '.join(NOTE_TEXTS)}.", "search", "notes"),
        _task("Find web links", f"Lines with {' or '.join(LINK_TEXTS)}.", "search", "links"),
    ]
    if readme:
        text = f"Read {readme} and find its headings."
        tasks.append(_task("Read what it says of itself", text, "search", "readme"))
    check = _task("Cross-check the totals", "Count again and compare.", "count", "check")
    return (*tasks, msgspec.structs.replace(check, is_last=True))


def readme_in(listing: str) -> str:
    """The first README that `files` has listed; empty if there is none."""
    found = _README.search(listing)
    return found[1] if found else ""


def work_in(description: str) -> Work | None:
    """What a task asks for, if it is a task of a survey."""
    found = _WORK.search(description)
    return Work(kind=found[1], name=found[2]) if found else None


def mate_for(kind: str) -> Mate | None:
    """The teammate that does this kind of task."""
    return next((mate for mate in MATES if mate.kind == kind), None)


def _task(subject: str, text: str, kind: str, name: str) -> PlannedTask:
    return PlannedTask(subject=subject, text=text, work=Work(kind=kind, name=name))

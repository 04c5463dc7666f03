"""A call that waits for a person, as a chat asks about it. Pure."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from rich.text import Text

from mentra_actors.cli.chat.shown import Line, line
from mentra_actors.cli.render.render_preview import preview_lines
from mentra_actors.domain.rule_match import shown_call
from mentra_actors.domain.tool_call import unexplained_request
from projections.views.approvals import Approval
from projections.views.sentence_words import counted

__all__ = ["Question", "asked_lines", "question_keys"]

_MOST_LINES = 30
_EDITS = (("old_string", "new_string"), ("old", "new"))


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A call that waits, and which of its offers would be remembered (from 0)."""

    approval: Approval
    chosen: int = 0

    @classmethod
    def about(cls, approval: Approval) -> "Question":
        """With the offer between exactly this call and every call, if there is one."""
        return cls(approval=approval, chosen=1 if len(approval.offers) > 2 else 0)  # noqa: PLR2004

    def choosing(self, number: int) -> "Question":
        """With another offer, counted from 1; as it is if there is none."""
        if not 1 <= number <= len(self.approval.offers):
            return self
        return msgspec.structs.replace(self, chosen=number - 1)


def asked_lines(one: Approval, me: str) -> Sequence[Line]:
    """What is asked: whose call, why, and what it would do."""
    who = "" if one.agent_name == me else f"{one.agent_name}: "
    head = Line(Text.assemble(("? ", "bold magenta"), (f"{who}{one.tool}", "bold")))
    why = one.description
    reason = [line(f"  {why}")] if why != unexplained_request(one.tool) else []
    lines = list(_changes(one)) or [line(f"  {words}") for words in _previewed(one)]
    left = len(lines) - _MOST_LINES
    more = [line(f"  … {counted(left, 'more line')}", "yellow")] if left > 0 else []
    return [line(""), head, *reason, *lines[:_MOST_LINES], *more]


def question_keys(question: Question) -> Sequence[str]:
    """What may be pressed, the most usual first."""
    offers = question.approval.offers
    words = offers[question.chosen].words
    exact = question.chosen == 0 and len(offers) > 1
    what = "exactly this call" if exact else words
    keys = ["y once · n no", f"a session, p project: {what}"]
    return [*keys, f"1-{len(offers)} what is remembered"] if len(offers) > 1 else keys


def _previewed(one: Approval) -> list[str]:
    return [line for part in preview_lines(one) for line in part.splitlines()]


def _changes(one: Approval) -> Iterator[Line]:
    """Edits as what goes and what comes; nothing for calls that are no edits of files."""
    shown = shown_call(one.tool, one.preview, is_by_tool=one.is_by_tool).structured
    if shown is None or not one.is_by_tool:
        return
    operations = shown.get("operations")
    if not isinstance(operations, list) or not all(isinstance(o, Mapping) for o in operations):
        return
    if not all(_edits(o) or isinstance(o.get("content"), str) for o in operations):
        return
    for operation in operations:
        yield line(f"  {operation.get('op')} {_place(operation, shown)}")
        for old, new in _edits(operation) or [("", operation["content"])]:
            yield from (line(f"  - {words}", "red") for words in old.splitlines())
            yield from (line(f"  + {words}", "green") for words in new.splitlines())
        yield from (line(f"  {words}", "yellow") for words in _flags(operation))


def _place(operation: Mapping[str, object], shown: Mapping[str, object]) -> str:
    """A path as it was written, and where it leads if that is not below the directory."""
    path, real = str(operation.get("path")), operation.get("resolved_path")
    plain = posixpath.join(str(shown.get("working_directory")), path)
    return path if real == plain else f"{path}  ({real})"


def _flags(operation: Mapping[str, object]) -> Iterator[str]:
    """What else the operation says."""
    told = {"op", "path", "resolved_path", "edits", "content"}
    told |= {name for pair in _EDITS for name in pair}
    for name, value in operation.items():
        if name not in told and value not in (None, "", False, [], {}):
            yield f"{name}: {value}"


def _edits(operation: Mapping[str, object]) -> list[tuple[str, str]]:
    """Pairs of old and new text; none if they are not all plain text."""
    edits = operation.get("edits", [operation])
    if not isinstance(edits, list):
        return []
    found: list[tuple[str, str]] = []
    for edit in edits:
        for old, new in _EDITS:
            if isinstance(edit, Mapping) and isinstance(edit.get(old), str):
                found.append((edit[old], str(edit.get(new, ""))))
    return found if len(found) == len(edits) else []

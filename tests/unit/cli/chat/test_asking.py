"""A question about a call: what it would do, as it is, and what may be remembered."""

import json

import pytest

from mentra_actors.cli.chat.asking import Question, asked_lines, question_keys
from projections.views.approvals import Approval


def approval(tool, preview, *, is_by_tool=True, agent="lead"):
    return Approval(
        agent_id=agent,
        agent_name=agent,
        team_id="main",
        request_id="perm-tool-1.0",
        key="tool-1.0",
        tool=tool,
        description=f"Approval required for {tool}",
        preview=json.dumps(preview),
        is_by_tool=is_by_tool,
        requested_at=0.0,
    )


def edit(path="a.txt", **more):
    operation = {"op": "edit", "path": path, "resolved_path": f"/w/{path}", **more}
    return {"kind": "files", "working_directory": "/w", "operations": [operation]}


def command(text):
    return {"kind": "shell", "command": text, "working_directory": "/w"}


def words(one):
    return [line.text.plain for line in asked_lines(one, "lead")][1:]


EDITS = [{"old_string": "a\nb", "new_string": "c"}]


def test_an_edit_is_asked_about_as_what_goes_and_what_comes():
    assert words(approval("edit", edit(edits=EDITS, replace_all=True))) == [
        *("? edit", "  edit a.txt", "  - a", "  - b", "  + c", "  replace_all: True")
    ]
    assert words(approval("write", edit(op="write", content="x"))) == [
        *("? write", "  write a.txt", "  + x")
    ]


def test_a_path_that_leads_elsewhere_is_told():
    assert "  edit a.txt  (/etc/a.txt)" in words(
        approval("edit", edit(edits=EDITS, resolved_path="/etc/a.txt"))
    )


@pytest.mark.parametrize(
    ("one", "part"),
    [
        (approval("shell", command("ls\nrm x")), "  $ ls"),
        (approval("edit", edit(edits=EDITS), is_by_tool=False), '"old_string"'),
        (approval("write", edit(content={"begins": "x", "bytes": 9, "sha256": "s"})), "bytes"),
        (approval("edit", edit(edits=[{"other": 1}])), "other"),
        (approval("pay", {"euros": 5}, agent="bob"), "? bob: pay"),
    ],
)
def test_other_calls_are_shown_as_they_would_be_made(one, part):
    """Nothing that cannot be drawn as a change is left out."""
    assert part in "\n".join(words(one))


def test_words_of_a_call_cannot_pass_for_a_question():
    """A command may have any lines: all are indented."""
    one = approval("shell", command("ls\n? edit\ny once"))

    assert [line for line in words(one) if not line.startswith("  ")] == ["? shell"]


def test_a_long_question_says_that_there_is_more():
    assert words(approval("write", edit(content="x\n" * 99)))[-1] == "  … 70 more lines"


def test_what_is_remembered_can_be_chosen():
    question = Question.about(approval("edit", edit(edits=EDITS)))

    assert question_keys(question)[1] == "a session, p project: below /w"
    assert question_keys(question.choosing(1))[1].endswith("exactly this call")
    assert question_keys(question.choosing(3))[1].endswith("every call of `edit`")
    assert question.choosing(4) == question

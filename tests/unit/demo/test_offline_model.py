"""The offline model plans over what the messages hold, whatever happened to the process."""

import json

import anyio
import msgspec
import pytest

from mentra_actors.demo.findings import Findings, NotFound, letter_with
from mentra_actors.demo.offline_model import OfflineModel, offline_turn
from mentra_actors.demo.report import REPORT_FILE
from mentra_actors.demo.survey_plan import plan_of
from mentra_actors.domain.content import (
    AssistantMessage,
    TextBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.model_call import ModelRequest, ToolSpec
from mentra_actors.domain.transcript import mail_text, unknown_outcome_text
from mentra_actors.errors import UnknownModel

LISTING = "list .\n[dir] src\n[file] README.md\n[file] b.txt"
LEAD_TOOLS = [
    "files",
    "write",
    "count_files",
    "count_matches",
    "post_notice",
    "team_spawn",
    "team_send",
    "task_create",
    "task_claim",
    "task_update",
    "task_list",
]
MATE_TOOLS = [name for name in LEAD_TOOLS if name not in ("team_spawn", "task_create")]
ADA = "You are teammate 'ada' with role 'counter' on a team led by 'lead'. Mail reaches you"
INSTRUCTION = "Your kind of task is `count`. Look at the board."


def prompt(text="Survey this directory."):
    return UserMessage(text=text)


def letter(sender, body):
    mail = Mail(mail_id="m", sender=sender, to="x", body=body, sent_at=0.0)
    return UserMessage(text=mail_text(mail), source="mail")


def exchange(*calls):
    """An answer with calls, and their results: (tool, arguments, content[, is_error])."""
    blocks, results = [], []
    for index, (tool, arguments, content, *rest) in enumerate(calls):
        call_id = f"c{index}"
        text = json.dumps(arguments)
        blocks.append(ToolCallBlock(call_id=call_id, name=tool, arguments=text))
        is_error = bool(rest and rest[0])
        results.append(
            ToolResultBlock(call_id=call_id, name=tool, content=content, is_error=is_error)
        )
    return [AssistantMessage(blocks=tuple(blocks)), ToolResultsMessage(results=tuple(results))]


def task(number, planned, **changes):
    shown = {
        "id": number,
        "subject": planned.subject,
        "description": planned.description,
        "status": "pending",
        "owner": "",
        "blockedBy": [],
    }
    return {**shown, **changes}


def board(*tasks):
    return exchange(("task_list", {}, json.dumps({"tasks": list(tasks)})))


def answer(messages, *, tools=LEAD_TOOLS, system=""):
    specs = tuple(ToolSpec(name=name, description="", input_schema="{}") for name in tools)
    request = ModelRequest(model="survey", messages=messages, system=system, tools=specs)
    blocks = offline_turn(request)
    assert offline_turn(request) == blocks, "the model remembers something"
    calls = [
        (block.name, json.loads(block.arguments))
        for block in blocks
        if isinstance(block, ToolCallBlock)
    ]
    return calls, " ".join(block.text for block in blocks if isinstance(block, TextBlock))


def as_ada(messages):
    return answer([letter("lead", INSTRUCTION), *messages], tools=MATE_TOOLS, system=ADA)


LISTED = exchange(("files", {"operations": []}, LISTING))
PLAN = plan_of(LISTING)
CREATED = exchange(
    *(
        ("task_create", {"subject": one.subject}, json.dumps(task(n, one)))
        for n, one in enumerate(PLAN, start=1)
    )
)
SPAWNED = exchange(
    ("team_spawn", {"name": "ada"}, "Spawned persistent teammate 'ada'"),
    ("team_spawn", {"name": "grace"}, "Failed: Team member 'grace' already exists", True),
)
AT_WORK = [prompt(), *LISTED, *CREATED, *SPAWNED]
COMPLETED = [task(n, one, status="completed") for n, one in enumerate(PLAN, start=1)]


def finding(number):
    found = Findings(
        task_id=number,
        subject=PLAN[number - 1].subject,
        found_by="ada",
        finding=NotFound(reason="gone"),
    )
    return letter("ada", letter_with(found, f"Task {number} is done."))


def all_letters(order):
    return [finding(number) for number in order]


# --- the lead -----------------------------------------------------------------------------------


def test_the_lead_looks_before_it_plans():
    """A plan that does not depend on the directory would be no plan."""
    calls, _ = answer([prompt()])

    assert [name for name, _ in calls] == ["files"]


def test_the_plan_depends_on_what_the_directory_holds():
    """Nobody is asked to read a README that is not there."""
    subjects = [one.subject for one in plan_of("list .\n(no entries)")]

    assert "Read what it says of itself" not in subjects
    assert len(plan_of(LISTING)) == len(subjects) + 1


def test_the_last_task_waits_for_the_ids_that_the_board_has_given():
    """Ids are the board's to give; they need not begin with 1."""
    others = [one for one in PLAN if not one.is_last]
    created = exchange(
        *(
            ("task_create", {"subject": one.subject}, json.dumps(task(10 + n, one)))
            for n, one in enumerate(others)
        )
    )
    calls, _ = answer([prompt(), *LISTED, *created])

    assert [arguments["blockedBy"] for _, arguments in calls] == [[10, 11, 12, 13, 14]]


def test_a_task_of_unknown_outcome_is_looked_for_before_it_is_made_again():
    """Made twice it would be done twice."""
    lost = exchange(
        ("task_create", {"subject": PLAN[0].subject}, unknown_outcome_text("it died"), True)
    )
    calls, _ = answer([prompt(), *LISTED, *lost])

    assert calls == [("task_list", {})]


def test_a_teammate_that_is_there_already_is_not_spawned_again():
    """After a restart the spawn may be answered by a refusal; the teammate is there."""
    calls, text = answer(AT_WORK)

    assert calls == []
    assert "rest" in text


def test_the_lead_wakes_the_teammate_whose_task_has_become_ready():
    """A resting teammate does not poll, so somebody must write."""
    blocked = exchange(
        (
            "task_create",
            {"subject": PLAN[-1].subject, "blockedBy": [1]},
            json.dumps(task(len(PLAN), PLAN[-1])),
        )
    )
    ready = [*COMPLETED[:-1], task(len(PLAN), PLAN[-1])]
    messages = [prompt(), *LISTED, *CREATED, *blocked, *SPAWNED, finding(1), *board(*ready)]
    calls, _ = answer(messages)
    ((name, arguments),) = calls

    assert (name, arguments["to"]) == ("team_send", "ada")
    sent = exchange(("team_send", arguments, "Sent message to 'ada'"))
    assert answer([*messages, *sent])[0] == []


@pytest.mark.parametrize(
    "order", [(1, 2, 3, 4, 5, 6), (6, 5, 4, 3, 2, 1), (2, 2, 6, 1, 3, 3, 5, 4)]
)
def test_letters_in_any_order_and_twice_give_the_same_report(order):
    """Mail of two teammates may interleave in any way."""
    calls, _ = answer([*AT_WORK, *all_letters(order), *board(*COMPLETED)])
    expected, _ = answer([*AT_WORK, *all_letters(range(1, 7)), *board(*COMPLETED)])

    assert calls == expected
    assert calls[0][0] == "write"


def test_without_all_letters_there_is_no_report():
    """A report without a finding would be wrong for ever."""
    calls, _ = answer([*AT_WORK, *all_letters([1, 2, 3]), *board(*COMPLETED)])

    assert calls == []


WRITTEN = exchange(("write", {"path": REPORT_FILE}, "Wrote 9 byte(s)"))


def test_a_notice_of_unknown_outcome_is_not_posted_again():
    """What cannot be taken back is not repeated on a guess."""
    lost = exchange(("post_notice", {"text": "x"}, unknown_outcome_text("it died"), True))
    done = [*AT_WORK, *all_letters(range(1, 7)), *board(*COMPLETED), *WRITTEN]

    assert [name for name, _ in answer(done)[0]] == ["post_notice"]
    calls, text = answer([*done, *lost])
    assert calls == []
    assert "unknown" in text
    assert "not post it again" in text


# --- a teammate ---------------------------------------------------------------------------------


def test_a_teammate_claims_the_first_ready_task_of_its_kind():
    """The owner of a task does not depend on who is faster."""
    tasks = [task(n, one) for n, one in enumerate(PLAN, start=1)]
    calls, _ = as_ada(board(*reversed(tasks)))

    assert calls[0] == ("task_claim", {"taskId": 1})


def test_a_teammate_rests_while_its_task_is_blocked():
    """Waiting in a loop would cost a model call per turn."""
    tasks = [*COMPLETED[:-1], task(6, PLAN[-1], blockedBy=[5])]
    calls, text = as_ada(board(*tasks))

    assert calls == []
    assert "waits for 5" in text


def test_a_refused_claim_leads_to_a_look_at_the_board():
    """Somebody else may have been given the task."""
    refused = exchange(("task_claim", {"taskId": 1}, "Failed: already owned by 'bob'", True))
    calls, _ = as_ada([*board(task(1, PLAN[0])), *refused])

    assert calls == [("task_list", {})]


def test_a_task_that_is_always_refused_is_left_alone():
    """A broken board must not keep a model busy for ever."""
    refused = exchange(("task_claim", {"taskId": 1}, "no", True))
    look = board(task(1, PLAN[0]))
    calls, _ = as_ada([*look, *refused, *look, *refused, *look, *refused, *look])

    assert calls == []


def in_work(*steps):
    owned = task(1, PLAN[0], owner="ada", status="in_progress")
    return [*board(owned), *(message for step in steps for message in step)]


def test_a_read_of_unknown_outcome_is_done_again():
    """Counting twice does no harm."""
    count = ("count_files", {"path": ".", "per": "suffix"})
    lost = exchange((*count, unknown_outcome_text("it died"), True))

    assert as_ada(in_work(lost))[0] == [count]
    assert as_ada(in_work(lost, lost))[0][0][0] == "task_update"


def test_a_tool_that_fails_gives_a_finding_that_says_so():
    """One broken tool must not stop the team."""
    failed = exchange(("count_files", {"path": ".", "per": "suffix"}, "disk on fire", True))
    calls, _ = as_ada(in_work(failed))

    assert [name for name, _ in calls] == ["task_update", "team_send"]
    assert "disk on fire" in calls[1][1]["content"]


def test_a_letter_that_did_not_leave_is_sent_again():
    """A completed task without its finding would stop the report."""
    failed = exchange(("count_files", {"path": ".", "per": "suffix"}, "disk on fire", True))
    calls, _ = as_ada(in_work(failed))
    done = task(1, PLAN[0], owner="ada", status="completed")
    told = exchange(
        (*calls[0], json.dumps({"task": done})), (*calls[1], "Failed: the mailbox is full", True)
    )
    again, _ = as_ada([*in_work(failed), *told])

    assert again == [calls[1]]


def test_mail_in_the_middle_of_work_does_not_disturb_it():
    """Mail stands between results and the next answer, wherever it arrives."""
    count = ("count_files", {"path": ".", "per": "suffix"})
    calls, _ = as_ada([*in_work(), letter("lead", "Task 6 is ready for you now.")])

    assert calls == [count]


# --- the provider -------------------------------------------------------------------------------


def test_another_model_name_is_refused():
    """A typing error is said before anything is recorded."""
    with pytest.raises(UnknownModel, match="offline:survey"):
        OfflineModel().stream(ModelRequest(model="poem", messages=()))


def test_the_answer_comes_in_small_pieces():
    """There is something to watch."""

    async def events():
        request = ModelRequest(model="survey", messages=(prompt(),))
        return [event async for event in OfflineModel().stream(request)]

    *pieces, finished = anyio.run(events)

    assert len(pieces) > 1
    assert msgspec.to_builtins(finished)["reply"]["stop_reason"] == "end_turn"
    assert "not a language model" in "".join(piece.text for piece in pieces)

"""Runs that break off: what is kept, what is taken back, how they go on, what is undone."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from agent_words import (
    PROFILE,
    agent,
    asked,
    failed,
    finished,
    go,
    mail,
    only,
    recovered,
    said,
    told,
)

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.effects import CompensateCall
from mentra_actors.domain.agent.profile import ProfileChanges
from mentra_actors.domain.agent.run_options import RunOptions


def resume(command_id="r1", now=200.0, **options):
    chosen = RunOptions(**options) if options else None
    return c.ResumeRun(command_id=command_id, now=now, options=chosen)


def broken_in_round_2(**options):
    """One finished round, and a second model call that fails for good."""
    busy = agent().when(go(**options)).when(asked("safe")).when(finished())
    return busy.when(failed("model-2", transient=False))


# --- suspend ----------------------------------------------------------------------------------


def test_a_failed_run_keeps_its_rounds_and_goes_on_where_it_was():
    """Nineteen paid rounds are not thrown away because the twentieth failed."""
    broken = broken_in_round_2()
    answer = broken.when(resume())

    assert broken.state.leaf == 3  # prompt, answer, results
    assert told(answer) == ["RunStarted lead/run-2", "ModelCallRequested model-3"]
    started = only(answer, e.RunStarted)
    assert (started.resumes, started.asked_by) == ("lead/run-1", "r1")
    assert only(answer, e.ModelCallRequested).round == 1


def test_what_is_given_to_a_run_leaves_the_other_options_as_they_are():
    """A deadline for one prompt must not lift the budget of the agent, nor one for a resume."""
    own = RunOptions(token_budget=9_000, approvals="refuse")
    late = RunOptions(deadline_s=60.0)
    prompt = c.AcceptPrompt(
        prompt_id="p1", text="go", now=1.0, options=late, given=("deadline_s", "no such")
    )
    begun = agent(run=own).when(prompt)
    broken = begun.when(failed(transient=False))
    again = c.ResumeRun(
        command_id="r1", now=9.0, options=RunOptions(tool_budget=2), given=("tool_budget",)
    )

    expected = RunOptions(token_budget=9_000, approvals="refuse", deadline_s=60.0)
    assert begun.state.run.options == expected
    assert broken.when(again).state.run.options == RunOptions(
        token_budget=9_000, approvals="refuse", deadline_s=60.0, tool_budget=2
    )


def test_a_run_is_resumed_once():
    """A second wish finds nothing to go on with."""
    answer = broken_in_round_2().when(resume()).when(said(reply_to="model-3"))

    assert answer.when(resume()) == []  # the same wish again
    assert answer.when(resume("r2")).rejects("no run was broken off")
    assert agent().when(resume()).rejects("no run was broken off")


def test_a_run_that_is_open_cannot_be_resumed():
    """Two runs at once would mix their words."""
    busy = agent().when(go())

    assert busy.when(resume()).rejects("lead/run-1 is open")


def test_a_cancelled_run_can_be_resumed_too():
    """A person who cancels in haste loses nothing."""
    busy = agent().when(go()).when(asked("safe", "never")).when(finished())
    answer = busy.when(c.CancelRun(now=6.0)).when(resume())

    assert told(answer) == ["RunStarted lead/run-2", "ModelCallRequested model-2"]


def test_a_run_that_used_its_rounds_goes_on_with_new_ones():
    """The limit is one of a run."""
    busy = agent(max_rounds=1).when(go()).when(asked("safe")).when(finished())

    assert only(busy, e.RunFailed).kind == "max_rounds"
    assert told(busy.when(resume()))[-1] == "ModelCallRequested model-2"


def test_a_resumed_run_may_have_other_options():
    """What stopped it can be lifted."""
    broken = broken_in_round_2(model_budget=2)

    assert only(broken.when(resume()), e.RunStarted).options.model_budget == 2
    assert only(broken.when(resume(model_budget=9)), e.RunStarted).options.model_budget == 9


def test_a_moment_that_is_past_is_not_the_deadline_of_a_resumed_run():
    """Else no run that missed its deadline could go on."""
    busy = agent().when(go(deadline_at=5.0))
    late = busy.when(c.ExpireRun(run_id="lead/run-1", limit="deadline", now=5.0))

    assert told(late.when(resume())) == ["RunStarted lead/run-2", "ModelCallRequested model-2"]


def test_a_run_that_broke_at_an_answer_ends_with_it():
    """A failed strategy after the answer: without it, the answer is the answer."""
    busy = agent().when(go(strategy="careful")).when(said("forty-two"))
    fault = c.RecordRoundDecision(effect_id="round-1", now=4.0, fault="it raised")
    answer = busy.when(fault).when(resume(retry_budget=1))

    assert told(answer) == ["RunStarted lead/run-2", "RunFinished lead/run-2"]
    assert only(answer, e.RunFinished).answer == "model-1"


def test_a_new_prompt_goes_on_from_what_there_is():
    """Nobody has to resume; the next question is just the next question."""
    answer = broken_in_round_2().when(go("p2", now=300.0))

    assert told(answer)[-1] == "ModelCallRequested model-3"
    assert answer.state.resumable is None


def test_what_had_come_of_an_answer_when_the_run_was_cancelled_is_kept():
    """It was read, and perhaps paid for; but the run has ended without it."""
    ended = agent().when(go()).when(c.CancelRun(now=6.0))
    half = c.RecordAbandonedAnswer(
        effect_id="model-1", partial=c.PartialAnswer(text="The ans"), now=6.1
    )
    answer = ended.when(half)

    assert only(answer, e.AnswerAbandoned).partial_text == "The ans"
    assert answer.when(half) == []
    assert agent().when(go()).when(half) == []  # it is pending: the call goes on elsewhere


# --- rollback ---------------------------------------------------------------------------------


def test_a_run_that_is_taken_back_leaves_the_conversation_as_it_was():
    """All or nothing, by choice: the leaf goes back, and the rounds stay in the log."""
    broken = broken_in_round_2(on_failure="rollback")

    assert told(broken)[-2:] == ["RunFailed lead/run-1", "LeafMoved 0"]
    assert only(broken, e.RunFailed).is_rolled_back
    assert (broken.state.leaf, broken.state.entries) == (0, 3)


def test_a_run_that_was_taken_back_begins_anew_from_its_prompt():
    """The same message again, from scratch."""
    answer = broken_in_round_2(on_failure="rollback").when(resume())

    assert told(answer) == [
        "RunStarted lead/run-2",
        "LeafMoved 1",
        "ModelCallRequested model-3",
    ]
    assert answer.state.leaf == 1
    again = answer.when(failed("model-3", transient=False))
    assert again.state.leaf == 0  # back to before the first run


def test_a_cancelled_run_is_taken_back_too():
    """Whatever ended it without an answer."""
    cancelled = agent().when(go(on_failure="rollback")).when(c.CancelRun(now=6.0))

    assert told(cancelled) == ["RunCancelled lead/run-1", "LeafMoved 0"]


def test_mail_of_a_run_that_is_taken_back_waits_again_and_does_not_wake():
    """Else a run that always fails would begin again for ever."""
    options = RunOptions(on_failure="rollback")
    busy = agent(run=options).when(mail("m1", through=1))
    broken = busy.when(failed(transient=False))

    assert told(broken)[-3:] == [
        "RunFailed lead/run-1",
        "InputReturned lead/run-1",
        "LeafMoved 0",
    ]
    assert broken.state.waiting_mail == ("m1",)
    assert broken.pending == {}
    woken = broken.when(mail("m2", after=1, through=2))
    assert only(woken, e.InputPlaced).mail_ids == ("m1", "m2")
    assert only(broken.when(resume()), e.InputPlaced).mail_ids == ("m1",)


# --- undoing ----------------------------------------------------------------------------------


def undone(key="tool-1.0", attempt=1, **more):
    return c.RecordCompensation(key=key, attempt=attempt, content="undone", now=7.0, **more)


def with_two_calls(**options):
    """Two calls that can be undone and one that cannot, then a failure."""
    busy = agent().when(go(**options)).when(asked("never~", "never", "never~"))
    for number in range(3):
        busy = busy.when(finished(f"tool-1.{number}"))
    return busy.when(failed("model-2", transient=False))


def test_a_run_that_is_taken_back_undoes_its_calls_the_last_first():
    """A charge is refunded before the booking it was for is cancelled."""
    broken = with_two_calls(on_failure="rollback")
    first = broken.when(undone("tool-1.2"))
    second = first.when(undone("tool-1.0"))

    assert told(broken)[-1] == "ToolCallCompensationStarted tool-1.2"
    (effect,) = broken.pending.values()
    assert effect == CompensateCall(
        key="tool-1.2",
        tool="tool",
        arguments='{"n": 2}',
        idempotency_key="agent-lead/tool-1.2",
        is_known=True,
        attempt=1,
    )
    assert told(first) == [
        "ToolCallCompensated tool-1.2",
        "ToolCallCompensationStarted tool-1.0",
    ]
    assert (told(second), second.pending) == (["ToolCallCompensated tool-1.0"], {})


def test_a_suspended_run_undoes_nothing_unless_somebody_wants_it():
    """What is kept is kept; giving up is a decision."""
    broken = with_two_calls()
    wish = c.CompensateRun(now=6.0)
    undoing = broken.when(wish)

    assert broken.pending == {}
    assert told(undoing)[-1] == "ToolCallCompensationStarted tool-1.2"
    assert undoing.when(wish).rejects("no run was broken off")
    assert undoing.when(resume()).rejects("being undone")


def test_undoing_that_does_not_end_is_given_up_when_somebody_wants_it():
    """A refund that hangs must not keep the agent from ever running again."""
    broken = with_two_calls(on_failure="rollback")
    answer = broken.when(c.GiveUpUndoing(now=9.0, reason="enough"))

    assert told(answer) == ["ToolCallCompensated tool-1.2", "ToolCallCompensated tool-1.0"]
    assert [one.content for one in answer.events] == [
        "Given up (enough) while it was being undone",
        "Given up (enough)",
    ]
    assert (answer.pending, answer.state.compensations) == ({}, ())
    assert answer.when(undone("tool-1.2")) == []
    assert broken.when(c.CancelRun(now=9.0)) == [], "it came late, and was meant for the run"


def test_a_call_that_failed_is_not_undone_and_one_that_may_have_happened_is():
    """The tool is told that nobody knows."""
    outcome = c.RecordToolOutcome
    busy = agent().when(go(on_failure="rollback")).when(asked("never~", "never~"))
    error = type(finished().outcome)(content="no", is_error=True)
    failed_ = busy.when(outcome(key="tool-1.0", outcome=error, now=4.0))
    cancelled = failed_.when(c.CancelRun(now=6.0))

    (effect,) = cancelled.pending.values()
    assert (effect.key, effect.is_known) == ("tool-1.1", False)


def test_a_failure_to_undo_is_told_and_the_others_are_undone():
    """One that cannot be undone must not keep the rest from it."""
    first = with_two_calls(on_failure="rollback").when(undone("tool-1.2", is_error=True))

    assert only(first, e.ToolCallCompensated).is_error
    assert told(first)[-1] == "ToolCallCompensationStarted tool-1.0"


def test_undoing_comes_before_the_next_run():
    """A new question must not find the old one's traces half removed."""
    broken = with_two_calls(on_failure="rollback").when(go("p2", now=6.0))
    first = broken.when(undone("tool-1.2"))
    second = first.when(undone("tool-1.0"))

    assert told(broken) == ["PromptAccepted p2"]
    assert told(second)[1] == "RunStarted lead/run-2"


def test_a_crash_while_undoing_undoes_again_with_the_same_key():
    """Undoing must be idempotent: its tool dedupes on the key."""
    again = with_two_calls(on_failure="rollback").when(recovered())

    assert told(again) == ["AgentRecovered", "ToolCallCompensationStarted tool-1.2"]
    assert only(again, e.ToolCallCompensationStarted).attempt == 2
    assert again.when(undone("tool-1.2", attempt=1)) == []
    for _ in range(4):
        again = again.when(recovered())
    assert only(again, e.ToolCallCompensated).is_error
    assert told(again)[-1] == "ToolCallCompensationStarted tool-1.0"


# --- crashes ----------------------------------------------------------------------------------


def test_a_process_that_ends_while_the_model_answers_keeps_what_had_come():
    """The half answer is shown as such, and the model is asked again."""
    died = agent().when(go()).when(recovered(model_1="The ans"))

    event = only(died, e.ModelCallFailed)
    assert (event.kind, event.partial_text) == ("interrupted", "The ans")
    assert only(died, e.ModelCallRequested).attempt == 2


def test_a_retry_wait_is_waited_on():
    """Nothing had been sent, so nothing was lost and nothing counts."""
    waiting = agent().when(go()).when(failed(now=100.0))
    died = waiting.when(recovered(now=100.2))

    assert told(died) == ["AgentRecovered"]
    assert list(died.pending) == ["model-2"]


def test_a_model_call_that_kills_its_process_each_time_is_given_up():
    """An answer that cannot be taken must not take the team down for ever."""
    answer = agent().when(go(retry_budget=0))
    for _ in range(6):
        answer = answer.when(recovered())

    assert only(answer, e.RunFailed).kind == "interrupted"


# --- options of the agent ---------------------------------------------------------------------


def test_options_change_from_the_next_model_call_on():
    """Model, reasoning, tools and limits, also while a run is open."""
    change = c.Configure(
        changes=ProfileChanges(model="scripted:other", tools=("a",), temperature=None), now=3.0
    )
    busy = agent().when(go()).when(asked("safe")).when(change)
    answer = busy.when(finished())

    changes = only(busy, e.AgentReconfigured).changes
    assert (changes.model, changes.tools) == ("scripted:other", ("a",))
    assert changes == ProfileChanges(model="scripted:other", tools=("a",))  # the rest is as it was
    assert answer.pending["model-2"].profile.model == "scripted:other"
    assert busy.when(change) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (ProfileChanges(model="gpt"), "a model is provider:name"),
        (ProfileChanges(max_rounds=-1), "max_rounds must not be negative"),
        (ProfileChanges(run=RunOptions(tool_budget=-1)), "tool_budget must not be negative"),
    ],
)
def test_options_that_no_agent_could_have_are_refused(changes, reason):
    """Nothing is recorded."""
    assert agent().when(c.Configure(changes=changes, now=1.0)).rejects(reason)


def test_changes_cover_the_options_of_a_profile():
    """An option that can be set and never changed would be a surprise."""
    fixed = {"agent_id", "name", "team_id", "role", "lead", "parent", "depth", "is_person"}

    names = set(type(PROFILE).__struct_fields__)
    assert set(ProfileChanges.__struct_fields__) == names - fixed


# --- the tree ---------------------------------------------------------------------------------


def move(to_entry):
    return c.MoveLeaf(to_entry=to_entry, now=9.0)


def test_the_conversation_can_go_on_from_an_earlier_entry():
    """A branch is a move of the leaf; nothing is copied or deleted."""
    talked = agent().when(go()).when(said()).when(go("p2")).when(said(reply_to="model-2"))
    moved = talked.when(move(2))
    branched = moved.when(go("p3"))

    assert told(moved) == ["LeafMoved 2"]
    assert (branched.state.entries, branched.state.leaf) == (5, 5)
    assert moved.when(move(2)) == []
    assert moved.when(move(0)).state.leaf == 0


def test_there_is_no_branch_from_what_was_never_said_or_in_a_run():
    """An open run owns the conversation."""
    talked = agent().when(go()).when(said())

    assert talked.when(move(3)).rejects("there is no entry 3")
    assert talked.when(move(-1)).rejects("there is no entry -1")
    assert agent().when(go()).when(move(0)).rejects("lead/run-1 is open")


def test_a_branch_forgets_the_run_that_was_broken_off():
    """Whoever goes elsewhere does not go on."""
    moved = broken_in_round_2().when(move(1))

    assert moved.when(resume()).rejects("no run was broken off")


def test_entries_have_names():
    """`before the refactoring` says more than 17."""
    talked = agent().when(go()).when(said())
    labelled = talked.when(c.LabelEntry(entry=2, label="good", now=4.0))

    assert labelled == [e.EntryLabelled(entry=2, label="good")]
    assert talked.when(c.LabelEntry(entry=9, label="x", now=4.0)).rejects("no entry 9")
    for label, why in (
        ("x" * 201, "200"),
        ("a\nb", "control"),
        ("\x1b[2J", "control"),
        (" ", "spaces"),
    ):
        assert talked.when(c.LabelEntry(entry=1, label=label, now=4.0)).rejects(why)
    assert talked.when(c.LabelEntry(entry=1, label="", now=4.0)) == [
        e.EntryLabelled(entry=1, label="")
    ]

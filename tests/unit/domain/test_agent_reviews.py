"""Before a call runs: hooks, authorizer and people; and what each of them says."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from agent_words import (
    agent,
    asked,
    finished,
    go,
    only,
    recovered,
    told,
)

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.effects import ReviewCall
from mentra_actors.domain.rule_match import AnyCall, BelowFolder, ExactCall, InputPattern


def review(key="tool-1.0", verdict="allow", now=2.5, **more):
    return c.RecordCallReview(key=key, verdict=verdict, now=now, **more)


def resolve(allow, request_id="perm-tool-1.0", now=3.0, **more):
    return c.ResolvePermission(request_id=request_id, allow=allow, now=now, **more)


def test_a_call_that_needs_review_is_reviewed_before_it_starts():
    """Nothing touches the world before hooks and authorizer have let it pass."""
    busy = agent().when(go()).when(asked("never?"))
    passed = busy.when(review())

    assert told(busy)[2:] == []
    (effect,) = busy.pending.values()
    assert isinstance(effect, ReviewCall)
    assert told(passed) == [
        "ToolAuthorizationEvaluated tool-1.0",
        "ToolCallReviewed tool-1.0",
        "ToolCallStarted tool-1.0",
    ]


def test_all_calls_of_a_round_are_reviewed_at_once():
    """A person who is asked about three calls should not be asked three times in a row."""
    busy = agent().when(go()).when(asked("never?", "safe+?", "safe+"))

    assert list(busy.pending) == ["tool-1.0-review", "tool-1.1-review"]


def test_an_exclusive_call_holds_up_what_comes_after_it():
    """Its turn is its turn, however long somebody thinks about it."""
    busy = agent().when(go()).when(asked("never?", "safe+", "safe"))

    assert told(busy.when(review("tool-1.0", "ask")))[-1] == "PermissionRequested tool-1.0"
    assert list(busy.pending) == ["tool-1.0-review"]


def test_a_parallel_call_does_not_hold_up_its_neighbours():
    """Reading two files need not wait for permission to read a third."""
    busy = agent().when(go()).when(asked("safe+?", "safe+", "safe+"))
    asked_ = busy.when(review("tool-1.0", "ask", parallel=True))
    allowed = asked_.when(resolve(allow=True))

    assert told(busy)[2:] == ["ToolCallStarted tool-1.1", "ToolCallStarted tool-1.2"]
    assert told(allowed) == ["PermissionResolved tool-1.0", "ToolCallStarted tool-1.0"]


def test_a_review_may_find_that_a_call_must_run_alone():
    """A hook that turns a read into a write changes its lane as well."""
    busy = agent().when(go()).when(asked("safe+?", "safe+"))
    reviewed = busy.when(review("tool-1.0", parallel=False))
    alone = reviewed.when(finished("tool-1.1"))

    assert told(reviewed)[1:] == ["ToolCallReviewed tool-1.0"]  # its neighbour runs already
    assert told(alone) == ["ToolCallFinished tool-1.1", "ToolCallStarted tool-1.0"]


def test_what_hooks_have_changed_is_what_runs():
    """The log says with which input a call ran; the answer keeps what the model wrote."""
    busy = agent().when(go()).when(asked("never?"))
    passed = busy.when(review(arguments='{"n": 5}'))

    assert only(passed, e.ToolCallReviewed).arguments == '{"n": 5}'
    (effect,) = passed.pending.values()
    assert effect.arguments == '{"n": 5}'


def test_a_refused_call_is_answered_and_the_run_goes_on():
    """The model is told why, and may do something else."""
    busy = agent().when(go()).when(asked("never?"))
    refused = busy.when(review(verdict="refuse", text="Blocked by pre-execution hook: no"))

    event = only(refused, e.ToolCallFinished)
    assert (event.content, event.is_error) == ("Blocked by pre-execution hook: no", True)
    assert told(refused)[-1] == "ModelCallRequested model-2"


def test_a_review_counts_once():
    """Delivered again, or for a call that runs, it records nothing."""
    busy = agent().when(go()).when(asked("never?")).when(review())

    assert busy.when(review()) == []
    assert busy.when(review(verdict="refuse", text="no")) == []


# --- people -----------------------------------------------------------------------------------


def waiting(**options):
    busy = agent().when(go(**options)).when(asked("never?"))
    return busy.when(review(verdict="ask", text="It writes.", preview='{"path": "a"}'))


def test_a_permission_is_asked_for_and_waits_in_the_log():
    """The wish of a call survives every restart until somebody decides."""
    asked_ = waiting()

    assert only(asked_, e.PermissionRequested) == e.PermissionRequested(
        key="tool-1.0",
        request_id="perm-tool-1.0",
        tool="tool",
        call_id="c0",
        description="It writes.",
        preview='{"path": "a"}',
        requested_at=2.5,
    )
    assert asked_.pending == {}
    assert asked_.after.decider.has_work(asked_.state)
    assert [call.request_id for call in asked_.state.requests] == ["perm-tool-1.0"]


def test_an_allowed_call_runs():
    """The reason of an allowance is for people only."""
    allowed = waiting().when(resolve(allow=True, resolved_by="ann"))

    assert told(allowed) == ["PermissionResolved tool-1.0", "ToolCallStarted tool-1.0"]
    assert only(allowed, e.PermissionResolved).resolved_by == "ann"


@pytest.mark.parametrize(
    ("reason", "told_"),
    [
        ("too dear", "Tool execution denied: too dear"),
        ("", "Tool execution denied: denied by session approver"),
    ],
)
def test_the_reason_of_a_refusal_reaches_the_model(reason, told_):
    """In the words of whoever refused."""
    refused = waiting().when(resolve(allow=False, reason=reason))

    assert only(refused, e.ToolCallFinished).content == told_
    assert told(refused)[-1] == "ModelCallRequested model-2"


def test_only_a_permission_that_waits_can_be_resolved():
    """Two people who answer at once: the second is told that it is too late."""
    asked_ = waiting()

    assert asked_.when(resolve(allow=True, request_id="perm-x")).rejects("no pending permission")
    done = asked_.when(resolve(allow=True))
    assert done.when(resolve(allow=False)).rejects("perm-tool-1.0")


def test_without_people_a_call_that_needs_one_is_refused():
    """A batch job has nobody to ask, and must not hang."""
    refused = waiting(approvals="refuse")

    assert only(refused, e.ToolCallFinished).content == (
        "Tool execution requires approval: It writes."
    )


@pytest.mark.parametrize(
    ("end", "last"),
    [
        (c.CancelRun(now=4.0), "RunCancelled lead/run-1"),
        (c.StopRun(now=4.0), "RunFinished lead/run-1"),
        (c.ExpireRun(run_id="lead/run-1", limit="deadline", now=9.0), "RunFailed lead/run-1"),
    ],
    ids=["cancel", "stop", "deadline"],
)
def test_a_run_that_waits_for_a_person_can_be_ended_at_once(end, last):
    """Whoever waits for a permission must not be the only one who can end the wait."""
    ended = waiting(deadline_s=8.0).when(end)

    assert "ToolCallSkipped tool-1.0" in told(ended)
    assert told(ended)[-1] == last
    assert ended.pending == {}


def test_a_wait_for_a_person_is_not_recovered():
    """A new owner has nothing to settle: it waits as the one before did."""
    assert waiting().when(recovered()) == []


# --- what is remembered -----------------------------------------------------------------------


def rules_stream_of(decided):
    """The stream and the rule that are written with a decision."""
    ((stream_id, rule),) = [
        (one.stream_id, event.rule) for one in decided.companions for event in one.events
    ]
    return stream_id, rule


@pytest.mark.parametrize(
    ("scope", "stream_id"),
    [
        ("session", "rules-session.lead"),
        ("project", "rules-project.main"),
        ("global", "rules-global"),
    ],
)
def test_a_rule_stands_in_the_append_of_the_decision(scope, stream_id):
    """No crash can come between what was decided and what is remembered of it."""
    decided = waiting().when(
        resolve(allow=False, reason="no", remember=scope, match=AnyCall(), resolved_by="ann")
    )

    resolved = only(decided, e.PermissionResolved)
    assert (resolved.remembered, resolved.rules) == (scope, stream_id)
    found, rule = rules_stream_of(decided)
    assert (found, rule) == (stream_id, resolved.rule)
    assert (rule.tool, rule.allow, rule.reason, rule.remembered_by) == ("tool", False, "no", "ann")


def test_without_more_words_exactly_this_call_is_remembered():
    """Whoever allows one call has not allowed every call of its tool."""
    _, rule = rules_stream_of(waiting().when(resolve(allow=True, remember="session")))

    assert isinstance(rule.match, ExactCall)
    assert rule.match.shown == '{"path":"a"}'


def test_a_decision_alone_leaves_no_rule():
    """Nothing is remembered that nobody wanted remembered."""
    assert waiting().when(resolve(allow=True)).companions == []


@pytest.mark.parametrize(
    ("match", "words"),
    [
        (InputPattern("*bob*"), "would not speak of this call"),
        (BelowFolder("w"), "a whole path"),
    ],
)
def test_a_rule_that_would_not_answer_for_the_call_is_refused(match, words):
    """A person would be asked the same again, and wonder what was remembered."""
    decided = waiting().when(resolve(allow=True, remember="session", match=match))

    assert decided.rejects(words)


def test_a_call_that_nobody_can_read_is_remembered_only_by_its_tool():
    """A rule for exactly one call must not become one for all, because it has no text."""
    busy = agent().when(go()).when(asked("never?"))
    unread = busy.when(review(verdict="ask", preview='{"kelvin": 1e400}'))

    assert unread.when(resolve(allow=True, remember="session")).rejects("no preview")
    _, rule = rules_stream_of(
        unread.when(resolve(allow=True, remember="session", match=AnyCall()))
    )
    assert rule.match == AnyCall()


def test_a_decision_that_is_delivered_twice_counts_once():
    """Whoever hands it over may die before it hears that it was recorded."""
    once = waiting().when(resolve(allow=True, command_id="p1"))

    assert once.when(resolve(allow=True, command_id="p1")) == []
    assert once.when(resolve(allow=True, command_id="p2")).rejects("no pending permission")


# --- by a process that performs nothing -------------------------------------------------------


def left(allow, **more):
    return c.LeaveResolution(resolution=resolve(allow, **more), now=3.0)


def test_a_decision_may_leave_to_others_what_follows():
    """Started here, a call would be one whose process is gone."""
    allowed = waiting().when(left(allow=True))
    refused = waiting().when(left(allow=False, reason="no"))

    assert told(allowed) == ["PermissionResolved tool-1.0"]
    assert told(refused) == ["PermissionResolved tool-1.0", "ToolCallFinished tool-1.0"]
    assert allowed.pending == refused.pending == {}


def test_the_next_owner_goes_on_with_what_was_left():
    """It is woken, as the run is open, and finds what nobody has made due."""
    allowed = waiting().when(left(allow=True))
    refused = waiting().when(left(allow=False))

    for left_, next_step in ((allowed, "ToolCallStarted tool-1.0"), (refused, "ModelCallReq")):
        recover = left_.after.decider.recover
        command = recover(left_.state, frozenset(), 9.0, {})
        after = left_.when(command)
        assert told(after)[0] == "AgentRecovered"
        assert told(after)[1].startswith(next_step)
        assert after.after.decider.recover(after.state, frozenset(after.pending), 9.5, {})
        assert after.when(recovered(*after.pending)) == []


def test_nobody_is_woken_for_a_call_that_waits():
    """To wait is all that there is to do."""
    waits = waiting()

    assert waits.after.decider.recover(waits.state, frozenset(), 9.0, {}) is None

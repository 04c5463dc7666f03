"""What a runtime has done and refused, read off the log."""

import typing

import msgspec
import pytest

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.background import events as b
from mentra_actors.domain.compacted import Compaction
from mentra_actors.domain.content import ToolCallBlock
from mentra_actors.domain.lease import LeaseAcquired
from mentra_actors.domain.model_call import StopReason, TokenUsage
from mentra_actors.domain.permission_rules import (
    Rule,
    RuleRemembered,
    RuleRevoked,
    ScopeCleared,
)
from mentra_actors.domain.rule_match import CommandPrefix, ExactCall
from projections.hooks import hook_event as h
from projections.hooks.hook_events import _STEPS
from projections.hooks.hook_history import hook_events
from projections.running.fingerprint import place_fingerprint_at

PROFILE = e.AgentProfile(agent_id="lead", name="lead", team_id="t", role="leads", model="x:y")
SPAWNED = e.AgentSpawned(profile=PROFILE, spawned_at=1.0)
USAGE = TokenUsage(input_tokens=3, output_tokens=2)
ASKED = e.ModelCallRequested(effect_id="model-1", run_id="run-1", round=1)
KEY = "tool-1.0"
CALL = {"tool_name": "pay", "tool_call_id": "c-1", "key": KEY}
OF_CALL = {"key": KEY, "tool": "pay", "call_id": "c-1"}
MODEL = {"model": "x:y", "attempt": 1}

REPLIED = e.ModelReplied(
    effect_id="model-1",
    blocks=(ToolCallBlock(call_id="c-1", name="pay", arguments='{"euros": 5}'),),
    stop_reason=StopReason.TOOL_USE,
    usage=USAGE,
    asked_model="x:y",
)
PLANNED = e.ToolCallsPlanned(calls=(e.CallPlan(key=KEY, needs_review=True),))
STARTED = e.ToolCallStarted(**OF_CALL, idempotency_key="secret-key", retry="never", started_at=1.0)


def evaluated(outcome, by="authorizer", **more):
    return e.ToolAuthorizationEvaluated(
        **OF_CALL, outcome=outcome, decided_by=by, evaluated_at=1.0, **more
    )


def refused(content="no", **more):
    return e.ToolCallFinished(**OF_CALL, content=content, is_error=True, **more)


REQUESTED = e.PermissionRequested(
    **OF_CALL, request_id="perm-1", description="dear", preview="{}", requested_at=1.0
)


@pytest.fixture
def told(log):
    """What the last of some events of an agent says, without its place."""

    def told(*events):
        *before, last = events
        for event in before:
            log.append("agent-lead", event)
        after = log.store.last_position()
        position = log.append("agent-lead", last)
        found = list(hook_events(log.journal, after=after))
        assert all((one.agent_id, one.position) == ("lead", position) for one in found)
        blank = {"agent_id": "", "position": 0, "recorded_at": 0.0, "run_id": ""}
        return [msgspec.structs.replace(one, **blank) for one in found]

    return told


def at(kind, **fields):
    return kind(agent_id="", position=0, recorded_at=0.0, **fields)


CASES = [
    ((SPAWNED, ASKED), [at(h.ModelRequestStarted, **MODEL)]),
    (
        (SPAWNED, ASKED, REPLIED),
        [
            at(h.ModelRequestFinished, **MODEL, success=True),
            at(
                h.ModelResponseFinished,
                **MODEL,
                success=True,
                stop_reason="tool_use",
                usage=USAGE,
            ),
        ],
    ),
    (
        (
            SPAWNED,
            ASKED,
            e.ModelCallFailed(effect_id="model-1", kind="http", message="503", transient=True),
        ),
        [
            at(h.ModelRequestFinished, **MODEL, success=False, error="503"),
            at(h.ModelResponseFinished, **MODEL, success=False, error="503"),
        ],
    ),
    (
        (
            SPAWNED,
            ASKED,
            e.ModelCallFailed(
                effect_id="model-1",
                kind="stream",
                message="cut",
                transient=True,
                partial_text="I th",
                attempt=2,
                usage=USAGE,
                cost_usd_micros=7,
            ),
        ),
        [
            at(h.ModelRequestFinished, model="x:y", attempt=2, success=True),
            at(
                h.ModelResponseFinished,
                model="x:y",
                attempt=2,
                success=False,
                error="cut",
                usage=USAGE,
                cost_usd_micros=7,
            ),
        ],
    ),
    (
        (ASKED, e.ModelCallWithheld(effect_id="model-1", limit="token_budget", tokens=9)),
        [
            at(
                kind,
                model="",
                attempt=1,
                success=False,
                error="not asked: the shared token budget is used up",
            )
            for kind in (h.ModelRequestFinished, h.ModelResponseFinished)
        ],
    ),
    (
        (REPLIED, PLANNED),
        [at(h.ToolAuthorizationStarted, **CALL, preview='{"euros": 5}')],
    ),
    (
        (REPLIED, PLANNED, evaluated("allow", digest="d1")),
        [
            at(
                h.ToolAuthorizationFinished,
                **CALL,
                outcome="allow",
                decided_by="authorizer",
                digest="d1",
            )
        ],
    ),
    (
        (REPLIED, PLANNED, evaluated("deny", by="rule", rule="r1", reason="dear")),
        [
            at(
                h.ToolAuthorizationFinished,
                **CALL,
                outcome="deny",
                decided_by="rule",
                rule="r1",
                reason="dear",
            ),
            at(h.ToolAuthorizationBlocked, **CALL, outcome="deny", reason="dear"),
        ],
    ),
    (
        (REPLIED, PLANNED, evaluated("deny"), refused()),
        [at(h.ToolExecutionBlocked, **CALL, reason="no")],
    ),
    (
        (REPLIED, PLANNED, evaluated("ask", reason="dear"), refused("needs approval")),
        [
            at(h.ToolAuthorizationBlocked, **CALL, outcome="ask", reason="dear"),
            at(h.ToolExecutionBlocked, **CALL, reason="needs approval"),
        ],
    ),
    (
        (REPLIED, refused("Shell is off", denied="shell_command")),
        [
            at(h.AuthorizationDenied, action="shell_command", detail="Shell is off"),
            at(h.PolicyDenied, **CALL, action="shell_command", reason="Shell is off"),
            at(h.ToolExecutionBlocked, **CALL, reason="Shell is off"),
        ],
    ),
    (
        (REPLIED, STARTED, refused("not there", denied="files_write")),
        [
            at(h.AuthorizationDenied, action="files_write", detail="not there"),
            at(h.PolicyDenied, **CALL, action="files_write", reason="not there"),
            at(
                h.ToolExecutionFinished,
                **CALL,
                is_error=True,
                error="not there",
                output_preview="not there",
            ),
        ],
    ),
    (
        (REPLIED, REQUESTED),
        [
            at(
                h.PermissionRequested,
                **CALL,
                request_id="perm-1",
                description="dear",
                preview="{}",
            )
        ],
    ),
    (
        (
            REPLIED,
            REQUESTED,
            e.PermissionResolved(
                **OF_CALL,
                request_id="perm-1",
                allow=False,
                resolved_at=2.0,
                reason="no",
                resolved_by="ann",
                remembered="project",
            ),
        ),
        [
            at(
                h.PermissionResolved,
                **CALL,
                request_id="perm-1",
                allow=False,
                reason="no",
                resolved_by="ann",
            ),
            at(
                h.PermissionRemembered,
                **CALL,
                request_id="perm-1",
                allow=False,
                scope="project",
            ),
        ],
    ),
    (
        (REPLIED, REQUESTED, e.PermissionExpired(**OF_CALL, request_id="perm-1", expired_at=2.0)),
        [at(h.PermissionExpired, **CALL, request_id="perm-1")],
    ),
    ((REPLIED, STARTED), [at(h.ToolExecutionStarted, **CALL)]),
    (
        (REPLIED, STARTED, e.ToolCallRestarted(key=KEY, attempt=2, restarted_at=2.0)),
        [at(h.ToolExecutionStarted, **CALL, attempt=2)],
    ),
    (
        (
            REPLIED,
            STARTED,
            e.ToolCallFinished(key=KEY, content="paid " * 300, details='{"to": "bob"}'),
        ),
        [
            at(
                h.ToolExecutionFinished,
                **CALL,
                is_error=False,
                output_preview="paid " * 200,
                details='{"to": "bob"}',
            )
        ],
    ),
    (
        (REPLIED, e.ToolCallSkipped(key=KEY, reason="not executed")),
        [at(h.ToolExecutionBlocked, **CALL, reason="not executed")],
    ),
    (
        (e.ToolCallCompensationStarted(key=KEY, tool="pay", attempt=1, started_at=1.0),),
        [at(h.ToolCompensationStarted, tool_name="pay", tool_call_id="", key=KEY)],
    ),
    (
        (e.ToolCallCompensated(key=KEY, tool="pay", content="back"),),
        [
            at(
                h.ToolCompensationFinished,
                tool_name="pay",
                tool_call_id="",
                key=KEY,
                is_error=False,
                output_preview="back",
            )
        ],
    ),
    (
        (e.RunStarted(run_id="run-2", started_at=1.0, resumes="run-1"),),
        [at(h.RunStarted, resumes="run-1")],
    ),
    (
        (
            e.RunFinished(
                run_id="run-1", finished_at=1.0, ending="early", early_end="token_budget"
            ),
        ),
        [at(h.RunFinished, ending="early", early_end="token_budget")],
    ),
    (
        (e.RunFailed(run_id="run-1", kind="deadline", message="late", failed_at=1.0),),
        [at(h.RunAborted, reason="late", failure="deadline")],
    ),
    (
        (SPAWNED, ASKED, e.RunCancelled(run_id="run-1", reason="enough", cancelled_at=1.0)),
        [
            at(h.ModelRequestFinished, **MODEL, success=False, error="enough"),
            at(h.RunAborted, reason="enough", failure="cancelled"),
        ],
    ),
    (
        (
            SPAWNED,
            ASKED,
            e.RunCancelled(run_id="run-1", reason="enough", cancelled_at=1.0),
            e.AnswerAbandoned(
                effect_id="model-1", partial_text="I", abandoned_at=2.0, usage=USAGE
            ),
        ),
        [
            at(
                h.ModelResponseFinished,
                **MODEL,
                success=False,
                error="abandoned: its run had ended",
                usage=USAGE,
            )
        ],
    ),
    (
        (e.CompactionRequested(effect_id="compact-1", requested_at=1.0),),
        [at(h.MemoryCompactionProposed, effect_id="compact-1")],
    ),
    (
        (
            e.ConversationCompacted(
                effect_id="compact-1",
                compaction=Compaction(
                    through=4, summary="S", replaced=3, asked_model="x:y", usage=USAGE
                ),
                compacted_at=1.0,
            ),
        ),
        [
            at(
                h.MemoryCompactionApplied,
                effect_id="compact-1",
                trigger="manual",
                through=4,
                replaced=3,
                model="x:y",
                usage=USAGE,
            )
        ],
    ),
    (
        (e.CompactionSkipped(effect_id="compact-1", reason="too short", is_error=True),),
        [
            at(
                h.MemoryCompactionSkipped,
                effect_id="compact-1",
                reason="too short",
                is_error=True,
            )
        ],
    ),
    ((e.PromptAccepted(prompt_id="p", text="hi", accepted_at=1.0),), []),
    ((e.MailHandedOver(command_id="c", mail_ids=(), handed_at=1.0),), []),
]


@pytest.mark.parametrize(("events", "expected"), CASES)
def test_each_fact_is_told_as_it_was(told, events, expected):
    """An observer that hears another story than the log has is worse than none."""
    assert told(*events) == expected


def test_the_typed_value_of_a_run_is_no_blocked_call(told):
    """The call that hands it over runs nothing, and is refused by nobody."""
    handed = e.ToolCallFinished(**OF_CALL, content="The output was taken.", terminate=True)

    assert told(REPLIED, handed) == []


def test_a_call_whose_process_died_has_an_unknown_outcome(told):
    """Who counts effects on the world must see that this one may have happened."""
    (lost,) = told(REPLIED, STARTED, e.ToolCallOutcomeUnknown(key=KEY, reason="its process died"))

    assert (lost.tool_name, lost.is_error, lost.outcome) == ("pay", True, "unknown")
    assert lost.error == "its process died"
    assert "outcome of this call is unknown" in lost.output_preview


def test_an_event_says_whose_it_is_where_it_stands_and_in_which_run(log):
    """That is how it is found again on the log."""
    log.append("agent-lead", SPAWNED)
    log.append("agent-lead", ASKED)
    (asked,) = hook_events(log.journal)

    assert (asked.agent_id, asked.position, asked.run_id) == ("lead", 2, "run-1")
    assert asked.recorded_at == 1_700_000_000
    assert msgspec.json.decode(msgspec.json.encode(asked)) == {
        "kind": "model_request_started",
        "agent_id": "lead",
        "position": 2,
        "recorded_at": 1_700_000_000.0,
        "run_id": "run-1",
        "model": "x:y",
        "attempt": 1,
    }


def test_a_new_writer_of_the_log_has_prepared_recovery(log):
    """Audits see who has had the right to write, and since when."""
    acquired = LeaseAcquired(
        holder="host:12", epoch=3, term_s=60.0, acquired_at=1.0, expires_at=61.0
    )
    log.append("lease-writer", acquired)
    (prepared,) = hook_events(log.journal)

    assert (prepared.runtime_instance_id, prepared.agent_id) == ("host:12", "")


def test_an_idempotency_key_is_in_no_event(told):
    """Whoever has it could pass for the call."""
    (started,) = told(REPLIED, STARTED)

    assert b"secret-key" not in msgspec.json.encode(started)


def test_a_model_that_takes_over_is_named(told):
    """Else an audit has the wrong one answer."""
    (asked,) = told(
        SPAWNED,
        e.AgentReconfigured(changes=e.ProfileChanges(model="x:z"), changed_at=1.0),
        e.ModelCallRequested(effect_id="model-2", run_id="r", round=1, model="b:c", fallback=1),
    )

    assert asked.model == "b:c"


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (b.JobFinished(job_id="b1", exit_code=0, ended_at=2.0), "finished"),
        (b.JobFinished(job_id="b1", exit_code=2, ended_at=2.0), "failed"),
        (b.JobFailed(job_id="b1", error="no", ended_at=2.0), "failed"),
        (b.JobTimedOut(job_id="b1", ended_at=2.0), "timed_out"),
        (b.JobCancelled(job_id="b1", ended_at=2.0), "cancelled"),
        (b.JobInterrupted(job_id="b1", reason="gone", ended_at=2.0), "interrupted"),
    ],
)
def test_commands_in_the_background_are_told_from_their_start_to_their_end(log, end, status):
    """They go on after the call that has started them, so nobody else tells how they end."""
    for event in (
        b.JobRequested(
            job_id="b1", command_id="c", command="make", cwd="/src", digest="d", requested_at=1.0
        ),
        b.JobRejected(command_id="c2", command="ls", limit=1, rejected_at=1.0),
        b.JobStarted(job_id="b1", started_at=1.0, directory="/x"),
        b.JobStopRequested(job_id="b1", cause="cancel", requested_at=1.0),
        end,
    ):
        log.append("background-lead", event)

    place = {"agent_id": "lead", "task_id": "b1", "recorded_at": 1_700_000_000.0}
    assert list(hook_events(log.journal)) == [
        h.BackgroundTaskStarted(command="make", cwd="/src", position=3, **place),
        h.BackgroundTaskFinished(status=status, position=5, **place),
    ]
    assert next(hook_events(log.journal, after=2)).command == "make"


def remembered(rule_id, match, **more):
    rule = Rule(rule_id=rule_id, tool="pay", match=match, remembered_by="ann", **more)
    return RuleRemembered(rule=rule)


def test_rules_are_told_with_what_they_say_and_who_has_made_and_revoked_them(log):
    """`decided_by: rule` of a later call is worth nothing where nobody can say which rule."""
    prefix = CommandPrefix(("git", "diff"))
    exact = ExactCall(digest="d1", shown='{"pin":"1234"}')
    log.append("rules-session.lead", remembered("r1", prefix, allow=True))
    log.append("rules-session.lead", remembered("r2", exact, allow=False, reason="dear"))
    log.append("rules-session.lead", RuleRevoked(rule_id="r1", revoked_at=2.0, revoked_by="bob"))
    log.append("rules-session.lead", ScopeCleared(cleared_at=3.0, cleared_by="cy"))
    log.append("rules-global", remembered("r3", prefix, allow=True))

    when = {"recorded_at": 1_700_000_000.0}
    place = {"agent_id": "lead", "scope": "session", "owner": "lead", **when}
    rule = {"tool_name": "pay", "by": "ann"}
    assert list(hook_events(log.journal)) == [
        h.PermissionRuleRemembered(
            rule_id="r1", match=prefix, allow=True, position=1, **rule, **place
        ),
        h.PermissionRuleRemembered(
            rule_id="r2",
            match=ExactCall(digest="d1"),
            allow=False,
            reason="dear",
            position=2,
            **rule,
            **place,
        ),
        h.PermissionRuleRevoked(rule_id="r1", tool_name="pay", by="bob", position=3, **place),
        h.PermissionRulesCleared(rule_ids=("r2",), by="cy", position=4, **place),
        h.PermissionRuleRemembered(
            rule_id="r3",
            match=prefix,
            allow=True,
            position=5,
            agent_id="",
            scope="global",
            **rule,
            **when,
        ),
    ]


def test_every_event_has_a_kind_of_its_own():
    """The kind is its name in snake case, as programs filter by it."""
    kinds = [h.kind_of(kind) for kind in typing.get_args(h.HookEvent)]

    assert len(set(kinds)) == len(kinds)
    assert {"authorization_denied", "tool_execution_finished", "run_aborted"} <= set(kinds)
    assert all(
        kind.__struct_config__.tag == h.kind_of(kind) for kind in typing.get_args(h.HookEvent)
    )


SILENT = {
    e.AgentBranched,  # what is done on a branch stands in the log of the branch
    e.ConversationEdited,
    e.AgentRecovered, e.AgentRenamed, e.AgentStopped, e.AgentStopPlanned,
    e.MailCameLate, e.StopReported, e.BoardCompensated,
    e.CompactionAwaited, e.CompactionRetried, e.CompactionUndone,
    e.CompensationRequested, e.EntryLabelled, e.InputPlaced,
    e.InputQueued, e.InputReturned, e.LeafMoved, e.MailHandedOver, e.MailSent, e.MailTaken,
    e.PromptAccepted, e.QueueCleared, e.QueueModeChanged, e.RoundDecided,
    e.RoundDecisionRequested, e.RunStopRequested, e.SharedSpending, e.SubagentEndOrdered,
    e.SubagentFinished, e.SubagentSpawned, e.ToolCallProbeRequested, e.ToolCallReviewed,
}  # fmt: skip


def test_every_event_of_an_agent_is_told_or_silent_on_purpose():
    """A fact that an audit does not know is one that nobody can ask about."""
    assert {*_STEPS, *SILENT} == {*typing.get_args(e.AgentEvent)}
    assert not {*_STEPS} & SILENT


def test_a_place_is_known_again_after_what_was_said_there_is_forgotten(log):
    """Else an observer would begin anew each time something was archived."""
    log.append("agent-lead", SPAWNED)
    log.append("agent-lead", ASKED)
    (_, asked) = log.store.read_journal()

    class Forgotten:
        def read_journal(self, *, after, limit):
            tombstone = msgspec.structs.replace(asked, payload=b"", event_type="store.archived.v1")
            return [tombstone]

    kept = place_fingerprint_at(log.store, 2)
    assert place_fingerprint_at(Forgotten(), 2) == kept
    assert kept not in (place_fingerprint_at(log.store, 1), place_fingerprint_at(log.store, 3))

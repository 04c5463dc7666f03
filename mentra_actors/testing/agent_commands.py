"""Hypothesis strategies for the commands of agents; see `mentra_actors.testing.agent_strategies`.

Importing this module needs `hypothesis`.
"""

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent.profile import AgentProfile, ProfileChanges
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.domain.inbox import (
    Mail,
    MailKind,
    RenameOrdered,
    RunEndOrdered,
    StopOrdered,
)
from mentra_actors.ids import AgentId, CommandId, EffectId, EntryId, MailId, RunId, TeamId
from mentra_actors.testing.agent_outcomes import (
    AIM,
    any_of,
    one_of,
    outcomes_of_any_kind,
    run_options,
    some,
)
from mentra_actors.testing.strategies import moments, words

__all__ = ["agent_commands", "outside_commands", "prompts"]

MAX_MAIL = 3

# --- what people and others do ----------------------------------------------------------------

_ids = st.sampled_from([CommandId(f"p{n}") for n in range(1, 6)])
prompts = st.builds(
    c.AcceptPrompt,
    prompt_id=_ids,
    text=words,
    now=moments,
    options=st.none() | run_options(),
)
_KINDS: list[MailKind] = ["message", "message", "request", "background", "background", "task"]
_LETTERS = [
    Mail(mail_id=MailId("m"), sender=sender, to=AgentId("lead"), body=body, sent_at=1.0, kind=kind)
    for sender in ("worker", "host")
    for body in ("hello", "line\nbreak ☃")
    for kind in _KINDS
]
_orders = one_of(
    [()] * 12
    + [
        (RunEndOrdered(how="stop", reason="enough"),),
        (RunEndOrdered(how="cancel", reason="enough"),),
        (StopOrdered(how="when_done", reason="no more work", ordered_by="lead"),),
        (StopOrdered(how="now", reason="removed"), RenameOrdered(name="other")),
        (RenameOrdered(name="another"),),
    ]
)
_mail = st.builds(
    c.TakeMail,
    mail=some(_LETTERS, MAX_MAIL),
    orders=_orders,
    late=some(_LETTERS, MAX_MAIL) | st.just(()),
    after_version=st.just(0),
    # how far beyond the mail that was taken: negative and 0 are late deliveries
    through_version=st.sampled_from([-1, 0, 1, 1, 1, 2]),
    now=moments,
)
_queues = st.sampled_from(["steer", "follow_up"])
_queued = st.builds(
    c.QueueInput,
    queue=_queues,
    item_id=st.sampled_from([CommandId(f"q{n}") for n in range(1, 9)]),
    text=words,
    now=moments,
)
_modes = st.builds(
    c.SetQueueMode, queue=_queues, mode=st.sampled_from(["one_at_a_time", "all"]), now=moments
)
_CHILDREN = [
    AgentProfile(
        agent_id=AgentId(f"lead.child-{number}"),
        name=f"lead.child-{number}",
        team_id=TeamId("team"),
        role="subagent",
        model="scripted:model",
    )
    for number in range(3)
]
_DELEGATION: list[SearchStrategy[object]] = [
    *[
        st.builds(
            c.SpawnSubagent,
            key=st.sampled_from([EffectId(f"{AIM}{n}") for n in (0, 0, 1)]),
            profile=one_of(_CHILDREN),
            now=moments,
        )
    ]
    * 2,
    st.builds(
        c.RecordSubagentEnd,
        agent_id=st.sampled_from([AgentId(AIM), AgentId(AIM), AgentId("lead.child-0")]),
        how=st.sampled_from(["finished", "failed"]),
        now=moments,
    ),
    st.builds(
        c.RecordBudgetUsedUp,
        effect_id=st.sampled_from([AIM, EffectId("model-1")]),
        tokens=st.sampled_from([0, 10, 100]),
        cost_usd_micros=st.sampled_from([0, 10]),
        now=moments,
    ),
]
_BETWEEN_RUNS: list[SearchStrategy[object]] = [
    st.builds(
        c.RecordIdleTimeout,
        effect_id=st.sampled_from([AIM, EffectId("claim-1")]),
        now=moments,
    ),
    st.builds(
        c.RecordStopReported,
        effect_id=st.sampled_from([AIM, AIM, EffectId("report-stop-1")]),
        problem=words,
        now=moments,
    ),
    st.builds(c.TakeLateLetter, mail_id=st.just(MailId("in-1")), sender=words, now=moments),
    st.builds(
        c.RecordBoardCompensation,
        run_id=st.sampled_from([RunId(AIM), RunId(AIM), RunId("lead/run-1")]),
        reverted=st.integers(0, 2),
        conflicts=st.integers(0, 2),
        problem=words,
        now=moments,
    ),
]
_changes = one_of(
    [
        ProfileChanges(model="scripted:other"),
        ProfileChanges(max_rounds=2),
        ProfileChanges(max_rounds=0, wake_on_mail=True),
        ProfileChanges(run=RunOptions(on_failure="rollback")),
        ProfileChanges(model="no provider"),
        ProfileChanges(title="The survey"),
        ProfileChanges(title="two\nlines"),
        ProfileChanges(title="\x1b[2J"),
        ProfileChanges(title=" "),
    ]
)
_runs = st.sampled_from([RunId("lead/run-1"), RunId(AIM), RunId(AIM), RunId(AIM)])
_ENDS: list[SearchStrategy[object]] = [
    *[st.builds(c.CancelRun, now=moments)] * 2,
    *[st.builds(c.StopRun, now=moments, grace_s=st.sampled_from([None, 0.0, 5.0]))] * 2,
    st.builds(c.ExpireRun, run_id=_runs, limit=st.sampled_from(["deadline", "stop"]), now=moments),
]
_BRANCHING: list[SearchStrategy[object]] = [
    st.builds(
        c.BranchAgent,
        branch=st.just("try"),
        position=st.integers(0, 9),
        salt=st.sampled_from(["c2FsdDE", "c2FsdDI"]),
        by=words,
        now=moments,
    ),
    st.builds(
        c.EditConversation,
        command_id=_ids,
        kind=st.sampled_from(["message", "answer", "result"]),
        text=words,
        entry=st.integers(-1, 9).map(EntryId),
        key=st.sampled_from([EffectId("tool-1.0"), EffectId("tool-2.0"), EffectId("")]),
        by=words,
        now=moments,
    ),
]
_AFTERWARDS: list[SearchStrategy[object]] = [
    *[st.builds(c.ResumeRun, command_id=_ids, now=moments, options=st.none() | run_options())] * 3,
    st.builds(c.CompensateRun, now=moments),
    st.builds(c.RunQueued, command_id=_ids, now=moments, options=st.none() | run_options()),
    st.builds(c.MoveLeaf, to_entry=st.integers(-1, 9).map(EntryId), now=moments),
    *_BRANCHING,
    st.builds(c.LabelEntry, entry=st.integers(0, 9).map(EntryId), label=words, now=moments),
]
_resolutions = st.builds(
    c.ResolvePermission,
    request_id=st.sampled_from([CommandId(AIM)] * 4 + [CommandId("perm-tool-1.0")]),
    allow=st.booleans(),
    reason=words,
    now=moments,
)
_PERMISSION_ENDS: list[SearchStrategy[object]] = [
    _resolutions,
    st.builds(
        c.ExpirePermission,
        request_id=st.sampled_from([CommandId(AIM)] * 3 + [CommandId("perm-tool-1.0")]),
        now=moments,
    ),
]
_shortening = any_of(
    [
        *[st.builds(c.CompactConversation, now=moments)] * 2,
        st.builds(c.CancelCompaction, now=moments),
        st.builds(
            c.UndoCompaction,
            compaction=st.sampled_from([AIM, AIM, EffectId("compact-1")]),
            now=moments,
        ),
    ]
)
_reasons = st.sampled_from(["", "edited by ann"])
_OUTSIDE: list[SearchStrategy[object]] = [
    *[prompts] * 8,
    *[_mail] * 5,
    *[_queued] * 5,
    _modes,
    st.builds(c.HandOverMail, command_id=_ids, now=moments, by_person=st.booleans()),
    st.builds(c.ClearQueue, queue=_queues, now=moments),
    st.builds(c.Configure, changes=_changes, now=moments, reason=_reasons),
    *[_resolutions] * 3,
    *_PERMISSION_ENDS,
    *[_shortening] * 2,
    *_ENDS,
    *_AFTERWARDS,
    st.builds(c.StopAgent, now=moments),
]


def outside_commands() -> SearchStrategy[c.AgentCommand]:
    """What people and other agents do to an agent: prompts, mail, now and then an end."""
    return any_of(_OUTSIDE)


_running = st.sampled_from(
    [
        frozenset[EffectId](),
        frozenset[EffectId](),
        frozenset({AIM}),
        frozenset({EffectId("tool-1.0@1"), EffectId("tool-1.1@1"), EffectId("model-2")}),
    ]
)
_recoveries = st.builds(c.RecoverEffects, running=_running, now=moments)
_COMMANDS: list[SearchStrategy[object]] = [
    *[prompts] * 4,
    *[_mail] * 2,
    *[outcomes_of_any_kind()] * 30,
    *[_recoveries] * 2,
    *[_queued] * 2,
    _modes,
    *[_resolutions] * 2,
    *_PERMISSION_ENDS,
    *[_shortening] * 2,
    *_ENDS,
    *_AFTERWARDS,
    *_DELEGATION,
    *_BETWEEN_RUNS,
    st.builds(c.Configure, changes=_changes, now=moments, reason=_reasons),
]


def agent_commands() -> SearchStrategy[c.AgentCommand]:
    """One command of any kind; most outcomes carry `AIM` for an id."""
    return any_of(_COMMANDS)

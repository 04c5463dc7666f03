"""What holds of an agent whatever it is told, in whatever order."""

from typing import get_args

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from mentra_actors.decider import Delivery, Settlement, Unchanged
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.effects import (
    CallModel,
    CompensateBoard,
    CompensateCall,
    ProbeTool,
    ReportStop,
    RunTool,
)
from mentra_actors.domain.budget import spent
from mentra_actors.domain.inbox import Mail, MailDelivered, RunEndOrdered
from mentra_actors.ids import agent_stream, inbox_stream
from mentra_actors.testing.agent_strategies import (
    SPAWNED,
    agent_histories,
    agent_profiles,
    spawned,
)
from mentra_actors.testing.decider_laws import (
    check_pure,
    check_restart,
    check_snapshots,
    check_total,
)
from mentra_actors.testing.given_when_then import given, play
from mentra_actors.testing.log_audit import AgentAudit
from mentra_actors.testing.strategies import any_history

AGENT_EVENTS = get_args(e.AgentEvent)
FINAL_OUTCOMES = (
    c.RecordModelReply,
    c.RecordModelFailure,
    c.RecordToolOutcome,
    c.RecordBoardCompensation,
    c.RecordIdleTimeout,
    c.RecordStopReported,
)
OUTCOMES = (*FINAL_OUTCOMES, c.RecordProbeVerdict)


@st.composite
def agents(draw):
    """The first event of some agent, and commands for it."""
    start = spawned(draw(agent_profiles()))
    return start, draw(agent_histories(start))


def events_of(answers):
    return [event for answer in answers for event in answer.events]


def audited(start, answers):
    audit = AgentAudit()
    audit.read(start)
    for event in events_of(answers):
        audit.read(event)
    return audit


@forall(agents())
def test_deciding_is_pure(agent):
    """A replay, a retry and a test must meet the same answers as the first run."""
    start, commands = agent

    check_pure(AGENT, [start], commands)


@forall(agents())
def test_a_restart_changes_nothing(agent):
    """Folding the stored bytes gives the state that the live actor had."""
    start, commands = agent

    check_restart(AGENT, [start], commands)


@forall(agents())
def test_a_snapshot_is_the_state(agent):
    """An agent that wakes from a snapshot goes on exactly as one that folded all its events."""
    start, commands = agent

    check_snapshots(AGENT, [start], commands)


@forall(any_history(AGENT_EVENTS))
def test_no_history_makes_an_agent_raise(events):
    """A log that a bug, a later release or a repair wrote must still open."""
    check_total(AGENT, events)


@forall(agents())
def test_what_an_agent_records_can_be_delivered(agent):
    """An event whose companions raise would stop its append, and the agent with it, for ever."""
    start, commands = agent
    for event in events_of(play(given(AGENT, start), commands)):
        list(AGENT.companions(event))


@pytest.mark.parametrize("body", ["", "   ", "x" * 300_000], ids=["empty", "blank", "long"])
def test_mail_that_an_inbox_would_refuse_does_not_brick_its_sender(body):
    """A tool's outcome comes only once; if it cannot be appended, the call stays open for ever."""
    mail = SPAWNED.profile
    letter = e.MailSent(
        mail=Mail(mail_id="m", sender=mail.name, to="worker", body=body, sent_at=0.0)
    )

    list(AGENT.companions(letter))


@forall(agents())
def test_an_outcome_counts_once(agent):
    """Effects are delivered at least once; the second delivery, now or late, records nothing."""
    start, commands = agent
    answers = play(given(AGENT, start), commands)
    for command, answer in zip(commands, answers, strict=True):
        if isinstance(command, OUTCOMES):
            assert answer.when(command) == []
        if isinstance(command, FINAL_OUTCOMES) and answer.events:
            assert answers[-1].when(command) == []


@forall(agents())
def test_a_prompt_and_mail_count_once(agent):
    """A sender that retries after a lost answer must not be answered twice."""
    start, commands = agent
    answers = play(given(AGENT, start), commands)
    for command, answer in zip(commands, answers, strict=True):
        if isinstance(command, c.AcceptPrompt | c.TakeMail) and answer.rejection is None:
            assert answer.when(command) == []
            assert answers[-1].when(command) == []


@forall(agents())
def test_the_log_keeps_the_rules_of_runs_calls_and_input(agent):
    """One run, one result per call, no restart of `never`, one placing: `AgentAudit` has all."""
    start, commands = agent
    audit = audited(start, play(given(AGENT, start), commands))

    assert audit.at_rest() == []


@forall(agents())
def test_pending_effects_are_those_that_the_log_opened(agent):
    """An effect that no event explains would run twice, or never, after a crash."""
    start, commands = agent
    audit = audited(start, [])
    for answer in play(given(AGENT, start), commands):
        for event in answer.events:
            audit.read(event)

        assert set(answer.pending) == audit.pending
        for effect_id, effect in answer.pending.items():
            assert_explained(effect_id, effect, audit)


def assert_explained(effect_id, effect, audit):
    match effect:
        case CallModel():
            assert effect.effect_id == effect_id.partition("@")[0]
            assert effect.run_id == audit.run_id
        case RunTool() | ProbeTool():
            call = next(call for call in audit.calls if call.key == effect.key)
            assert effect.idempotency_key == call.idempotency_key
            assert effect.attempt == call.attempt


@forall(agents())
def test_nothing_waits_that_could_go_on(agent):
    """Nobody looks at a sleeping agent: what is due must follow from the command at once."""
    start, commands = agent
    audit = audited(start, [])
    for answer in play(given(AGENT, start), commands):
        for event in answer.events:
            audit.read(event)

        assert audit.at_rest() == []


@forall(agents())
def test_after_a_crash_no_never_call_is_pending(agent):
    """A tool without a retry promise must not run again because a process died."""
    start, commands = agent
    for answer in play(given(AGENT, start), commands):
        recovered = answer.when(c.RecoverEffects(running=frozenset(), now=1e9))
        never = {call.key for call in answer.state.calls if call.retry == "never"}
        still = {
            effect.key for effect in recovered.pending.values() if isinstance(effect, RunTool)
        }
        before = {e_.key for e_ in answer.pending.values() if isinstance(e_, RunTool)}

        assert not never & before & still


@forall(agents())
def test_what_still_runs_is_left_alone(agent):
    """An actor that restarts beside its running effects must not start them a second time."""
    start, commands = agent
    for answer in play(given(AGENT, start), commands):
        everything = frozenset(answer.pending)

        assert answer.when(c.RecoverEffects(running=everything, now=1e9)) == []
        for effect_id in everything:
            recovered = answer.when(c.RecoverEffects(running=frozenset({effect_id}), now=1e9))
            is_same_run = recovered.state.run and answer.state.run
            if is_same_run and recovered.state.run.run_id == answer.state.run.run_id:
                assert effect_id in recovered.pending


@forall(agents())
def test_a_call_that_kills_its_process_is_given_up(agent):
    """A tool that takes the process down each time must not do so for ever."""
    start, commands = agent
    for answer in play(given(AGENT, start), commands):
        running = [effect for effect in answer.pending.values() if isinstance(effect, RunTool)]
        if not running:
            continue
        last = answer
        for _ in range(5):
            last = last.when(c.RecoverEffects(running=frozenset(), now=1e9))
        left = {effect.key for effect in last.pending.values() if isinstance(effect, RunTool)}

        assert not left & {effect.key for effect in running}
        break


@forall(agents())
def test_a_second_recovery_with_all_running_records_nothing(agent):
    """A restart loop of the actor must not grow the log."""
    start, commands = agent
    end = play(given(AGENT, start), commands)[-1]
    recovered = end.when(c.RecoverEffects(running=frozenset(), now=1e9))
    again = recovered.when(c.RecoverEffects(running=frozenset(recovered.pending), now=1e9))

    assert again == []


@forall(agents())
def test_mail_sent_and_mail_delivered_are_one_append(agent):
    """Mail that is recorded as sent lies in exactly one inbox; taken mail settles the own one."""
    start, commands = agent
    for event in events_of(play(given(AGENT, start), commands)):
        beside = list(AGENT.companions(event))
        match event:
            case e.MailSent(mail=mail):
                letter = MailDelivered(mail=mail)
                assert beside == [Delivery(inbox_stream(mail.to), (letter,))]
            case (
                e.MailTaken(inbox=inbox, through_version=version)
                | e.MailCameLate(inbox=inbox, through_version=version)
            ):
                assert beside == [Settlement(inbox, version)]
            case e.AgentStopped(inbox=inbox, inbox_version=version) if inbox:
                assert beside == [Unchanged(inbox, version)]
            case e.SubagentSpawned() | e.SubagentEndOrdered() | e.SharedSpending():
                assert len(beside) == 1
            case _:
                assert beside == []


@forall(agents())
def test_what_is_said_of_a_subagent_reaches_it_in_the_same_append(agent):
    """An agent that its parent knows and that is not there would hang for ever."""
    start, commands = agent
    for event in events_of(play(given(AGENT, start), commands)):
        beside = list(AGENT.companions(event))
        match event:
            case e.SubagentSpawned(profile=profile, spawned_at=at):
                born = e.AgentSpawned(profile=profile, spawned_at=at)
                stream_id = agent_stream(profile.agent_id)
                assert beside == [Delivery(stream_id, (born,), must_be_new=True)]
            case e.SubagentEndOrdered(agent_id=agent_id, how=how, reason=reason):
                order = RunEndOrdered(how=how, reason=reason)
                assert beside == [Delivery(inbox_stream(agent_id), (order,))]
            case e.SharedSpending(tokens=tokens, cost_usd_micros=cost):
                [delivery] = beside
                assert spent(delivery.events) == (tokens, cost)
                assert (delivery.stream_id, delivery.is_work) == (event.budget, False)


@forall(agents())
def test_outcome_mail_is_sent_whole_and_once(agent):
    """Each letter of an outcome that counted leaves with it, in order, and none of another."""
    start, commands = agent
    answers = play(given(AGENT, start), commands)
    for command, answer in zip(commands, answers, strict=True):
        sent = [event.mail for event in answer.events if isinstance(event, e.MailSent)]
        counted = isinstance(command, c.RecordToolOutcome | c.RecordProbeVerdict) and any(
            isinstance(event, e.ToolCallFinished) and event.key == command.key
            for event in answer.events
        )
        asked = list(command.outcome.mail) if counted else []

        assert [(m.mail_id, m.to, m.body) for m in sent] == [
            (m.mail_id, m.to, m.body) for m in asked
        ]


@forall(agents())
def test_a_stopped_agent_stays_stopped(agent):
    """A teammate that was dismissed must not come back to life by late mail or outcomes."""
    start, commands = agent
    end = play(given(AGENT, start), commands)[-1]
    stopped = end.when(c.StopAgent(now=2e9))

    assert stopped.state.stopped
    for command in [c.Configure(changes=e.ProfileChanges(), now=2e9), *commands]:
        after = stopped.when(command)

        assert after.state.stopped
        assert after.state.run is None, "a stopped agent has begun a run"
        leaving = (CompensateCall, CompensateBoard, ReportStop)
        assert all(isinstance(one, leaving) for one in after.pending.values())

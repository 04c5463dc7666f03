"""Hypothesis strategies for agents. Importing this module needs `hypothesis`.

Random ids hardly ever name what is pending. So a command may carry the id `AIM`; `aimed` puts in
its place what the state waits for, and a history is aimed from its first command to its last.

    @given(agent_histories())
    def test_an_open_run_waits_for_something(commands):
        for answer in play(given(AGENT, SPAWNED), commands):
            assert not answer.state.run or answer.pending or answer.state.requests
"""

from collections.abc import Iterable
from typing import assert_never

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.profile import Autonomy
from mentra_actors.domain.agent.state import AgentState, call_key, report_id
from mentra_actors.domain.inbox import StopOrdered
from mentra_actors.ids import AgentId, CommandId, EffectId, MailId, RunId, TeamId
from mentra_actors.testing.agent_commands import agent_commands, outside_commands, prompts
from mentra_actors.testing.agent_outcomes import (
    AIM,
    Outcome,
    effect_outcomes,
    model_outcomes,
    model_replies,
    run_options,
    tool_outcomes,
)

__all__ = [
    "AIM",
    "SPAWNED",
    "addressed",
    "agent_commands",
    "agent_histories",
    "agent_profiles",
    "aimed",
    "aimed_history",
    "effect_outcomes",
    "model_outcomes",
    "model_replies",
    "outside_commands",
    "run_options",
    "spawned",
    "tool_outcomes",
]

_replace = msgspec.structs.replace


def agent_profiles() -> SearchStrategy[e.AgentProfile]:
    """Profiles of the agent `lead` that differ in what deciding reads."""
    return st.builds(
        e.AgentProfile,
        agent_id=st.just(AgentId("lead")),
        name=st.just("lead"),
        team_id=st.just(TeamId("team")),
        role=st.just("lead"),
        model=st.just("scripted:model"),
        max_rounds=st.sampled_from([0, 1, 2, 50]),
        wake_on_mail=st.booleans(),
        lead=st.sampled_from(["", "boss"]),
        autonomy=st.sampled_from([Autonomy(), Autonomy(enabled=True)]),
        task_reminder_rounds=st.sampled_from([0, 1, 3]),
        wake_on_background=st.sampled_from([None, True, False]),
        run=run_options(),
    )


def spawned(profile: e.AgentProfile) -> e.AgentSpawned:
    """The first event of an agent's stream."""
    return e.AgentSpawned(profile=profile, spawned_at=0.0)


SPAWNED = spawned(
    e.AgentProfile(
        agent_id=AgentId("lead"),
        name="lead",
        team_id=TeamId("team"),
        role="lead",
        model="scripted:model",
    )
)

_least_sizes = st.sampled_from([0, 10, 16])
"""Lists are short by default; a deep state needs a long one, and 0 is what shrinks."""


def aimed(command: c.AgentCommand, state: AgentState) -> c.AgentCommand:
    """`command` with ids and versions that fit `state`, where it leaves them open.

    Mail taken gets ids by inbox version (`in-7`), mail sent by the key of its call.
    """
    match command:
        case c.TakeMail():
            return _aimed_mail(command, state)
        case c.RecordModelReply() | c.RecordModelFailure() | c.RecordAbandonedAnswer():
            return addressed(command, _open_model_call(command, state))
        case c.RecordToolOutcome():
            return addressed(command, _open_call(command.key, state, "started", "probing"))
        case c.RecordCallReview():
            return addressed(command, _open_call(command.key, state, "reviewing"))
        case c.RecordRoundDecision() if command.effect_id == AIM and state.decision:
            return addressed(command, state.decision.effect_id)
        case c.RecordProbeVerdict():
            return _aimed_verdict(command, state)
        case c.RecordCompensation():
            return _aimed_compensation(command, state)
        case c.RecordIdleTimeout() | c.RecordStopReported() | c.RecordBoardCompensation():
            return _aimed_at_rest(command, state)
        case _:
            return _aimed_wish(command, state)


def _aimed_at_rest(
    command: c.RecordIdleTimeout | c.RecordStopReported | c.RecordBoardCompensation,
    state: AgentState,
) -> c.AgentCommand:
    match command:
        case c.RecordIdleTimeout() if command.effect_id == AIM:
            return _replace(command, effect_id=EffectId(f"claim-{state.rests}"))
        case c.RecordStopReported() if command.effect_id == AIM and state.farewell:
            return _replace(command, effect_id=report_id(state.farewell))
        case c.RecordBoardCompensation() if command.run_id == RunId(AIM) and state.board_undoing:
            return _replace(command, run_id=state.board_undoing[0])
        case _:
            return command


def _aimed_wish(command: c.AgentCommand, state: AgentState) -> c.AgentCommand:
    match command:
        case c.SpawnSubagent(key="odd"):  # one of the host
            return _replace(command, key=EffectId(""))
        case c.SpawnSubagent():
            return _replace(command, key=_open_call(command.key, state, "started"))
        case c.RecordSubagentEnd() if command.agent_id == AgentId(AIM) and state.subagents:
            return _replace(command, agent_id=state.subagents[-1].agent_id)
        case c.RecordBudgetUsedUp() if command.effect_id == AIM and state.model_call:
            return _replace(command, effect_id=state.model_call.effect_id)
        case c.RecoverEffects() if AIM in command.running:
            return _replace(command, running=frozenset(list(AGENT.pending(state))[:1]))
        case c.ResolvePermission() if command.request_id == CommandId(AIM) and state.requests:
            return _replace(command, request_id=state.requests[-1].request_id)
        case c.ExpirePermission() if command.request_id == CommandId(AIM) and state.requests:
            return _replace(command, request_id=state.requests[-1].request_id)
        case c.ExpireRun() if command.run_id == RunId(AIM):
            return _replace(command, run_id=state.run.run_id if state.run else RunId("none"))
        case _:
            return _aimed_shortening(command, state)


def _aimed_shortening(command: c.AgentCommand, state: AgentState) -> c.AgentCommand:
    match command:
        case c.RecordCompaction() if command.effect_id == AIM and state.compaction:
            one = state.compaction
            attempt = one.attempt + command.attempt - 1
            return _replace(command, effect_id=one.effect_id, attempt=attempt)
        case c.RecordContextFull() if command.effect_id == AIM and state.model_call:
            return _replace(command, effect_id=state.model_call.effect_id)
        case c.UndoCompaction() if command.compaction == AIM and state.compacted:
            return _replace(command, compaction=state.compacted[-1])
        case _:
            return command


def addressed(command: Outcome, to: EffectId) -> Outcome:
    """The outcome as one of the effect or call `to`, with fitting plans and ids of mail."""
    match command:
        case c.RecordModelReply():
            plans = tuple(
                _replace(plan, key=call_key(to, index)) for index, plan in enumerate(command.plans)
            )
            return _replace(command, effect_id=to, plans=plans)
        case (
            c.RecordModelFailure()
            | c.RecordAbandonedAnswer()
            | c.RecordRoundDecision()
            | c.RecordCompaction()
            | c.RecordContextFull()
        ):
            return _replace(command, effect_id=to)
        case c.RecordCallReview() | c.RecordCompensation():
            return _replace(command, key=to)
        case c.RecordToolOutcome() | c.RecordProbeVerdict():
            mail = tuple(
                _replace(mail, mail_id=MailId(f"out-{to}-{index}"))
                for index, mail in enumerate(command.outcome.mail)
            )
            return _replace(command, key=to, outcome=_replace(command.outcome, mail=mail))
        case _:
            assert_never(command)


def _aimed_verdict(command: c.RecordProbeVerdict, state: AgentState) -> c.AgentCommand:
    key = _open_call(command.key, state, "started", "probing")
    attempt = next((call.attempt for call in state.calls if call.key == key), 1)
    return addressed(_replace(command, attempt=attempt + command.attempt), key)


def _aimed_compensation(command: c.RecordCompensation, state: AgentState) -> c.AgentCommand:
    if not state.compensations or not command.key.startswith(AIM):
        return command
    first = state.compensations[0]
    return _replace(command, key=first.key, attempt=first.attempt + command.attempt)


def _aimed_mail(command: c.TakeMail, state: AgentState) -> c.TakeMail:
    first = state.mail_taken_through + min(command.through_version, 1)
    mail = tuple(
        _replace(letter, mail_id=MailId(f"in-{first + index}"))
        for index, letter in enumerate(command.mail)
    )
    late = tuple(
        _replace(letter, mail_id=MailId(f"in-{first + len(mail) + index}"))
        for index, letter in enumerate(command.late)
    )
    # versions may be left out: events in an inbox that are not mail
    through_version = max(first + len(mail) + len(late) - 1, state.mail_taken_through)
    through_version += max(command.through_version - 1, 0)
    after_version = state.mail_taken_through
    if command.through_version < 1:
        through_version = state.mail_taken_through + command.through_version
        after_version = through_version - 1
    is_ended = state.stopped or any(
        isinstance(o, StopOrdered) and o.how == "now" for o in command.orders
    )
    return _replace(
        command,
        mail=mail,
        late=late if is_ended else (),
        after_version=after_version,
        through_version=through_version,
    )


def _open_model_call(
    command: c.RecordModelReply | c.RecordModelFailure | c.RecordAbandonedAnswer,
    state: AgentState,
) -> EffectId:
    if command.effect_id != AIM:
        return command.effect_id
    if isinstance(command, c.RecordAbandonedAnswer):
        return state.abandoned or EffectId("model-0")
    return state.model_call.effect_id if state.model_call else EffectId("model-0")


def _open_call(key: EffectId, state: AgentState, *statuses: str) -> EffectId:
    """`?1` is the second call that has such a status, or the first if there is only one."""
    if not key.startswith(AIM):
        return key
    opened = [call.key for call in state.calls if call.status in statuses]
    if not opened:
        return EffectId("tool-0.0")
    return opened[int(key.removeprefix(AIM)) % len(opened)]


def aimed_history(
    start: e.AgentSpawned, commands: Iterable[c.AgentCommand]
) -> list[c.AgentCommand]:
    """The commands, each aimed at the state to which those before it lead."""
    state = AGENT.fold([start])
    history: list[c.AgentCommand] = []
    for command in commands:
        fitting = aimed(command, state)
        history.append(fitting)
        try:
            state = AGENT.fold(AGENT.decide(fitting, state), state)
        except Exception:  # noqa: BLE001  # the law that plays the history reports it
            continue
    return history


@st.composite
def agent_histories(
    draw: st.DrawFn, start: e.AgentSpawned = SPAWNED, max_size: int = 24
) -> list[c.AgentCommand]:
    """Commands for the agent that `start` spawned, most of them answers to what is pending.

    One history in eight ends with a stop and commands after it.
    """
    least = draw(_least_sizes)
    first = draw(prompts)
    commands = draw(st.lists(agent_commands(), min_size=min(least, max_size), max_size=max_size))
    if draw(st.integers(0, 7)) == 0:
        commands += [c.StopAgent(now=2e9), *draw(st.lists(agent_commands(), max_size=4))]
    return aimed_history(start, [first, *commands])

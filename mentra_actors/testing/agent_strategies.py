"""Hypothesis strategies for agents. Importing this module needs `hypothesis`.

Random ids hardly ever name what is pending. So a command may carry the id `AIM`; `aimed` puts in
its place what the state waits for, and a history is aimed from its first command to its last.

    @given(agent_histories())
    def test_an_open_run_waits_for_something(commands):
        for answer in play(given(AGENT, SPAWNED), commands):
            assert answer.state.run is None or answer.pending
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias, TypeVar, assert_never

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.state import AgentState, call_key
from mentra_actors.domain.content import (
    AssistantBlock,
    OpaqueBlock,
    Provenance,
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.model_call import ModelReply, StopReason
from mentra_actors.domain.tool_call import BlobRef, OutgoingMail, RetryMode, ToolOutcome
from mentra_actors.ids import AgentId, CommandId, EffectId, MailId, TeamId
from mentra_actors.testing.strategies import moments, words

__all__ = [
    "AIM",
    "SPAWNED",
    "addressed",
    "agent_commands",
    "agent_histories",
    "agent_profiles",
    "aimed",
    "aimed_history",
    "model_outcomes",
    "model_replies",
    "outside_commands",
    "spawned",
    "tool_outcomes",
]

T = TypeVar("T")

Outcome: TypeAlias = (
    c.RecordModelReply | c.RecordModelFailure | c.RecordToolOutcome | c.RecordProbeVerdict
)

AIM = EffectId("?")
"""Stands for the id of something pending, until `aimed` puts it there."""

MAX_MAIL = 3


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


@st.composite
def _some(draw: st.DrawFn, of: Sequence[T], at_most: int) -> tuple[T, ...]:
    """Up to `at_most` items, in any order. Hypothesis pays per draw; this is a single one."""
    base = len(of) + 1
    number = draw(st.integers(0, base**at_most - 1))
    digits = [number // base**place % base for place in range(at_most)]
    return tuple(of[digit - 1] for digit in digits if digit)


_BLOCKS: Sequence[AssistantBlock] = [
    ToolCallBlock(call_id="c1", name="read"),
    ToolCallBlock(call_id="c2", name="write", arguments='{"path": "a"}'),
    TextBlock(text="yes"),
    ToolCallBlock(call_id="c2", name="read", arguments=""),
    ToolCallBlock(call_id="", name="nonsense", arguments='{"path": "a'),
    ThinkingBlock(encrypted="later"),
    ToolCallBlock(call_id="c1", name="write"),
    RefusalBlock(text="no"),
    OpaqueBlock(
        item_type="web_search_call",
        raw="{}",
        provenance=Provenance("openai", "model", "responses"),
    ),
]
_ANSWERS: Sequence[tuple[AssistantBlock, ...]] = [
    (TextBlock(text="done"),),
    (),
    (TextBlock(text=""), RefusalBlock(text="no")),
    (ThinkingBlock(parts=("so",)), TextBlock(text="done"), TextBlock(text="ünï ☃")),
]


def model_replies() -> SearchStrategy[ModelReply]:
    """Answers with and without calls: duplicate call ids, unknown tools, malformed arguments."""
    return st.builds(
        ModelReply,
        blocks=_some(_BLOCKS, 4) | st.sampled_from(_ANSWERS),
        stop_reason=st.sampled_from(StopReason),
    )


def tool_outcomes() -> SearchStrategy[ToolOutcome]:
    """Results and errors; some send mail, whose ids are made unique by `aimed`."""
    return st.sampled_from(_OUTCOMES)


def _letter(to: str) -> OutgoingMail:
    return OutgoingMail(mail_id=MailId("m"), to=AgentId(to), body=f"hello {to}")


_OUTCOMES = [
    ToolOutcome(content="done"),
    ToolOutcome(content=""),
    ToolOutcome(content="failed", is_error=True),
    ToolOutcome(content="long", details="{}", spilled=BlobRef(digest="d", size_bytes=9)),
    ToolOutcome(content="sent", mail=(_letter("worker"),)),
    ToolOutcome(content="sent", mail=(_letter("worker"), _letter("lead"))),
    ToolOutcome(content="half sent", is_error=True, mail=(_letter("lead"),)),
]

_MODES: Sequence[RetryMode] = ["never", "probe", "safe", "idempotent"]
_PLANS = [
    e.CallPlan(key=AIM, retry=retry, parallel=parallel, refusal=refusal)
    for refusal in ("", "", "Invalid arguments")
    for parallel in (True, False)
    for retry in _MODES
]
# fewer plans than calls now and then: a call for which nobody planned
_plans = _some(_PLANS, 4)

_model_ids = st.sampled_from([AIM] * 8 + [EffectId("model-1"), EffectId("model-2")])
_call_keys = st.sampled_from(
    [EffectId(f"{AIM}{n}") for n in (0, 0, 0, 1, 1, 2)]
    + [EffectId("tool-1.0"), EffectId("tool-1.1"), EffectId("tool-9.9")]
)
_running = st.sampled_from(
    [
        frozenset[EffectId](),
        frozenset[EffectId](),
        frozenset({AIM}),
        frozenset({EffectId("tool-1.0@1"), EffectId("tool-1.1@1"), EffectId("model-2")}),
    ]
)


def agent_commands() -> SearchStrategy[c.AgentCommand]:
    """One command of any kind; most outcomes carry `AIM` for an id."""
    # one_of would count a strategy that is listed twice once
    return st.sampled_from(_COMMANDS).flatmap(lambda strategy: strategy)


_prompts = st.builds(
    c.AcceptPrompt,
    prompt_id=st.sampled_from([CommandId(f"p{n}") for n in range(1, 6)]),
    text=words,
    now=moments,
)
_LETTERS = [
    Mail(mail_id=MailId("m"), sender=sender, to=AgentId("lead"), body=body, sent_at=1.0)
    for sender in ("worker", "host")
    for body in ("hello", "line\nbreak ☃")
]
_mail = st.builds(
    c.TakeMail,
    mail=_some(_LETTERS, MAX_MAIL),
    after_version=st.just(0),
    # how far beyond the mail that was taken: negative and 0 are late deliveries
    through_version=st.sampled_from([-1, 0, 1, 1, 1, 2]),
    now=moments,
)
_replies = st.builds(
    c.RecordModelReply, effect_id=_model_ids, reply=model_replies(), plans=_plans, now=moments
)
_failures = st.builds(
    c.RecordModelFailure,
    effect_id=_model_ids,
    kind=st.sampled_from(["overloaded", "bad_request"]),
    message=words,
    transient=st.sampled_from([True, True, False]),
    now=moments,
    retry_after_s=st.sampled_from([None, 0.1, 30.0, 900.0]),
    partial_text=words,
)


def model_outcomes() -> SearchStrategy[c.RecordModelReply | c.RecordModelFailure]:
    """Outcomes of a model call, most of them replies, to be `addressed`."""
    return st.sampled_from([_replies] * 5 + [_failures]).flatmap(lambda strategy: strategy)


_outcomes = st.builds(c.RecordToolOutcome, key=_call_keys, outcome=tool_outcomes(), now=moments)
_verdicts = st.builds(
    c.RecordProbeVerdict,
    key=_call_keys,
    # relative to the attempt that is open: a verdict on an earlier one is late
    attempt=st.sampled_from([0, 0, 0, 0, -1]),
    verdict=st.sampled_from(["done", "not_done", "unknown"]),
    outcome=tool_outcomes(),
    now=moments,
)


def outside_commands() -> SearchStrategy[c.AgentCommand]:
    """What people and other agents do to an agent: prompts, mail, now and then an end."""
    return st.sampled_from(_OUTSIDE).flatmap(lambda strategy: strategy)


_OUTSIDE: list[SearchStrategy[Any]] = [
    *[_prompts] * 8,
    *[_mail] * 6,
    *[st.builds(c.CancelRun, now=moments)] * 2,
    st.builds(c.StopAgent, now=moments),
]
_recoveries = st.builds(c.RecoverEffects, running=_running, now=moments)
_COMMANDS: list[SearchStrategy[Any]] = [
    *[_prompts] * 3,
    *[_mail] * 2,
    *[_replies] * 6,
    _failures,
    *[_outcomes] * 6,
    *[_verdicts] * 2,
    *[_recoveries] * 2,
    st.builds(c.CancelRun, now=moments),
]


_least_sizes = st.sampled_from([0, 10, 16])
"""Lists are short by default; a deep state needs a long one, and 0 is what shrinks."""


def aimed(command: c.AgentCommand, state: AgentState) -> c.AgentCommand:
    """`command` with ids and versions that fit `state`, where it leaves them open.

    Mail taken gets ids by inbox version (`in-7`), mail sent by the key of its call.
    """
    match command:
        case c.TakeMail():
            return _aimed_mail(command, state)
        case c.RecordModelReply() | c.RecordModelFailure():
            return addressed(command, _open_model_call(command.effect_id, state))
        case c.RecordToolOutcome():
            return addressed(command, _open_call(command.key, state))
        case c.RecordProbeVerdict():
            return _aimed_verdict(command, state)
        case c.RecoverEffects() if AIM in command.running:
            running = frozenset(list(AGENT.pending(state))[:1])
            return msgspec.structs.replace(command, running=running)
        case _:
            return command


def addressed(command: Outcome, to: EffectId) -> Outcome:
    """The outcome as one of the effect or call `to`, with fitting plans and ids of mail."""
    replace = msgspec.structs.replace
    match command:
        case c.RecordModelReply():
            plans = tuple(
                replace(plan, key=call_key(to, index)) for index, plan in enumerate(command.plans)
            )
            return replace(command, effect_id=to, plans=plans)
        case c.RecordModelFailure():
            return replace(command, effect_id=to)
        case c.RecordToolOutcome() | c.RecordProbeVerdict():
            mail = tuple(
                replace(mail, mail_id=MailId(f"out-{to}-{index}"))
                for index, mail in enumerate(command.outcome.mail)
            )
            return replace(command, key=to, outcome=replace(command.outcome, mail=mail))
        case _:
            assert_never(command)


def _aimed_verdict(command: c.RecordProbeVerdict, state: AgentState) -> c.AgentCommand:
    key = _open_call(command.key, state)
    attempt = next((call.attempt for call in state.calls if call.key == key), 1)
    now_asked = msgspec.structs.replace(command, attempt=attempt + command.attempt)
    return addressed(now_asked, key)


def _aimed_mail(command: c.TakeMail, state: AgentState) -> c.TakeMail:
    first = state.mail_taken_through + min(command.through_version, 1)
    mail = tuple(
        msgspec.structs.replace(letter, mail_id=MailId(f"in-{first + index}"))
        for index, letter in enumerate(command.mail)
    )
    # versions may be left out: events in an inbox that are not mail
    through_version = max(first + len(mail) - 1, state.mail_taken_through)
    through_version += max(command.through_version - 1, 0)
    after_version = state.mail_taken_through
    if command.through_version < 1:
        through_version = state.mail_taken_through + command.through_version
        after_version = through_version - 1
    return msgspec.structs.replace(
        command, mail=mail, after_version=after_version, through_version=through_version
    )


def _open_model_call(effect_id: EffectId, state: AgentState) -> EffectId:
    if effect_id != AIM:
        return effect_id
    return state.model_call.effect_id if state.model_call else EffectId("model-0")


def _open_call(key: EffectId, state: AgentState) -> EffectId:
    """`?1` is the second call that is started or probed, or the first if there is only one."""
    if not key.startswith(AIM):
        return key
    opened = [call.key for call in state.calls if call.status in ("started", "probing")]
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
    first = draw(_prompts)
    commands = draw(st.lists(agent_commands(), min_size=min(least, max_size), max_size=max_size))
    if draw(st.integers(0, 7)) == 0:
        commands += [c.StopAgent(now=2e9), *draw(st.lists(agent_commands(), max_size=4))]
    return aimed_history(start, [first, *commands])

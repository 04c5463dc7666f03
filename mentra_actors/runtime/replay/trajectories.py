"""A run as what was said and done in it: what two runs are compared by; pure."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import ToolCallBlock, text_of

__all__ = ["Trajectory", "TrajectoryStep", "first_other", "trajectory_of"]

_FINISHED = "finished"


class TrajectoryStep(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, a call with its result, or the end; `told` is its text, whole."""

    what: str
    """`answer`, `call` or `end`."""
    name: str = ""
    """The tool of a call, the way in which a run ended."""
    asked: str = ""
    """The input of a call; the calls that an answer asks for, each with its tool. As JSON."""
    told: str = ""
    is_error: bool = False


class Trajectory(msgspec.Struct, frozen=True, kw_only=True):
    """A run. Tokens are input and output; money is in millionths of a US dollar."""

    steps: tuple[TrajectoryStep, ...] = ()
    answer: str = ""
    model_calls: int = 0
    tool_calls: int = 0
    tokens: int = 0
    cost_usd_micros: int | None = None
    ended: str = ""
    """`finished`, `failed`, `cancelled`; empty while it goes on."""


def trajectory_of(events: Iterable[Any]) -> Trajectory:
    """What was said and done in the events of one agent, from its first run on to its end."""
    steps: list[TrajectoryStep] = []
    calls: dict[str, ToolCallBlock] = {}
    answer, ended, replies = "", "", list[e.ModelReplied]()
    for event in events:
        if isinstance(event, e.ModelReplied):
            replies.append(event)
            answer = text_of(event.blocks) or answer
            asked = [one for one in event.blocks if isinstance(one, ToolCallBlock)]
            calls |= {f"tool-{_number(event)}.{n}": one for n, one in enumerate(asked)}
            steps.append(_answered(text_of(event.blocks), asked))
        elif isinstance(event, e.ToolCallFinished):
            steps.append(_called(event, calls.get(event.key)))
        elif ended := _end_of(event):
            answer = answer if ended == _FINISHED else _why(event)
            steps.append(TrajectoryStep(what="end", name=ended))
            break
    return Trajectory(
        steps=tuple(steps),
        answer=answer,
        model_calls=len(replies),
        tool_calls=sum(one.what == "call" for one in steps),
        tokens=sum(one.usage.total_tokens for one in replies),
        cost_usd_micros=_cost(one.cost_usd_micros for one in replies),
        ended=ended,
    )


def _end_of(event: object) -> str:
    match event:
        case e.RunFinished():
            return _FINISHED
        case e.RunFailed():
            return "failed"
        case e.RunCancelled():
            return "cancelled"
        case _:
            return ""


def _why(event: e.RunFailed | e.RunCancelled) -> str:
    return event.message if isinstance(event, e.RunFailed) else event.reason


def _cost(costs: Iterable[int | None]) -> int | None:
    """The sum; None if there is nothing to sum up, or a price is not known."""
    told = list(costs)
    known = [one for one in told if one is not None]
    return sum(known) if told and len(known) == len(told) else None


def first_other(one: Sequence[TrajectoryStep], other: Sequence[TrajectoryStep]) -> int | None:
    """The number (from 1) of the first step that is not the same; None if all are."""
    for number, (old, new) in enumerate(zip(one, other, strict=False), start=1):
        if old != new:
            return number
    return None if len(one) == len(other) else min(len(one), len(other)) + 1


def _number(event: e.ModelReplied) -> str:
    return event.effect_id.removeprefix("model-")


def _answered(text: str, asked: Sequence[ToolCallBlock]) -> TrajectoryStep:
    calls = [[one.name, _plain(one.arguments)] for one in asked]
    return TrajectoryStep(what="answer", asked=json.dumps(calls) if calls else "", told=text)


def _called(event: e.ToolCallFinished, call: ToolCallBlock | None) -> TrajectoryStep:
    return TrajectoryStep(
        what="call",
        name=event.tool,
        asked=json.dumps(_plain(call.arguments)) if call else "",
        told=event.content,
        is_error=event.is_error,
    )


def _plain(arguments: str) -> object:
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments

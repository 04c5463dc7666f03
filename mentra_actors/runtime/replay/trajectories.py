"""A run as what was said and done in it: what two runs are compared by; pure."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import ToolCallBlock, text_of

__all__ = ["Trajectory", "TrajectoryStep", "first_other", "trajectory_of"]


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
    answer, tokens, ended = "", 0, ""
    costs: list[int | None] = []
    for event in events:
        match event:
            case e.ModelReplied():
                text = text_of(event.blocks)
                answer = text or answer
                tokens += event.usage.total_tokens
                costs.append(event.cost_usd_micros)
                asked = [one for one in event.blocks if isinstance(one, ToolCallBlock)]
                calls |= {f"tool-{_number(event)}.{n}": one for n, one in enumerate(asked)}
                steps.append(_answered(text, asked))
            case e.ToolCallFinished():
                steps.append(_called(event, calls.get(event.key)))
            case e.RunFinished():
                ended = "finished"
            case e.RunFailed():
                ended = "failed"
                answer = event.message
            case e.RunCancelled():
                ended = "cancelled"
                answer = event.reason
            case _:
                continue
        if ended:
            steps.append(TrajectoryStep(what="end", name=ended))
            break
    return Trajectory(
        steps=tuple(steps),
        answer=answer,
        model_calls=sum(one.what == "answer" for one in steps),
        tool_calls=sum(one.what == "call" for one in steps),
        tokens=tokens,
        cost_usd_micros=None if None in costs or not costs else sum(one or 0 for one in costs),
        ended=ended,
    )


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


def _plain(arguments: str) -> Any:
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments

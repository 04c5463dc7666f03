"""Puts the requests together that a report of a context is about. Asks no model."""

import msgspec

from mentra_actors.domain.agent.effects import CallModel
from mentra_actors.domain.conversation_tree import Transcript
from mentra_actors.domain.past_calls import AgentPast, PastCall, next_call
from mentra_actors.domain.request_view import RequestView
from mentra_actors.effects.context.context_report import (
    AssembledRequest,
    ContextReport,
    CountedCall,
    context_report,
)
from mentra_actors.effects.context.request_assembly import RequestAssembly
from mentra_actors.providers.prices import PriceList
from mentra_actors.providers.token_estimate import estimated_tokens

__all__ = ["AssembledContext", "assembled_call", "assembled_next", "report_of"]


class AssembledContext(msgspec.Struct, frozen=True, kw_only=True):
    """A request, and the last one until then of which the provider has counted the tokens.

    `is_stopped`: the agent has stopped, so it is the one that it would make.
    """

    wanted: AssembledRequest
    counted: AssembledRequest | None
    counted_tokens: int
    is_stopped: bool = False


async def assembled_next(assembly: RequestAssembly, past: AgentPast) -> AssembledContext:
    """The next request of an agent, as it would be sent now.

    Raises:
        CommandRejected: there is no such agent, or it is the seat of a person.
        StoreError: an attachment cannot be read.
    """
    effect = next_call(past.state)
    view = await assembly.view(effect, past.transcript)
    wanted = await _assembled(assembly, 0, effect, past.transcript, view)
    made = await _with_count(assembly, wanted, past.last_counted)
    return msgspec.structs.replace(made, is_stopped=past.state.stopped)


async def assembled_call(
    assembly: RequestAssembly, past: AgentPast, call: PastCall
) -> AssembledContext:
    """What a model was sent for a call of the past, with the tools that there are now.

    Raises:
        StoreError: an attachment cannot be read.
    """
    wanted = await _of_past(assembly, call)
    before = msgspec.structs.replace(past, calls=past.calls[: call.number])
    return await _with_count(assembly, wanted, before.last_counted)


async def _with_count(
    assembly: RequestAssembly, wanted: AssembledRequest, last: PastCall | None
) -> AssembledContext:
    if last is None:
        return AssembledContext(wanted=wanted, counted=None, counted_tokens=0)
    counted = wanted if wanted.call == last.number else await _of_past(assembly, last)
    return AssembledContext(wanted=wanted, counted=counted, counted_tokens=last.usage.input_tokens)


async def _of_past(assembly: RequestAssembly, call: PastCall) -> AssembledRequest:
    return await _assembled(assembly, call.number, call.effect, call.transcript, call.view)


async def _assembled(
    assembly: RequestAssembly,
    number: int,
    effect: CallModel,
    transcript: Transcript,
    view: RequestView,
) -> AssembledRequest:
    _, _, model = effect.profile.model.partition(":")
    request = await assembly.request(effect, transcript, view, model)
    return AssembledRequest(
        call=number, effect=effect, transcript=transcript, view=view, request=request
    )


def report_of(context: AssembledContext, prices: PriceList) -> ContextReport:
    """What the request consists of. Takes a while for a long one: not on the effects loop."""
    counted = context.counted
    last = None
    if counted is not None:
        last = CountedCall(
            number=counted.call,
            counted_tokens=context.counted_tokens,
            estimated_tokens=estimated_tokens(counted.request),
        )
    window = prices.context_window(context.wanted.effect.profile.model)
    report = context_report(context.wanted, context_window=window, last_counted=last)
    return msgspec.structs.replace(report, is_stopped=context.is_stopped)

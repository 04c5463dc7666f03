"""Performs model calls: the transcript goes out, the answer or the failure comes back."""

import logging
import secrets
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.to_thread
import msgspec

from mentra_actors.domain.agent.commands import (
    RecordAbandonedAnswer,
    RecordBudgetUsedUp,
    RecordContextFull,
    RecordModelFailure,
    RecordModelReply,
)
from mentra_actors.domain.agent.effects import CallModel
from mentra_actors.domain.agent.events import CallPlan
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.domain.content import ToolCallBlock, text_of
from mentra_actors.domain.model_call import ModelReply, ModelRequest
from mentra_actors.domain.request_view import shown_tokens, standing_view
from mentra_actors.domain.storable import encodable
from mentra_actors.effects.calls.call_plans import CallPlanner
from mentra_actors.effects.causation import causation_of
from mentra_actors.effects.context.context_limits import ContextLimits
from mentra_actors.effects.context.recall import Recall
from mentra_actors.effects.context.request_assembly import RequestAssembly
from mentra_actors.effects.large_work import aside_if_large
from mentra_actors.effects.loop import is_cancellation
from mentra_actors.effects.models.attached_blobs import Blobs, kept_blocks
from mentra_actors.effects.models.live import LiveFeed, LiveNotice, ModelDelta
from mentra_actors.effects.models.live_answers import LiveAnswer, LiveAnswers
from mentra_actors.effects.models.model_requests import frame_tokens
from mentra_actors.effects.models.paused_answers import (
    MOST_PAUSES,
    is_paused,
    joined,
    resumed_request,
)
from mentra_actors.effects.models.provider_gates import Admission, ProviderGates
from mentra_actors.effects.models.reply_costs import reply_cost, usage_cost
from mentra_actors.effects.models.storable_replies import asked_wait_s, storable_reply
from mentra_actors.effects.ports import Clock, SendOutcome
from mentra_actors.effects.runner import Order
from mentra_actors.effects.team.board_reminders import BoardReminders
from mentra_actors.errors import ConfigurationError, ProviderError
from mentra_actors.ids import StreamId
from mentra_actors.providers.port import ModelEvent, ModelProvider, ReplyFinished
from mentra_actors.providers.prices import PriceList
from mentra_actors.providers.registry import ProviderRegistry
from mentra_actors.tools.registry import ToolSource
from mentra_actors.tools.results.rendering import error_words, named_words_of

__all__ = ["ModelCalls", "ModelServices"]

_log = logging.getLogger(__name__)

SALT_BYTES = 9
"""Random bytes in the idempotency keys of an answer's calls: 72 bits are unique in the world."""


@dataclass(frozen=True, slots=True)
class ModelServices:
    """What model calls are made with."""

    providers: ProviderRegistry
    tools: ToolSource
    planner: CallPlanner
    prices: PriceList
    blobs: Blobs
    gates: ProviderGates
    clock: Clock
    live: LiveFeed[LiveNotice]
    answers: LiveAnswers
    send: SendOutcome
    reminders: BoardReminders
    recall: Recall
    spent_of: Callable[[StreamId], tuple[int, int]]
    """Tokens and money (millionths of a US dollar) that a shared budget has lost. May block."""


class ModelCalls:
    """The performer of `CallModel`.

    `deadline_s` bounds one answer from the first byte sent to the last one read, so that a model
    that never stops talking ends too.
    """

    def __init__(self, services: ModelServices, *, deadline_s: float = 1800.0) -> None:
        self._services = services
        self._clock = services.clock
        self._deadline_s = deadline_s
        self._assembly = RequestAssembly(
            services.tools, services.blobs, services.reminders, services.recall
        )
        self._limits = ContextLimits(services.tools, services.prices, services.clock)

    async def __call__(
        self, order: Order
    ) -> RecordModelReply | RecordModelFailure | RecordBudgetUsedUp | RecordContextFull:
        """See `Performer`. If it is cancelled, what has come so far is sent all the same."""
        effect: CallModel = order.effect
        await self._clock.sleep_until(effect.not_before)
        full = await self._limits.exceeded(effect, order.view)
        if full is not None:
            return await self._used_up(effect) or full
        provider = effect.profile.model.partition(":")[0]
        gates = self._services.gates
        async with gates.admitted(provider, lambda: self._estimated(order)) as admission:
            used_up = await self._used_up(effect)
            if used_up is not None:
                return used_up
            with self._heard(order, admission) as answer:
                return await self._outcome(order, answer, admission)

    @contextmanager
    def _heard(self, order: Order, admission: Admission) -> Iterator[LiveAnswer]:
        """An answer that is heard until the block is left, however that is."""
        answers = self._services.answers
        answer = answers.begin(order.stream_id, order.effect.effect_id)
        answer.queued_s = admission.queued_s
        try:
            yield answer
        except BaseException as error:
            if is_cancellation(error):
                self._abandon(order, answer)
            raise
        finally:
            admission.used_tokens = answer.usage.total_tokens
            answers.end(answer)

    def _estimated(self, order: Order) -> int:
        """Tokens of the request; 0 for one that cannot be made, which is told later."""
        try:
            effect: CallModel = order.effect
            tools = self._services.tools.of(effect.profile.agent_id)
            view = standing_view(effect.profile.compaction, order.view)
            frame = frame_tokens(effect.profile, effect.options, tools)
            return frame + shown_tokens(order.view, view)
        except Exception as error:  # noqa: BLE001 - a guess is never worth a call
            _log.warning("the tokens of a request cannot be estimated: %s", error_words(error))
            return 0

    async def _outcome(
        self, order: Order, answer: LiveAnswer, admission: Admission
    ) -> RecordModelReply | RecordModelFailure:
        effect: CallModel = order.effect
        try:
            reply = await self._reply(order, answer)
        except ProviderError as error:
            admission.failed(error)
            return self._failure(effect, answer, error)
        except ConfigurationError as error:
            refused = ProviderError(error_words(error), kind="configuration", transient=False)
            return self._failure(effect, answer, refused)
        except BaseException as error:  # a broken adapter must not leave the run open
            if is_cancellation(error):
                raise
            return self._failure(effect, answer, _broken(effect, "provider_bug", error))
        try:
            return await self._recorded(effect, reply, answer)
        except BaseException as error:  # the answer was paid for: it counts
            if is_cancellation(error):
                raise
            return self._failure(effect, answer, _broken(effect, "internal", error))

    async def _recorded(
        self, effect: CallModel, reply: ModelReply, answer: LiveAnswer
    ) -> RecordModelReply:
        profile, options = effect.profile, effect.options
        planner = self._services.planner

        def read() -> tuple[tuple[CallPlan, ...], tuple[bool, str]]:
            plans = planner.plans(effect.effect_id, reply, profile, options)
            return plans, planner.output_verdict(reply, options.output)

        plans, (is_output, fault) = await aside_if_large(_checked_chars(reply), read)
        blocks = kept_blocks(reply.blocks, self._services.blobs.put_blob)
        return RecordModelReply(
            effect_id=effect.effect_id,
            reply=msgspec.structs.replace(reply, blocks=blocks),
            plans=plans,
            now=self._clock.now(),
            cost_usd_micros=reply_cost(self._services.prices, effect.profile.model, reply),
            salt=secrets.token_urlsafe(SALT_BYTES) if plans else "",
            asked_model=profile.model,
            is_output=is_output,
            output_fault=fault,
            queued_s=answer.queued_s,
            view=answer.view,
        )

    async def _reply(self, order: Order, answer: LiveAnswer) -> ModelReply:
        provider, request = await self._asked(order, answer)
        heard = _Heard()
        with anyio.move_on_after(self._deadline_s) as deadline:
            await self._hear(order, provider.stream(request), answer, heard)
            if heard.reply is not None and is_paused(heard.reply):
                await self._hear_more(order, (provider, request), answer, heard)
        if heard.reply is not None:
            return heard.reply
        if deadline.cancelled_caught:
            late = f"the answer was not finished after {self._deadline_s:g} s"
            raise ProviderError(late, kind="timeout", transient=False)
        cut = "the answer ended before it was finished"
        raise ProviderError(cut, kind="malformed_stream", transient=True)

    async def _asked(self, order: Order, answer: LiveAnswer) -> tuple[ModelProvider, ModelRequest]:
        """Who is asked, and what."""
        effect: CallModel = order.effect
        services = self._services
        provider, model = services.providers.resolve(effect.profile.model)
        await self._look_up_price(effect.profile.model, effect.options)
        answer.view = await self._assembly.view(effect, order.view)
        request = await self._assembly.request(effect, order.view, answer.view, model)
        return provider, request

    async def _hear_more(
        self,
        order: Order,
        asked: tuple[ModelProvider, ModelRequest],
        answer: LiveAnswer,
        heard: "_Heard",
    ) -> None:
        """The further parts of an answer that the provider has paused."""
        provider, request = asked
        for _ in range(MOST_PAUSES):
            if heard.reply is None or not is_paused(heard.reply):
                return
            before, part = heard.reply, _Heard()
            again = provider.stream(resumed_request(request, before))
            await self._hear(order, again, answer, part)
            if part.reply is None:
                return
            heard.reply = joined(before, part.reply)
            answer.usage = heard.reply.usage  # it counts, whatever becomes of the answer

    async def _hear(
        self,
        order: Order,
        stream: AsyncGenerator[ModelEvent, None],
        answer: LiveAnswer,
        heard: "_Heard",
    ) -> None:
        """Read to the end, past the answer: the connection can then be used again."""
        take, live = answer.take, self._services.live
        try:
            async with aclosing(stream) as events:
                async for event in events:
                    if isinstance(event, ReplyFinished):
                        heard.reply = storable_reply(event.reply)
                        answer.usage = heard.reply.usage
                        continue
                    take(event)
                    if live.is_heard:
                        live.publish(_delta(order, answer, event))
        except Exception as error:
            if heard.reply is None:
                raise
            _log.warning("after its answer the provider raised: %s", error_words(error))

    async def _used_up(self, effect: CallModel) -> RecordBudgetUsedUp | None:
        """That others have used up what this run spends from as well."""
        options = effect.options
        if not effect.budget or not options.has_shared_limits:
            return None
        tokens, cost = await anyio.to_thread.run_sync(self._services.spent_of, effect.budget)
        most_tokens, most_cost = options.token_budget, options.cost_budget_usd_micros
        has_tokens = most_tokens is None or tokens < most_tokens
        has_money = most_cost is None or cost < most_cost
        if has_tokens and has_money:
            return None
        return RecordBudgetUsedUp(
            effect_id=effect.effect_id,
            tokens=tokens,
            cost_usd_micros=cost,
            now=self._clock.now(),
        )

    # --- money ----------------------------------------------------------------------------

    async def _look_up_price(self, model: str, options: RunOptions) -> None:
        """On a thread, if it takes a while: the first look-up of all imports a library.

        Raises:
            ConfigurationError: the run has a budget of money, and the price is not known.
        """
        prices = self._services.prices
        if not prices.is_at_hand(model):
            await anyio.to_thread.run_sync(prices.knows, model, abandon_on_cancel=True)
        if options.cost_budget_usd_micros is not None and not prices.knows(model):
            raise ConfigurationError(
                f"the run has a budget of money, and nobody knows what {model!r} costs; "
                "open the runtime with prices=PriceList({model: ModelPrice(...)})"
            )

    # --- no answer ------------------------------------------------------------------------

    def _failure(
        self, effect: CallModel, answer: LiveAnswer, error: ProviderError
    ) -> RecordModelFailure:
        return RecordModelFailure(
            effect_id=effect.effect_id,
            kind=encodable(str(error.kind)),
            message=error_words(error),
            transient=bool(error.transient),
            retry_after_s=asked_wait_s(error),
            partial=answer.partial,
            usage=answer.usage,
            cost_usd_micros=usage_cost(self._services.prices, effect.profile.model, answer.usage),
            asked_model=effect.profile.model,
            queued_s=answer.queued_s,
            view=answer.view,
            now=self._clock.now(),
            status=_status(error.status),
            code=encodable(str(error.code or "")),
            request_id=encodable(str(error.request_id or "")),
        )

    def _abandon(self, order: Order, answer: LiveAnswer) -> None:
        """The run has ended: what had come is for people, and counts; nobody waits for it."""
        partial, usage = answer.partial, answer.usage
        if not (partial.text or partial.thinking or usage.total_tokens):
            return
        effect: CallModel = order.effect
        abandoned = RecordAbandonedAnswer(
            effect_id=effect.effect_id,
            run_id=effect.run_id,
            partial=partial,
            usage=usage,
            cost_usd_micros=usage_cost(self._services.prices, effect.profile.model, usage),
            asked_model=effect.profile.model,
            now=self._clock.now(),
        )
        causation = causation_of(order.stream_id, order.effect_id)
        self._services.send(order.stream_id, abandoned, causation, lambda _error: None)


def _delta(order: Order, answer: LiveAnswer, event: ModelEvent) -> ModelDelta:
    """What listeners are told of a piece that has just been taken."""
    return ModelDelta(
        stream_id=order.stream_id,
        effect_id=order.effect_id,
        event=event,
        offset=answer.offset_of(event),
    )


def _broken(effect: CallModel, kind: str, error: BaseException) -> ProviderError:
    said = named_words_of(error)
    what = f"provider of {effect.profile.model!r} failed"
    if kind == "internal":
        what = "the answer could not be taken"
    return ProviderError(f"{what}: {said}", kind=kind, transient=False)


def _checked_chars(reply: ModelReply) -> int:
    """How much of an answer is read as JSON: arguments of calls, or all of its text."""
    calls = [block for block in reply.blocks if isinstance(block, ToolCallBlock)]
    return sum(len(call.arguments) for call in calls) or len(text_of(reply.blocks))


def _status(status: Any) -> int | None:
    """A status of HTTP, if it is one."""
    is_status = isinstance(status, int) and not isinstance(status, bool)
    return status if is_status and 0 < status < 1000 else None  # noqa: PLR2004


class _Heard:
    """The whole answer, once it has come."""

    def __init__(self) -> None:
        self.reply: ModelReply | None = None

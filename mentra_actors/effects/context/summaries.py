"""Has the older part of a conversation summarised: by the agent's own model, or its provider."""

import logging
from contextlib import aclosing
from dataclasses import dataclass, field

import anyio
import msgspec

from mentra_actors.domain.agent.commands import RecordCompaction
from mentra_actors.domain.agent.effects import SummarizeConversation
from mentra_actors.domain.agent.fallback import failure_name
from mentra_actors.domain.agent.profile import AgentProfile, CompactionOptions
from mentra_actors.domain.compacted import Compaction
from mentra_actors.domain.compaction import (
    NOTHING_OLDER,
    SUMMARY_SYSTEM,
    CompactionPlan,
    ConversationSummary,
    compaction_plan,
    older_messages,
    summary_in,
    told_remotely,
    told_summary,
)
from mentra_actors.domain.content import OpaqueBlock, UserMessage, text_of
from mentra_actors.domain.conversation_tree import Transcript, closed, compacted
from mentra_actors.domain.model_call import ModelRequest, TokenUsage, usage_fault
from mentra_actors.domain.storable import encodable
from mentra_actors.domain.token_estimate import text_tokens
from mentra_actors.effects.loop import is_cancellation
from mentra_actors.effects.models.provider_gates import Admission, ProviderGates
from mentra_actors.effects.models.reply_costs import reply_cost, usage_cost
from mentra_actors.effects.models.storable_replies import asked_wait_s, storable, storable_reply
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.runner import Order
from mentra_actors.errors import ProviderError
from mentra_actors.providers.catalogue import UNSUPPORTED, CompactsConversations, RemoteCompaction
from mentra_actors.providers.port import ModelProvider, ReplyFinished, UsageReported
from mentra_actors.providers.prices import PriceList
from mentra_actors.providers.registry import ProviderRegistry
from mentra_actors.providers.token_estimate import estimated_tokens
from mentra_actors.tools.results.rendering import named_words_of

__all__ = ["ConversationSummaries", "Summaries", "SummaryAttempt"]

_log = logging.getLogger(__name__)

_LEAST_CHARS = 1_000
"""Whoever refuses so few words has another reason."""


@dataclass(slots=True)
class SummaryAttempt:
    """What came of one attempt: a compaction, an `error`, or neither if nothing is older.

    `usage` and `cost_usd_micros` are what was counted, also of one that failed.
    """

    compaction: Compaction | None = None
    error: BaseException | None = None
    usage: TokenUsage = field(default_factory=TokenUsage)
    cost_usd_micros: int | None = None


@dataclass(frozen=True, slots=True)
class Summaries:
    """Writes summaries. `deadline_s` bounds the answer of the model."""

    providers: ProviderRegistry
    gates: ProviderGates
    prices: PriceList
    deadline_s: float = 300.0

    async def attempt(
        self, profile: AgentProfile, transcript: Transcript, limit: int = 0
    ) -> SummaryAttempt:
        """How the conversation is told shorter; what goes wrong is in the result.

        `limit` is how many tokens a request may have (0: not known).
        """
        attempt = SummaryAttempt()
        try:
            made = await self._fitting(profile, transcript, limit, attempt)
            if made is not None:
                attempt.compaction = _counted(made, transcript, attempt, profile.compaction)
        except BaseException as error:
            if is_cancellation(error):
                raise
            attempt.error = error
            if attempt.cost_usd_micros is None:
                attempt.cost_usd_micros = usage_cost(self.prices, profile.model, attempt.usage)
        return attempt

    async def _fitting(
        self, profile: AgentProfile, transcript: Transcript, limit: int, attempt: SummaryAttempt
    ) -> Compaction | None:
        """What a model has made of the newest words that it takes; None if nothing is older.

        One that refuses them as too many is given half of them, and shows how much room there is.
        """
        while True:
            plan = compaction_plan(transcript, profile.compaction, limit)
            if plan is None:
                return None
            try:
                return await self._compaction(profile, transcript, plan, attempt)
            except ProviderError as error:
                is_told = profile.compaction.mode != "remote_only"
                if not (is_told and _is_too_long(error) and len(plan.material) >= _LEAST_CHARS):
                    raise
            refused = text_tokens(plan.material)
            limit = min(limit, refused) if limit else refused
            profile = _with_half(profile, plan)

    async def _compaction(
        self,
        profile: AgentProfile,
        transcript: Transcript,
        plan: CompactionPlan,
        attempt: SummaryAttempt,
    ) -> Compaction:
        """By the provider if the profile prefers that and it can; else by the model."""
        mode = profile.compaction.mode
        if mode != "local_only":
            remote = await self._remote(profile, transcript, plan, attempt)
            if remote is not None:
                return remote
            if mode == "remote_only":
                raise ProviderError(
                    f"the provider of {profile.model!r} does not compact conversations",
                    kind=UNSUPPORTED,
                    transient=False,
                )
        written = await self._written(profile, plan, attempt)
        return told_summary(plan, written, profile.model)

    # --- by the model ---------------------------------------------------------------------

    async def _written(
        self, profile: AgentProfile, plan: CompactionPlan, attempt: SummaryAttempt
    ) -> str:
        provider, model = self.providers.resolve(profile.model)
        request = ModelRequest(
            model=model,
            messages=(UserMessage(text=plan.material),),
            system=SUMMARY_SYSTEM,
            max_output_tokens=profile.compaction.summary_max_output_tokens,
            metadata=profile.metadata,
        )
        name = profile.model.partition(":")[0]
        async with self.gates.admitted(name, lambda: estimated_tokens(request)) as admission:
            try:
                text = await self._heard(provider, request, profile, attempt)
            except ProviderError as error:
                admission.failed(error)
                raise
            finally:
                admission.used_tokens = attempt.usage.total_tokens
        if not text or summary_in(text) == ConversationSummary():
            raise ProviderError(
                "the model wrote no summary", kind="invalid_response", transient=False
            )
        return text

    async def _heard(
        self,
        provider: ModelProvider,
        request: ModelRequest,
        profile: AgentProfile,
        attempt: SummaryAttempt,
    ) -> str:
        with anyio.move_on_after(self.deadline_s) as deadline:
            async with aclosing(provider.stream(request)) as events:
                async for event in events:
                    if isinstance(event, UsageReported) and not usage_fault(event.usage):
                        attempt.usage = event.usage
                    if isinstance(event, ReplyFinished):
                        reply = storable_reply(event.reply)
                        attempt.usage = reply.usage
                        attempt.cost_usd_micros = reply_cost(self.prices, profile.model, reply)
                        return encodable(text_of(reply.blocks).strip())
        if deadline.cancelled_caught:
            late = "the summary was not finished in time"
            raise ProviderError(late, kind="timeout", transient=False)
        cut = "the summary ended before it was finished"
        raise ProviderError(cut, kind="malformed_stream", transient=True)

    # --- by the provider ------------------------------------------------------------------

    async def _remote(
        self,
        profile: AgentProfile,
        transcript: Transcript,
        plan: CompactionPlan,
        attempt: SummaryAttempt,
    ) -> Compaction | None:
        """None if the provider cannot do it, or has made nothing of it."""
        provider, model = self.providers.resolve(profile.model)
        if not isinstance(provider, CompactsConversations):
            return None
        request = ModelRequest(
            model=model,
            messages=older_messages(transcript, plan),
            system=profile.system,
            options=profile.provider,
            metadata=profile.metadata,
        )
        name = profile.model.partition(":")[0]
        async with self.gates.admitted(name, lambda: estimated_tokens(request)) as admission:
            blocks, text = await self._asked(provider, request, profile, attempt, admission)
        if not blocks and not text:
            return None
        return told_remotely(plan, blocks, text, profile.model)

    async def _asked(
        self,
        provider: CompactsConversations,
        request: ModelRequest,
        profile: AgentProfile,
        attempt: SummaryAttempt,
        admission: Admission,
    ) -> tuple[tuple[OpaqueBlock, ...], str]:
        try:
            with anyio.move_on_after(self.deadline_s) as deadline:
                made = storable(await provider.compact(request), RemoteCompaction)
        except ProviderError as error:
            may_be_told = profile.compaction.mode == "prefer_remote" and _is_too_long(error)
            if error.kind == UNSUPPORTED or may_be_told:
                return (), ""
            admission.failed(error)
            raise
        if deadline.cancelled_caught:
            late = "the provider did not finish in time"
            raise ProviderError(late, kind="timeout", transient=False)
        if not usage_fault(made.usage):
            attempt.usage = made.usage
            attempt.cost_usd_micros = usage_cost(self.prices, profile.model, made.usage)
        admission.used_tokens = attempt.usage.total_tokens
        return made.blocks, encodable(made.text.strip())


def _with_half(profile: AgentProfile, plan: CompactionPlan) -> AgentProfile:
    """A profile whose summaries are made of half as much, and by no provider in its own form."""
    options = msgspec.structs.replace(
        profile.compaction,
        summary_max_input_chars=len(plan.material) // 2,
        mode="local_only",
    )
    return msgspec.structs.replace(profile, compaction=options)


def _is_too_long(error: ProviderError) -> bool:
    name = failure_name(error.kind, error.status, error.code or "", str(error))
    return name == "context_exceeded"


def _counted(
    made: Compaction,
    transcript: Transcript,
    attempt: SummaryAttempt,
    options: CompactionOptions,
) -> Compaction:
    """The compaction with what it has used, and with what is sent afterwards.

    Raises:
        ProviderError: its words are more than was asked for, and make nothing shorter.
    """
    before = closed(transcript)
    tokens = compacted(before, made).tokens
    is_long = text_tokens(made.summary) > options.summary_max_output_tokens
    if is_long and not made.remote and tokens >= before.tokens:
        raise ProviderError(
            f"the summary makes nothing shorter: {tokens:,} tokens in place of {before.tokens:,}",
            kind="invalid_response",
            transient=False,
        )
    return msgspec.structs.replace(
        made,
        usage=attempt.usage,
        cost_usd_micros=attempt.cost_usd_micros,
        resulting_tokens=tokens,
    )


class ConversationSummaries:
    """The performer of `SummarizeConversation`. Needs the transcript."""

    def __init__(self, summaries: Summaries, clock: Clock) -> None:
        self._summaries = summaries
        self._clock = clock

    async def __call__(self, order: Order) -> RecordCompaction:
        """See `Performer`."""
        effect: SummarizeConversation = order.effect
        await self._clock.sleep_until(effect.not_before)
        is_overflow = effect.trigger == "overflow"
        limit = effect.limit or (order.view.tokens if is_overflow else 0)
        attempt = await self._summaries.attempt(effect.profile, order.view, limit)
        problem, error = "" if attempt.compaction else NOTHING_OLDER, attempt.error
        if error is not None:
            problem = encodable(named_words_of(error))
            _log.warning("%s was not compacted: %s", order.stream_id, problem)
        of_provider = error if isinstance(error, ProviderError) else None
        return RecordCompaction(
            effect_id=effect.effect_id,
            compaction=attempt.compaction,
            problem=problem,
            is_error=error is not None,
            now=self._clock.now(),
            attempt=effect.attempt,
            transient=of_provider is not None and bool(of_provider.transient),
            retry_after_s=asked_wait_s(of_provider) if of_provider else None,
            usage=attempt.usage,
            cost_usd_micros=attempt.cost_usd_micros,
            asked_model=effect.profile.model,
        )

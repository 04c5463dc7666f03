"""Has the older part of a conversation summarised by the agent's own model."""

import logging
from contextlib import aclosing
from dataclasses import dataclass

import anyio

from mentra_actors.domain.agent.commands import RecordCompaction
from mentra_actors.domain.agent.effects import SummarizeConversation
from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.domain.compacted import Compaction
from mentra_actors.domain.compaction import (
    NOTHING_OLDER,
    SUMMARY_SYSTEM,
    CompactionPlan,
    compaction_plan,
    rendered_summary,
    summary_in,
)
from mentra_actors.domain.content import UserMessage, text_of
from mentra_actors.domain.conversation_tree import Transcript
from mentra_actors.domain.model_call import ModelReply, ModelRequest, usage_fault
from mentra_actors.domain.storable import encodable
from mentra_actors.effects.loop import is_cancellation
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.provider_gates import ProviderGates
from mentra_actors.effects.reply_costs import reply_cost
from mentra_actors.effects.runner import Order
from mentra_actors.errors import ProviderError
from mentra_actors.providers.port import ReplyFinished
from mentra_actors.providers.prices import PriceList
from mentra_actors.providers.registry import ProviderRegistry
from mentra_actors.providers.token_estimate import estimated_tokens
from mentra_actors.tools.results.rendering import named_words_of

__all__ = ["ConversationSummaries", "Summaries"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Summaries:
    """Writes summaries. `deadline_s` bounds the answer of the model."""

    providers: ProviderRegistry
    gates: ProviderGates
    prices: PriceList
    deadline_s: float = 300.0

    async def compaction(self, profile: AgentProfile, transcript: Transcript) -> Compaction | None:
        """How the conversation is told shorter; None if it has no older part.

        Raises:
            ProviderError: the model could not be asked, or has written nothing.
            ConfigurationError: nobody serves the model.
        """
        plan = compaction_plan(transcript, profile.compaction)
        if plan is None:
            return None
        reply = await self._written(profile, plan)
        text = encodable(text_of(reply.blocks).strip())
        if not text:
            raise ProviderError(
                "the model wrote no summary", kind="invalid_response", transient=False
            )
        return Compaction(
            through=plan.through,
            summary=rendered_summary(summary_in(text)),
            kept=plan.kept,
            replaced=plan.replaced,
            asked_model=profile.model,
            usage=reply.usage,
            cost_usd_micros=reply_cost(self.prices, profile.model, reply),
        )

    async def _written(self, profile: AgentProfile, plan: CompactionPlan) -> ModelReply:
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
            with anyio.move_on_after(self.deadline_s):
                async with aclosing(provider.stream(request)) as events:
                    async for event in events:
                        if isinstance(event, ReplyFinished) and not usage_fault(event.reply.usage):
                            admission.used_tokens = event.reply.usage.total_tokens
                            return event.reply
        late = "the summary was not finished in time"
        raise ProviderError(late, kind="timeout", transient=False)


class ConversationSummaries:
    """The performer of `SummarizeConversation`. Needs the transcript."""

    def __init__(self, summaries: Summaries, clock: Clock) -> None:
        self._summaries = summaries
        self._clock = clock

    async def __call__(self, order: Order) -> RecordCompaction:
        """See `Performer`."""
        effect: SummarizeConversation = order.effect
        problem, compaction, is_error = NOTHING_OLDER, None, False
        try:
            compaction = await self._summaries.compaction(effect.profile, order.view)
        except BaseException as error:
            if is_cancellation(error):
                raise
            _log.warning("%s was not compacted: %s", order.stream_id, named_words_of(error))
            problem, is_error = encodable(named_words_of(error)), True
        return RecordCompaction(
            effect_id=effect.effect_id,
            compaction=compaction,
            problem="" if compaction else problem,
            is_error=is_error,
            now=self._clock.now(),
        )

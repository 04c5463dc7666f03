"""Whether a request would be too long, so that its conversation has to be summarised first."""

import logging

import anyio.to_thread

from mentra_actors.domain.agent.commands import RecordContextFull
from mentra_actors.domain.agent.effects import CallModel
from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.domain.compaction import compaction_limit, needs_compaction
from mentra_actors.domain.conversation_tree import Transcript
from mentra_actors.domain.request_view import shown_tokens, standing_view
from mentra_actors.effects.models.model_requests import frame_tokens
from mentra_actors.effects.ports import Clock
from mentra_actors.providers.prices import PriceList
from mentra_actors.tools.registry import ToolSource
from mentra_actors.tools.results.rendering import error_words

__all__ = ["ContextLimits"]

_log = logging.getLogger(__name__)


class ContextLimits:
    """How long the requests of agents may be. On the effects loop."""

    def __init__(self, tools: ToolSource, prices: PriceList, clock: Clock) -> None:
        self._tools = tools
        self._prices = prices
        self._clock = clock
        self._windows: dict[str, int | None] = {}

    async def exceeded(
        self, effect: CallModel, transcript: Transcript
    ) -> RecordContextFull | None:
        """The outcome of a call that must not be made before a compaction; None if it may be.

        A call that has waited for one already may be made.
        """
        if effect.is_compacted:
            return None
        try:
            limit = await self._limit(effect.profile)
            tokens = 0 if limit is None else self._excess(effect, transcript, limit)
        except Exception as error:  # noqa: BLE001 - a guess is never worth a call
            _log.warning("the tokens of a request cannot be estimated: %s", error_words(error))
            return None
        if not limit or not tokens:
            return None
        now = self._clock.now()
        return RecordContextFull(effect_id=effect.effect_id, tokens=tokens, limit=limit, now=now)

    def _excess(self, effect: CallModel, transcript: Transcript, limit: int) -> int:
        """The tokens of the request if they are too many, else 0."""
        profile = effect.profile
        shown = shown_tokens(transcript, standing_view(profile.compaction, transcript))
        tools = self._tools.of(profile.agent_id)
        tokens = shown + frame_tokens(profile, effect.options, tools)
        return tokens if needs_compaction(transcript, shown, tokens, limit) else 0

    async def _limit(self, profile: AgentProfile) -> int | None:
        """See `compaction_limit`."""
        options = profile.compaction
        is_shared = options.auto_compact_share is not None
        return compaction_limit(options, await self._window(profile.model) if is_shared else None)

    async def _window(self, model: str) -> int | None:
        """On a thread, if it takes a while: the first look-up of all imports a library."""
        if model not in self._windows:
            if not self._prices.is_at_hand(model):
                await anyio.to_thread.run_sync(self._prices.knows, model, abandon_on_cancel=True)
            self._windows[model] = self._prices.context_window(model)
        return self._windows[model]

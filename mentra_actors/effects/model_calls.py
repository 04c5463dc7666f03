"""Performs model calls: the transcript goes out, the answer or the failure comes back."""

import json
import logging
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import anyio
import msgspec

from mentra_actors.domain.agent.commands import PartialAnswer, RecordModelFailure, RecordModelReply
from mentra_actors.domain.agent.effects import CallModel
from mentra_actors.domain.agent.events import AgentProfile, CallPlan
from mentra_actors.domain.agent.state import call_key
from mentra_actors.domain.content import ToolCallBlock
from mentra_actors.domain.model_call import ModelReply, ModelRequest
from mentra_actors.domain.transcript import Transcript, prompt_messages
from mentra_actors.effects.live import LiveFeed, LiveNotice, ModelDelta
from mentra_actors.effects.loop import is_cancellation
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.runner import Order
from mentra_actors.errors import ConfigurationError, ProviderError
from mentra_actors.ids import EffectId
from mentra_actors.providers.port import ModelEvent, ReplyFinished, TextDelta
from mentra_actors.providers.registry import ProviderRegistry
from mentra_actors.tools.contract import Tool
from mentra_actors.tools.registry import ToolRegistry
from mentra_actors.tools.results import words_of

__all__ = ["ModelCalls", "plan_call"]

_log = logging.getLogger(__name__)

SHOWN_ARGUMENTS = 240


class ModelCalls:
    """The performer of `CallModel`.

    `deadline_s` bounds one answer from the first byte sent to the last one read, so that a model
    that never stops talking ends too.
    """

    def __init__(
        self,
        providers: ProviderRegistry,
        tools: ToolRegistry,
        clock: Clock,
        live: LiveFeed[LiveNotice],
        *,
        deadline_s: float = 1800.0,
    ) -> None:
        self._providers = providers
        self._tools = tools
        self._clock = clock
        self._live = live
        self._deadline_s = deadline_s

    async def __call__(self, order: Order) -> RecordModelReply | RecordModelFailure:
        """See `Performer`."""
        effect: CallModel = order.effect
        await self._clock.sleep_until(effect.not_before)
        heard = _Heard()
        try:
            reply = await self._reply(order, heard)
        except ProviderError as error:
            return self._failure(effect, heard, error)
        except ConfigurationError as error:
            refused = ProviderError(words_of(error), kind="configuration", transient=False)
            return self._failure(effect, heard, refused)
        except BaseException as error:  # a broken adapter must not leave the run open
            if is_cancellation(error):
                raise
            said = f"{type(error).__name__}: {words_of(error)}"
            broken = f"provider of {effect.profile.model!r} failed: {said}"
            internal = ProviderError(broken, kind="provider_bug", transient=False)
            return self._failure(effect, heard, internal)
        plans = plan_calls(effect.effect_id, reply, self._tools, effect.profile)
        return RecordModelReply(
            effect_id=effect.effect_id, reply=reply, plans=plans, now=self._clock.now()
        )

    async def _reply(self, order: Order, heard: "_Heard") -> ModelReply:
        effect: CallModel = order.effect
        provider, model = self._providers.resolve(effect.profile.model)
        request = self._request(effect, order.view, model)
        with anyio.move_on_after(self._deadline_s) as deadline:
            await self._hear(order, provider.stream(request), heard)
        if heard.reply is not None:
            return _storable(heard.reply)
        if deadline.cancelled_caught:
            late = f"the answer was not finished after {self._deadline_s:g} s"
            raise ProviderError(late, kind="timeout", transient=False)
        cut = "the answer ended before it was finished"
        raise ProviderError(cut, kind="malformed_stream", transient=True)

    async def _hear(
        self, order: Order, stream: AsyncGenerator[ModelEvent, None], heard: "_Heard"
    ) -> None:
        """Read to the end, past the answer: the connection can then be used again."""
        try:
            async with aclosing(stream) as events:
                async for event in events:
                    if isinstance(event, ReplyFinished):
                        heard.reply = event.reply
                    else:
                        self._show(order, event, heard)
        except Exception as error:
            if heard.reply is None:
                raise
            _log.warning("after its answer the provider raised: %s", words_of(error))

    def _show(self, order: Order, event: ModelEvent, heard: "_Heard") -> None:
        if isinstance(event, TextDelta):
            heard.text.append(str(event.text))
        self._live.publish(
            ModelDelta(stream_id=order.stream_id, effect_id=order.effect_id, event=event)
        )

    def _request(self, effect: CallModel, transcript: Transcript, model: str) -> ModelRequest:
        profile = effect.profile
        return ModelRequest(
            model=model,
            messages=prompt_messages(transcript),
            system=profile.system,
            tools=tuple(t.spec for name, t in self._tools.items() if profile.offers(name)),
            temperature=profile.temperature,
            max_output_tokens=profile.max_output_tokens,
        )

    def _failure(
        self, effect: CallModel, heard: "_Heard", error: ProviderError
    ) -> RecordModelFailure:
        return RecordModelFailure(
            effect_id=effect.effect_id,
            kind=_encodable(str(error.kind)),
            message=_encodable(words_of(error)),
            transient=bool(error.transient),
            retry_after_s=_seconds(error.retry_after_s),
            partial=PartialAnswer(text=_encodable("".join(heard.text))),
            now=self._clock.now(),
        )


def _seconds(wait: Any) -> float | None:
    """A wait that a provider asked for, if it is one."""
    is_number = isinstance(wait, int | float) and not isinstance(wait, bool)
    return float(wait) if is_number and math.isfinite(wait) and wait >= 0 else None


def _storable(reply: ModelReply) -> ModelReply:
    """The reply as the log will give it back; one that cannot be stored would end its agent.

    Raises:
        ProviderError: a field has the wrong type, or a text is not Unicode.
    """
    try:
        return msgspec.msgpack.decode(msgspec.msgpack.encode(reply), type=ModelReply)
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise ProviderError(
            f"the answer cannot be stored: {error}", kind="invalid_response", transient=False
        ) from error


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


class _Heard:
    """What has come of an answer so far."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.reply: ModelReply | None = None


def plan_calls(
    effect_id: EffectId,
    reply: ModelReply,
    tools: ToolRegistry,
    profile: AgentProfile,
) -> tuple[CallPlan, ...]:
    """How each call of an answer will be run, in its order."""
    asked = [block for block in reply.blocks if isinstance(block, ToolCallBlock)]
    return tuple(
        plan_call(call_key(effect_id, index), block, tools, profile)
        for index, block in enumerate(asked)
    )


def plan_call(
    key: EffectId, block: ToolCallBlock, tools: ToolRegistry, profile: AgentProfile
) -> CallPlan:
    """How one call will be run; refused if its tool or its arguments are of no use."""
    tool = tools.get(block.name)
    if tool is None:
        return CallPlan(key=key, refusal="Tool not found")
    if not profile.offers(block.name):
        return CallPlan(key=key, refusal=f"Tool '{block.name}' is not available for this agent")
    arguments, problem = _decoded(block.arguments)
    if problem:
        return CallPlan(key=key, refusal=_malformed(block, problem))
    return CallPlan(key=key, retry=tool.retry, parallel=_is_parallel(tool, arguments))


def _is_parallel(tool: Tool, arguments: dict[str, object]) -> bool:
    try:
        return bool(tool.is_parallel(arguments))
    except Exception:  # noqa: BLE001 - a tool that cannot say runs alone
        return False


def _decoded(arguments: str) -> tuple[dict[str, object], str]:
    """The arguments, and what is wrong with them (empty if nothing)."""
    try:
        decoded = json.loads(arguments.strip() or "{}", parse_constant=_refuse_constant)
        if "\\u" in arguments:  # half a surrogate pair is JSON, but not text that can be stored
            json.dumps(decoded, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        return {}, str(error)
    if not isinstance(decoded, dict):
        return {}, f"expected a JSON object, found {type(decoded).__name__}"
    return decoded, ""


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _malformed(block: ToolCallBlock, problem: str) -> str:
    raw = block.arguments
    shown = raw if len(raw) <= SHOWN_ARGUMENTS else raw[:SHOWN_ARGUMENTS] + "…"
    return (
        f"The call was not executed: its JSON arguments are invalid ({problem}). Please retry "
        "with valid JSON that matches the tool schema exactly.\n"
        f"Raw arguments (truncated): {shown}"
    )

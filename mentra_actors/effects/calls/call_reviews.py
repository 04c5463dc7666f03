"""Performs reviews of calls: hooks, the check of the arguments, the authorizer, in this order."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import anyio
import msgspec

from mentra_actors.domain.agent.commands import RecordCallReview
from mentra_actors.domain.agent.effects import ReviewCall
from mentra_actors.domain.storable import encodable
from mentra_actors.domain.tool_call import DecidedBy, ToolOutcome
from mentra_actors.effects.calls.call_plans import (
    decoded_arguments,
    encoded_arguments,
    faults_of,
    is_parallel,
)
from mentra_actors.effects.calls.call_previews import call_digest, call_preview, structured_preview
from mentra_actors.effects.calls.user_calls import called
from mentra_actors.effects.calls.workplaces import Workplaces
from mentra_actors.effects.large_work import aside_if_large
from mentra_actors.effects.loop import is_cancellation
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.runner import Order
from mentra_actors.tools.contract import PolicyDenied, Tool, ToolError
from mentra_actors.tools.registry import TOOL_IS_GONE, ToolSource
from mentra_actors.tools.results.rendering import error_words, named_words_of
from mentra_actors.tools.review import (
    Allow,
    Ask,
    Authorizer,
    CallPreview,
    Deny,
    Modify,
    RememberedRules,
    RuleAnswer,
    ToolHook,
    refusal_by_rule,
)
from mentra_actors.tools.workplace import Workplace

__all__ = ["CallReviews", "ReviewPorts", "after_hooks"]

_log = logging.getLogger(__name__)


class _Refused(Exception):
    """The call is not run; `text` is its result."""

    def __init__(
        self, text: str, *, by: DecidedBy, reason: str = "", denied: str = "", rule: str = ""
    ) -> None:
        super().__init__(text)
        self.text = text
        self.by: DecidedBy = by
        self.reason = reason or text
        self.denied = denied
        self.rule = rule


class _Decision(NamedTuple):
    """What came of asking: `ask` is for a person to answer."""

    outcome: Allow | Ask
    by: DecidedBy
    rule: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewPorts:
    """Who is asked about a call, in this order. Rules answer only where a person would be asked.

    An authorizer that takes longer than `authorizer_timeout_s` has refused; a person may take
    `permission_timeout_s` (None: for ever).
    """

    hooks: tuple[ToolHook, ...] = ()
    authorizer: Authorizer | None = None
    rules: RememberedRules | None = None
    authorizer_timeout_s: float | None = None
    permission_timeout_s: float | None = None


class CallReviews:
    """The performer of `ReviewCall`. Whatever goes wrong in it refuses the call."""

    def __init__(
        self, tools: ToolSource, ports: ReviewPorts, workplaces: Workplaces, clock: Clock
    ) -> None:
        self._tools = tools
        self._ports = ports
        self._workplaces = workplaces
        self._clock = clock

    async def __call__(self, order: Order) -> RecordCallReview:
        """See `Performer`."""
        effect: ReviewCall = order.effect
        try:
            return await self._review(effect)
        except _Refused as error:
            refused = error
        except BaseException as error:
            if is_cancellation(error):
                raise
            _log.exception("the review of %s broke; it is refused", effect.tool)
            said = f"Tool execution blocked: {named_words_of(error)}"
            refused = _Refused(said, by="fault")
        return RecordCallReview(
            key=effect.key,
            verdict="refuse",
            text=encodable(refused.text),
            decided_by=refused.by,
            reason=encodable(refused.reason),
            rule=refused.rule,
            denied=refused.denied,
            now=self._clock.now(),
        )

    async def _review(self, effect: ReviewCall) -> RecordCallReview:
        tool = self._tools.of(effect.profile.agent_id).get(effect.tool)
        if tool is None:
            raise _Refused(TOOL_IS_GONE, by="check")
        place = self._workplaces.of(effect.profile, changes_nothing=tool.traits.changes_nothing)
        reviewed, notes = await self._after_hooks(call_preview(effect, tool, place))
        fault = await aside_if_large(len(effect.arguments), faults_of, tool, reviewed.arguments)
        if fault:
            raise _Refused(fault, by="check")
        reviewed = msgspec.structs.replace(
            reviewed,
            parallel=is_parallel(tool, reviewed.arguments),
            structured=await _previewed(tool, reviewed, place),
            is_by_tool=tool.preview is not None,
        )
        decision = await self._decided(reviewed)
        return self._outcome(effect, reviewed, decision, notes)

    def _outcome(
        self,
        effect: ReviewCall,
        reviewed: CallPreview,
        decision: _Decision,
        notes: list[str],
    ) -> RecordCallReview:
        is_asked = isinstance(decision.outcome, Ask)
        changed = encoded_arguments(reviewed.arguments) if notes else ""
        shown = encoded_arguments(reviewed.structured) if reviewed.is_by_tool else ""
        now, patience_s = self._clock.now(), self._ports.permission_timeout_s
        return RecordCallReview(
            key=effect.key,
            verdict="ask" if is_asked else "allow",
            text=encodable(decision.reason) if is_asked else "",
            preview=(shown or changed or effect.arguments) if is_asked else "",
            arguments=changed,
            parallel=reviewed.parallel,
            note=encodable("; ".join(notes)),
            decided_by=decision.by,
            reason=encodable(decision.reason),
            rule=decision.rule,
            digest=call_digest(effect.tool, changed or effect.arguments, reviewed.structured),
            expires_at=now + patience_s if is_asked and patience_s is not None else None,
            is_by_tool=is_asked and reviewed.is_by_tool,
            now=now,
        )

    async def _after_hooks(self, preview: CallPreview) -> tuple[CallPreview, list[str]]:
        """The call as hooks have left it, and a note of each that has changed it."""
        notes: list[str] = []
        for hook in self._ports.hooks:
            verdict = await self._asked(hook, preview)
            match verdict:
                case Allow():
                    pass
                case Deny(reason=reason):
                    told = f"Blocked by pre-execution hook: {reason}"
                    raise _Refused(told, by="hook", reason=reason)
                case Modify(arguments=arguments, reason=reason):
                    preview = msgspec.structs.replace(preview, arguments=_storable(arguments))
                    notes.append(reason or type(hook).__name__)
                case _:
                    said = f"hook {type(hook).__name__} answered {verdict!r}"
                    raise _Refused(f"Tool execution blocked: {said}", by="fault")
        return preview, notes

    async def _asked(self, hook: ToolHook, preview: CallPreview) -> object:
        try:
            return await hook.before(_own(preview))
        except BaseException as error:
            if is_cancellation(error):
                raise
            told = f"Tool execution blocked: {error_words(error)}"
            raise _Refused(told, by="fault") from error

    async def _decided(self, preview: CallPreview) -> _Decision:
        """The authorizer decides; where it wants a person, a remembered rule may answer."""
        verdict = await self._authorized(preview)
        if not isinstance(verdict, Ask):
            return _Decision(verdict, "nobody" if self._ports.authorizer is None else "authorizer")
        answer = await self._ruled(preview)
        if answer is None:
            return _Decision(verdict, "authorizer", reason=verdict.reason)
        if answer.allow:
            return _Decision(Allow(), "rule", rule=answer.rule)
        raise _Refused(
            f"Tool execution denied: {refusal_by_rule(answer.reason)}",
            by="rule",
            reason=answer.reason,
            rule=answer.rule,
        )

    async def _ruled(self, preview: CallPreview) -> RuleAnswer | None:
        """What a rule says; if they cannot be looked up, the person is asked."""
        if self._ports.rules is None:
            return None
        try:
            return await self._ports.rules(_own(preview))
        except BaseException as error:
            if is_cancellation(error):
                raise
            _log.exception("the remembered rules cannot be looked up; a person is asked")
            return None

    async def _authorized(self, preview: CallPreview) -> Allow | Ask:
        authorizer, limit_s = self._ports.authorizer, self._ports.authorizer_timeout_s
        if authorizer is None:
            return Allow()
        verdict: object = None
        try:
            with anyio.move_on_after(limit_s) as limit:
                verdict = await called(authorizer, _own(preview))
        except BaseException as error:
            if is_cancellation(error):
                raise
            _log.warning("the authorizer raised; %s is refused", preview.tool, exc_info=error)
            told = f"Tool execution blocked: {error_words(error)}"
            raise _Refused(told, by="fault") from error
        if limit.cancelled_caught:
            raise _Refused(f"authorizer timed out after {limit_s:g} s", by="fault")
        match verdict:
            case Allow() | Ask():
                return verdict
            case Deny(reason=reason):
                why = f": {reason}" if reason else " by authorizer"
                told = f"Tool execution denied{why}"
                raise _Refused(told, by="authorizer", reason=reason)
            case _:
                said = f"the authorizer answered {verdict!r}, not Allow, Deny or Ask"
                _log.warning("%s; %s is refused", said, preview.tool)
                raise _Refused(f"Tool execution blocked: {said}", by="fault")


async def _previewed(tool: Tool, call: CallPreview, place: Workplace) -> dict[str, object]:
    """What the call would do; one that cannot say is refused."""
    try:
        return await structured_preview(tool, call.arguments, place)
    except PolicyDenied as denied:
        raise _Refused(str(denied), by="check", denied=denied.action) from denied
    except BaseException as error:
        if is_cancellation(error):
            raise
        if isinstance(error, ToolError):
            raise _Refused(error_words(error), by="check") from error
        told = f"Tool execution blocked: {named_words_of(error)}"
        raise _Refused(told, by="fault") from error


def _own(preview: CallPreview) -> CallPreview:
    """For one reviewer: what it does to it no other sees, and nothing that runs or is kept."""
    return msgspec.structs.replace(
        preview,
        arguments=_copied(preview.arguments),
        structured=_copied(preview.structured),
    )


def _copied(value: object) -> object:
    if isinstance(value, dict):
        return {name: _copied(one) for name, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, list | tuple) else value


async def after_hooks(
    hooks: Sequence[ToolHook], preview: CallPreview, outcome: ToolOutcome
) -> ToolOutcome:
    """The outcome after all hooks, the last one first; one that raises changes nothing."""
    for hook in reversed(hooks):
        try:
            changed = await hook.after(_own(preview), outcome)
            encoded = msgspec.msgpack.encode(changed)
            outcome = msgspec.msgpack.decode(encoded, type=ToolOutcome)
        except BaseException as error:
            if is_cancellation(error):
                raise
            _log.exception("hook %s raised after %s", type(hook).__name__, preview.tool)
    return outcome


def _storable(arguments: Any) -> dict[str, object]:
    """Arguments as they come back from the log: what a hook gives may be anything."""
    told = "Tool execution blocked: a hook made no JSON of it"
    try:
        text = encoded_arguments(arguments)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise _Refused(f"{told} ({error})", by="fault") from error
    decoded, problem = decoded_arguments(text)
    if problem:
        raise _Refused(f"{told} ({problem})", by="fault")
    return decoded

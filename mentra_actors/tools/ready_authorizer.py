"""An authorizer for programs that need no more: it goes by what tools say of themselves."""

from collections.abc import Collection
from typing import get_args

from mentra_actors.errors import ConfigurationError
from mentra_actors.tools.review import Allow, Ask, Authorizer, CallPreview, Verdict
from mentra_actors.tools.traits import ApprovalCategory, SideEffects

__all__ = ["ask_for"]

_CHANGING: tuple[SideEffects, ...] = ("local_state", "process", "external")


def ask_for(
    side_effects: Collection[SideEffects] = _CHANGING,
    *,
    approval: Collection[ApprovalCategory] = (),
) -> Authorizer:
    """An authorizer that asks a person about some calls and lets all others run.

    It asks about tools with one of these `side_effects`, without any: about all that may change
    something; and about those of one of these `approval` categories. A tool that says nothing of
    itself may change anything, so it is asked about.

    Raises:
        ConfigurationError: there is no such word.
    """
    words = [(one, SideEffects) for one in side_effects]
    for word, kind in [*words, *((one, ApprovalCategory) for one in approval)]:
        if word not in get_args(kind):
            raise ConfigurationError(f"{word!r} is not one of {', '.join(get_args(kind))}")
    asked_effects, asked_categories = frozenset(side_effects), frozenset(approval)

    async def authorizer(call: CallPreview) -> Verdict:
        traits = call.traits
        if traits.side_effects in asked_effects or traits.approval in asked_categories:
            return Ask()
        return Allow()

    return authorizer

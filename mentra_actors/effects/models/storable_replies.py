"""What providers say, as the log will give it back."""

import logging
import math
from typing import TypeVar

import msgspec

from mentra_actors.domain.model_call import ModelReply, TokenUsage, usage_fault
from mentra_actors.errors import ProviderError

__all__ = ["asked_wait_s", "storable", "storable_reply"]

_log = logging.getLogger(__name__)
T = TypeVar("T")


def storable(said: T, kind: type[T]) -> T:
    """What a provider has said, as it is stored; what cannot be stored would end its agent.

    Raises:
        ProviderError: a field has the wrong type, or a text is not Unicode.
    """
    try:
        return msgspec.msgpack.decode(msgspec.msgpack.encode(said), type=kind)
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
        raise ProviderError(
            f"the answer cannot be stored: {error}", kind="invalid_response", transient=False
        ) from error


def storable_reply(reply: ModelReply) -> ModelReply:
    """The same for an answer. Tokens that no answer can have used are not counted.

    Raises:
        ProviderError: it cannot be stored.
    """
    stored = storable(reply, ModelReply)
    fault = usage_fault(stored.usage)
    if not fault:
        return stored
    _log.warning("the provider counts what no answer has used: %s", fault)
    return msgspec.structs.replace(stored, usage=TokenUsage())


def asked_wait_s(error: ProviderError) -> float | None:
    """The wait that a provider has asked for, if it is one."""
    wait = error.retry_after_s
    is_number = isinstance(wait, int | float) and not isinstance(wait, bool)
    return float(wait) if wait and is_number and math.isfinite(wait) and wait >= 0 else None

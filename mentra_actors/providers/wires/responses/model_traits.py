"""What is known of OpenAI's models: a table, to refuse before sending only what would fail.

Models that are not in it take everything as it is given.
"""

import re
from typing import Literal, TypeAlias

import msgspec

__all__ = ["ModelTraits", "traits_of"]

Reasoning: TypeAlias = Literal["unknown", "never", "optional", "default", "always"]


class ModelTraits(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a model reasons, and which ways of caching it knows.

    `optional` reasoning is off until it is asked for, `default` is on until it is switched off.
    Sampling (temperature, `top_p`) is refused exactly while a model reasons. `has_long_cache`
    models can keep a prompt for a day, `has_cache_options` models can be told not to cache.
    """

    reasoning: Reasoning = "unknown"
    has_long_cache: bool = False
    has_cache_options: bool = False


_UNKNOWN = ModelTraits()
_PLAIN = ModelTraits(reasoning="never")
_PLAIN_CACHED = ModelTraits(reasoning="never", has_long_cache=True)
_ALWAYS = ModelTraits(reasoning="always")
_ALWAYS_CACHED = ModelTraits(reasoning="always", has_long_cache=True)
_OPTIONAL = ModelTraits(reasoning="optional", has_long_cache=True)
_DEFAULT = ModelTraits(reasoning="default", has_long_cache=True)
_DEFAULT_OPTIONS = msgspec.structs.replace(_DEFAULT, has_cache_options=True)

_FAMILIES: tuple[tuple[str, ModelTraits], ...] = (
    (r"gpt-3|gpt-4o|gpt-4-|gpt-4$|chatgpt-", _PLAIN),
    (r"gpt-4\.1", _PLAIN_CACHED),
    (r"gpt-5-chat", _PLAIN),
    (r"o[134]($|-)", _ALWAYS),
    (r"gpt-5\.5-pro|gpt-5\.4-pro|gpt-5\.3-chat|gpt-5\.2-(chat|pro)", _ALWAYS_CACHED),
    (r"gpt-5\.1-(codex|chat)|gpt-5($|-)", _ALWAYS_CACHED),
    (r"gpt-5\.[1234]($|-)", _OPTIONAL),
    (r"gpt-5\.5($|-)", _DEFAULT),
    (r"gpt-5\.6($|-)", _DEFAULT_OPTIONS),
)
"""The first family whose pattern the beginning of a name has; a date may follow."""


def traits_of(model: str) -> ModelTraits:
    """The traits of a model; those of the base model for one that was tuned."""
    name = model.removeprefix("ft:")
    return next((traits for family, traits in _FAMILIES if re.match(family, name)), _UNKNOWN)

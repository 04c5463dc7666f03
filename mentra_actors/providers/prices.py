"""What an answer costs: own prices first, then those that the library `genai-prices` knows."""

import importlib
import logging
import threading
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import msgspec

from mentra_actors.domain.model_call import TokenUsage

__all__ = ["ModelPrice", "PriceList"]

_log = logging.getLogger(__name__)

_LOCAL_PROVIDERS = frozenset({"lmstudio", "offline", "ollama", "scripted"})
"""They run on machines of the user, who is sent no bill for tokens."""

_LIBRARY_IDS: Mapping[str, str] = MappingProxyType(
    {
        "anthropic": "anthropic",
        "gemini": "google",
        "openai": "openai",
        "openrouter": "openrouter",
    }
)
"""What the library calls our providers. It would guess at other names, and we do not."""

_Warn: TypeAlias = Callable[[str, Exception], None]

_EXACT = Context(prec=200, rounding=ROUND_HALF_UP)


class ModelPrice(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars for a million tokens of each kind.

    A float means its shortest decimal form: 0.1 is a tenth. Cached tokens and those that are
    written into the cache cost as much as `input` where they have no price of their own;
    reasoning is output.

    Raises:
        TypeError: a price is no number.
        ValueError: a price is negative, or not finite.
    """

    input: Decimal | float
    output: Decimal | float
    cached_input: Decimal | float | None = None
    cache_write: Decimal | float | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            price = getattr(self, name)
            if price is not None:
                _require_price(name, price)


class PriceList:
    """Prices of models by their names with the provider: `openai:gpt-5.4-mini`.

    `own` prices count first: that of the model itself, then the one of `provider:*`. After them
    local providers (`ollama`, `lmstudio`, `scripted`) cost nothing. All others are looked up in
    the library `genai-prices` (the extra `prices`), with `library=False` not even that. What
    nobody knows is None, never 0.

    The library's prices are those of today that came with it; nothing is ever fetched. It is
    imported at the first look-up (0.3 s). Any number of threads may use one list.
    """

    def __init__(
        self, own: Mapping[str, ModelPrice] = MappingProxyType({}), *, library: bool = True
    ) -> None:
        self._own = dict(own)
        self._uses_library = library
        self._lock = threading.Lock()
        self._warned: set[str] = set()

    def cost_usd_micros(self, model: str, usage: TokenUsage) -> int | None:
        """Millionths of a US dollar for one answer, the half rounded up; None if not known.

        Never raises: what has no price is logged, once for each model.
        """
        return self._cost(model, usage, self._warn)

    def knows(self, model: str) -> bool:
        """Whether the tokens of this model have a price."""
        return self.cost_usd_micros(model, TokenUsage()) is not None

    def usd_per_million(self, model: str) -> tuple[float, float] | None:
        """US dollars for a million tokens of input, and of output; None if they are not known.

        Never raises. A model that the library does not know is not logged: it is no answer that
        somebody pays for, and a list of models has hundreds of them.
        """
        tokens = 10_000  # long prompts may cost more for each token
        asked = self._cost(model, TokenUsage(input_tokens=tokens), self._warn_of_fault)
        said = self._cost(model, TokenUsage(output_tokens=tokens), self._warn_of_fault)
        if asked is None or said is None:
            return None
        return asked / tokens, said / tokens

    def context_window(self, model: str) -> int | None:
        """Tokens that fit into a model, as the library knows it; None if it does not."""
        provider_id = _LIBRARY_IDS.get(_provider(model))
        if provider_id is None or not self._uses_library or _library() is None:
            return None
        try:
            known = importlib.import_module("genai_prices.data_snapshot").get_snapshot()
            name = model.partition(":")[2]
            _, found = known.find_provider_model(name, None, provider_id, None)
        except Exception:  # noqa: BLE001 - it is only for people to look at
            return None
        window = getattr(found, "context_window", None)
        return window if isinstance(window, int) else None

    def is_at_hand(self, model: str) -> bool:
        """False if the next look-up of this model may take a while, to import the library."""
        is_other = self._own_price(model) is None and _provider(model) in _LIBRARY_IDS
        return not (is_other and self._uses_library) or _library.cache_info().currsize > 0

    def source(self, model: str) -> str:
        """Whose price it is: `own`, `local`, `genai-prices` with its version, or "" for none."""
        if self._own_price(model) is not None:
            return "own"
        if _provider(model) in _LOCAL_PROVIDERS:
            return "local"
        return f"genai-prices {_library().__version__}" if self.knows(model) else ""

    def _own_price(self, model: str) -> ModelPrice | None:
        exact = self._own.get(model)
        return self._own.get(f"{_provider(model)}:*") if exact is None else exact

    def _cost(self, model: str, usage: TokenUsage, warn: _Warn) -> int | None:
        price = self._own_price(model)
        if price is not None:
            return _rounded(_cost(price, _Counts.of(usage)))
        if _provider(model) in _LOCAL_PROVIDERS:
            return 0
        return self._library_cost(model, usage, warn)

    def _library_cost(self, model: str, usage: TokenUsage, warn: _Warn) -> int | None:
        provider_id = _LIBRARY_IDS.get(_provider(model))
        if provider_id is None or not self._uses_library:
            return None
        try:
            library = _library()
            if library is None:
                return None
            cost = _cost_by_library(library, provider_id, model.partition(":")[2], usage)
        except Exception as error:  # noqa: BLE001 - a price is never worth an agent
            warn(model, error)
            return None
        return None if cost is None else _rounded(cost)

    def _warn_of_fault(self, model: str, error: Exception) -> None:
        if not _is_plainly_unknown(error):
            self._warn(model, error)

    def _warn(self, model: str, error: Exception) -> None:
        with self._lock:
            is_first = model not in self._warned
            self._warned.add(model)
        if is_first:
            kind = "" if _is_plainly_unknown(error) else f"{type(error).__name__}: "
            _log.warning("no price is known for %s: %s%s", model, kind, error)


def _is_plainly_unknown(error: Exception) -> bool:
    """Whether the library says that it does not know a model; its faults are of other types."""
    return type(error) is LookupError


def _require_price(name: str, price: object) -> None:
    if isinstance(price, bool) or not isinstance(price, Decimal | int | float):
        raise TypeError(f"{name} is a price in dollars, not {price!r}")
    if not (_exact(price).is_finite() and _exact(price) >= 0):
        raise ValueError(f"{name} is a price of 0 or more, not {price!r}")


class _Counts(NamedTuple):
    """Tokens, each counted once. Counts that contradict each other never give a negative one."""

    plain_input: int
    cached_input: int
    cache_write: int
    output: int

    @classmethod
    def of(cls, usage: TokenUsage) -> "_Counts":
        whole = max(usage.input_tokens, 0)
        cached = min(max(usage.cached_input_tokens, 0), whole)
        written = min(max(usage.cache_write_tokens, 0), whole - cached)
        return cls(whole - cached - written, cached, written, max(usage.output_tokens, 0))

    @property
    def input(self) -> int:
        return self.plain_input + self.cached_input + self.cache_write


def _cost(price: ModelPrice, counts: _Counts) -> Decimal:
    """In millionths of a dollar: dollars for a million tokens, times tokens."""
    plain = _exact(price.input)
    cached = plain if price.cached_input is None else _exact(price.cached_input)
    written = plain if price.cache_write is None else _exact(price.cache_write)
    with localcontext(_EXACT):
        return (
            plain * counts.plain_input
            + cached * counts.cached_input
            + written * counts.cache_write
            + _exact(price.output) * counts.output
        )


def _cost_by_library(
    library: Any, provider_id: str, name: str, usage: TokenUsage
) -> Decimal | None:
    """In millionths of a dollar; None for a model that is not priced by tokens.

    Raises:
        LookupError: the library does not know the model.
    """
    counts = _Counts.of(usage)
    tokens = library.Usage(
        input_tokens=counts.input,
        cache_read_tokens=counts.cached_input,
        cache_write_tokens=counts.cache_write,
        output_tokens=counts.output,
    )
    with localcontext(_EXACT):
        found = library.calc_price(tokens, name, provider_id=provider_id)
        prices = {key for key, price in vars(found.model_price).items() if price is not None}
        # no price at all is a free model; other prices alone are for seconds, characters, …
        is_by_tokens = not prices or "input_mtok" in prices
        return Decimal(found.total_price) * 1_000_000 if is_by_tokens else None


def _rounded(cost: Decimal) -> int:
    return int(cost.to_integral_value(ROUND_HALF_UP))


def _exact(price: Decimal | float) -> Decimal:
    return price if isinstance(price, Decimal) else Decimal(repr(price))


def _provider(model: str) -> str:
    return model.partition(":")[0]


@cache
def _library() -> Any:
    """The module `genai_prices`; None if it is not installed."""
    try:
        return importlib.import_module("genai_prices")
    except ModuleNotFoundError as error:
        if error.name != "genai_prices":
            raise
        return None

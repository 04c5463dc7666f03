"""`mentra models`: which models the providers have, how large they are and what they cost."""

import time
from collections.abc import Sequence
from typing import Annotated

import anyio
import typer
from rich.text import Text

from mentra_actors.cli.options import AsJson
from mentra_actors.cli.output import Output
from mentra_actors.cli.signed_in import signed_in_providers
from mentra_actors.errors import ConfigurationError, ProviderError
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.catalogue import ListedModel, ListsModels
from mentra_actors.providers.prices import PriceList
from mentra_actors.providers.registry import ProviderRegistry

__all__ = ["models"]

_HEADS = ("model", "made on", "window", "$ in / M", "$ out / M")


def models(
    provider: Annotated[
        str | None,
        typer.Argument(help="Of this one; without it: of all that can be asked."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The models that there are, the newest first.

    Providers are asked over the network.
    """
    output = Output(as_json=as_json)
    with output.spinner("Asking for models"):
        found, refusals = anyio.run(_asked, provider)
    for refusal in refusals:
        output.remark(refusal)
    prices = PriceList()
    if as_json:
        output.document([_document(one, prices) for one in found])
    elif not found:
        output.show("No models were found.")
    else:
        rows = [_row(_document(one, prices)) for one in found]
        output.table("Models: size, and dollars for a million tokens", _HEADS, rows)


async def _asked(provider: str | None) -> tuple[Sequence[ListedModel], Sequence[str]]:
    """The models, and why others are not among them.

    Raises:
        ConfigurationError, ProviderError: the one provider that was named could not be asked.
        ProviderError: none of all could be asked.
    """
    registry = ProviderRegistry()
    for signed_in in signed_in_providers():
        registry.register(signed_in)
    found: list[ListedModel] = []
    refusals: list[str] = []
    try:
        for name in (provider,) if provider else registry.names:
            try:
                found += await _listed(registry, name)
            except (ConfigurationError, ProviderError) as error:
                if provider:
                    raise
                refusals.append(str(error))
    finally:
        await registry.aclose()
    if len(refusals) == len(registry.names):
        told = "\n".join(("no provider could be asked for models:", *refusals))
        raise ProviderError(told, kind="transport", transient=False)
    return found, refusals


async def _listed(registry: ProviderRegistry, name: str) -> Sequence[ListedModel]:
    provider = registry.named(name)
    if not isinstance(provider, ListsModels):
        raise ConfigurationError(f"{name!r} has no list of models")
    return await provider.models()


def _document(model: ListedModel, prices: PriceList) -> JsonObject:
    price = prices.usd_per_million(model.name)
    return {
        "model": model.name,
        "display_name": model.display_name,
        "created_at": model.created_at,
        "context_window": model.context_window or prices.context_window(model.name),
        "max_output_tokens": model.max_output_tokens,
        "input_usd_per_million": price[0] if price else None,
        "output_usd_per_million": price[1] if price else None,
    }


def _row(one: JsonObject) -> Sequence[Text]:
    window = one["context_window"]
    return [
        Text(one["model"]),
        Text(_day(one["created_at"])),
        Text(f"{window:,}" if window else "", justify="right"),
        Text(_dollars(one["input_usd_per_million"]), justify="right"),
        Text(_dollars(one["output_usd_per_million"]), justify="right"),
    ]


def _day(unix_s: float | None) -> str:
    """Empty where nobody says it, or says a time that there is not."""
    try:
        return "" if unix_s is None else time.strftime("%Y-%m-%d", time.gmtime(unix_s))
    except (OverflowError, ValueError, OSError):
        return ""


def _dollars(price: float | None) -> str:
    return "" if price is None else f"{price:,.3f}".rstrip("0").rstrip(".")

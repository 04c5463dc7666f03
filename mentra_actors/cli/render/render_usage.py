"""Tokens and money: a table for people, a document for programs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from rich.text import Text

from projections.views.usage import Usage

__all__ = ["By", "cost_text", "spent_words", "usage_document", "usage_table"]

By = Literal["agent", "model", "run"]
"""What a row stands for."""
_BASIC = ("calls", "tokens in", "tokens out")


def usage_table(
    by: By, rows: Mapping[str, Usage], total: Usage
) -> tuple[Sequence[str], Sequence[Sequence[Text]]]:
    """Its heads and rows, without the columns in which nothing is counted."""
    counted = {
        head: figure for head, figure in _figures(total).items() if figure or head in _BASIC
    }
    lines = [_row(name, one, counted) for name, one in rows.items()]
    if len(lines) > 1:
        lines.append(_row("all", total, counted, style="bold"))
    return (by, *counted, "cost"), lines


def _figures(one: Usage) -> dict[str, int]:
    return {
        "calls": one.calls,
        "failed": one.failed_calls,
        "tokens in": one.tokens.input_tokens,
        "cached": one.tokens.cached_input_tokens,
        "tokens out": one.tokens.output_tokens,
        "reasoning": one.tokens.reasoning_tokens,
    }


def _row(name: str, one: Usage, heads: Iterable[str], style: str = "") -> Sequence[Text]:
    figures = _figures(one)
    return [
        Text(name, style=style),
        *(Text(f"{figures[head]:,}", justify="right", style=style) for head in heads),
        Text(cost_text(one), justify="right", style=style),
    ]


def cost_text(one: Usage) -> str:
    """Dollars; a plus says that there were calls whose price is not known."""
    more = "+" if one.unpriced_calls else ""
    return f"${one.cost_usd:,.4f}{more}" if one.cost_usd_micros or not more else "unknown"


def spent_words(before: Usage, after: Usage) -> str:
    """What was used between two moments, behind two spaces; nothing for nothing."""
    calls = after.calls - before.calls
    tokens = after.tokens.total_tokens - before.tokens.total_tokens
    cost = (after.cost_usd_micros - before.cost_usd_micros) / 1e6
    if not (calls or tokens or cost):
        return ""
    money = f", ${cost:+,.4f}".replace("$+", "+$").replace("$-", "-$") if cost else ""
    return f"  {calls:+,} call{'' if abs(calls) == 1 else 's'}, {tokens:+,} tokens{money}"


def usage_document(one: Usage) -> dict[str, object]:
    """A sum over model calls, for programs."""
    return {
        "calls": one.calls,
        "failed_calls": one.failed_calls,
        "tokens": one.tokens,
        "cost_usd_micros": one.cost_usd_micros,
        "unpriced_calls": one.unpriced_calls,
    }

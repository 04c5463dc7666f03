"""Licences: written exceptions to the tripwires."""

import math
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

LICENCES: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "licences.toml").read_text()
)["licence"]


def breaches(rule: str, figures: Mapping[str, float], limit: float) -> dict[str, float]:
    """The figures above the limit that no licence allows, by place."""
    return {
        place: figure
        for place, figure in figures.items()
        if figure > limit and figure > _licensed(rule, place)
    }


def idle(rule: str, figures: Mapping[str, float], limit: float) -> list[str]:
    """Places of licences that allow more than anything there needs."""
    return [
        one["place"] for one in _of(rule) if _needed(one["place"], figures, limit) < one["limit"]
    ]


def _needed(pattern: str, figures: Mapping[str, float], limit: float) -> int:
    above = (f for place, f in figures.items() if f > limit and fnmatchcase(place, pattern))
    return math.ceil(max(above, default=0))


def _licensed(rule: str, place: str) -> float:
    limits = (one["limit"] for one in _of(rule) if fnmatchcase(place, one["place"]))
    return max(limits, default=-math.inf)


def _of(rule: str) -> list[dict[str, Any]]:
    return [one for one in LICENCES if one["rule"] == rule]

"""Figures of any view as people read them: moments as times, fractions without noise."""

from mentra_actors.cli.output import local_moment

__all__ = ["figure_words", "is_figure"]

_TIMES = ("at", "since", "until", "not_before", "last_activity")
"""Names of fields that hold Unix seconds, as do those that end in `_at`."""
_FIRST_MOMENT, _LAST_MOMENT = 1e8, 1e11
"""Unix seconds from 1973 on; what is below is a span, or a time of a clock for tests."""
_SMALLEST, _LARGEST = 1e-4, 1e15
"""Between them people read a number without an exponent."""


def is_figure(value: object) -> bool:
    """True for numbers; yes and no are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def figure_words(name: str, value: float) -> str:
    """A number of the field with this name."""
    if isinstance(value, int):
        return f"{value:,}"
    if (name.endswith("_at") or name in _TIMES) and _FIRST_MOMENT <= value < _LAST_MOMENT:
        return local_moment(value)
    if value and not _SMALLEST <= abs(value) < _LARGEST:
        return f"{value:.3g}"
    return f"{value:,.6f}".rstrip("0").rstrip(".")

"""A figure that is drawn and saved; matplotlib is imported here, when one is wanted."""

import importlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mentra_actors.errors import ConfigurationError

__all__ = ["COLOURS", "FORMATS", "moment", "saved_figure"]

FORMATS = (".svg", ".png", ".pdf")
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#7F7F7F")
"""Told apart by people who see colours differently (Okabe and Ito, 2008)."""
_STYLE = {
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "date.converter": "concise",
    "svg.fonttype": "none",
    "svg.hashsalt": "mentra",
}


def moment(unix_s: float) -> datetime:
    """A place on an axis of time."""
    return datetime.fromtimestamp(unix_s, UTC).astimezone()


def saved_figure(path: Path, draw: Callable[[Any], None], *, inches: tuple[float, float]) -> None:
    """Let `draw` fill an empty matplotlib figure, and write it; the ending says in which format.

    Raises:
        ConfigurationError: matplotlib is not installed, the ending is none of `FORMATS`, or the
            file cannot be written.
    """
    if path.suffix.lower() not in FORMATS:
        raise ConfigurationError(f"{path.name}: a plot ends in {', '.join(FORMATS)}")
    try:
        library = importlib.import_module("matplotlib")
        figures = importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise ConfigurationError(
            "plots need 'matplotlib': pip install 'mentra-actors[plots]'"
        ) from error
    with library.rc_context(_STYLE):
        figure = figures.Figure(figsize=inches, layout="constrained")
        draw(figure)
        try:
            figure.savefig(path, dpi=150, metadata=_UNDATED.get(path.suffix.lower()))
        except OSError as error:
            raise ConfigurationError(f"cannot write {path}: {error.strerror}") from error


_UNDATED = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
"""The same log gives the same file."""

"""Whether a plot shows the figures that are stored: each names those that it was made of."""

import hashlib
from pathlib import Path

import msgspec

from benchmarks.book.results import Result

__all__ = ["drawn_of", "fingerprint"]


def fingerprint(result: Result) -> str:
    """What a plot was made of: its figures, and how it chooses and draws them."""
    here = Path(__file__)
    sources = [here.with_name(f"{name}.py") for name in ("choice", "panels", "plots")]
    told = hashlib.sha256(msgspec.json.encode((result.title, result.goals)))
    for source in sources:
        told.update(source.read_bytes())
    return told.hexdigest()[:16]


def drawn_of(path: Path) -> str:
    """The fingerprint in a plot; empty if there is none."""
    if not path.exists():
        return ""
    return path.read_text().partition("drawn of ")[2].partition("<")[0].strip()

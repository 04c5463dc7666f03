"""Times and positions as people write them: one reader for all commands."""

import re
import time
from datetime import UTC, datetime

from mentra_actors.cli.reading import OpenStore
from mentra_actors.errors import CommandRejected
from mentra_actors.runtime.history.history import History
from mentra_actors.runtime.history.moment import Moment

__all__ = ["MOMENTS", "moment_named", "position_in", "shown_minute", "unix_time"]

MOMENTS = "a position (57), so many events before the end (-5), now, or a time (10m ago)"
"""What `moment_named` takes, for the help of arguments."""

_SPAN = re.compile(r"(\d{1,9})\s*([a-z]+)\s*")
_UNITS = {
    "second": 1,
    "sec": 1,
    "minute": 60,
    "min": 60,
    "hour": 3600,
    "day": 86_400,
    "week": 604_800,
    "s": 1,
    "m": 60,
    "h": 3600,
    "d": 86_400,
    "w": 604_800,
}
_TIME_OF_DAY = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?")


def unix_time(text: str) -> float:
    """Unix seconds of a time: ISO 8601, a time of today, or how long ago (`90s`, `2h 30m ago`).

    Without a zone it is the time of this machine.

    Raises:
        CommandRejected: it is no time.
    """
    said = text.strip()
    seconds = _span(said.lower().removesuffix("ago").strip())
    if seconds is not None:
        return time.time() - seconds
    if _TIME_OF_DAY.fullmatch(said):
        today = datetime.now(UTC).astimezone().date().isoformat()
        said = f"{today}T{said:0>5}" if said[1] != ":" else f"{today}T0{said}"
    try:
        return datetime.fromisoformat(said).timestamp()
    except (ValueError, OverflowError, OSError):
        raise CommandRejected(
            f"{text!r} is no time: write 2026-05-01T12:00, 16:30, or 90s, 15m, 2h, 3d (ago)"
        ) from None


def moment_named(history: History, text: str) -> Moment:
    """The moment that a person means; see `MOMENTS`.

    Raises:
        CommandRejected: it is to come, or nothing of that.
    """
    said = text.strip().removeprefix("end")
    if said.lower() in ("", "now"):
        return history.at()
    if re.fullmatch(r"[0-9]{1,18}", said):
        return history.at(int(said))
    if re.fullmatch(r"-[0-9]{1,18}", said):
        return history.at(max(history.last_position + int(said), 0))
    try:
        time_of = datetime.fromtimestamp(unix_time(said), UTC)
    except (CommandRejected, ValueError, OverflowError, OSError):
        raise CommandRejected(f"{text!r} is no moment: it is {MOMENTS}") from None
    return history.at(time=time_of)


def position_in(team: OpenStore, text: str) -> int:
    """The position of a moment of an open store; see `moment_named`."""
    return moment_named(History(team.reader, team.journal), text).position


def shown_minute(unix_s: float) -> str:
    """A minute on the clock of this machine; a log may hold a number that no calendar has."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(unix_s))
    except (OverflowError, OSError, ValueError):
        return f"at {unix_s:g} s"


def _span(text: str) -> float | None:
    """Seconds of `2h 30m` or `10 minutes`; None if it is no span."""
    parts = _SPAN.findall(text)
    units = [_UNITS.get(unit) or _UNITS.get(unit.rstrip("s")) for _, unit in parts]
    if not parts or _SPAN.sub("", text) or None in units:
        return None
    pairs = zip(parts, units, strict=True)
    return float(sum(int(number) * (unit or 0) for (number, _), unit in pairs))

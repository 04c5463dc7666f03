"""Commands to supervision: deaths, and what people make of them."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mentra_actors.domain.supervision.commands import (
    DiscardLetter,
    Letter,
    LiftQuarantine,
    RecordRedriveEnd,
    RedriveLetter,
    RedriveStream,
    ReportDeath,
    SupervisionCommand,
)
from mentra_actors.ids import EffectId, StreamId

__all__ = ["supervision_histories"]

_streams = st.sampled_from([StreamId("agent-a"), StreamId("agent-b")])
_numbers = st.integers(1, 6)
_letter_ids = _numbers.map(lambda number: f"L{number}")
_command_ids = st.sampled_from([f"c{number}" for number in range(40)])
_letters = st.builds(
    Letter,
    stream_id=_streams,
    command=st.just("AcceptPrompt"),
    content=st.binary(max_size=3),
    deliveries=st.integers(0, 3),
    is_outcome=st.booleans(),
    causation=st.sampled_from(["", "agent-a/model-1"]),
    earlier=st.just("") | _letter_ids,
)
_ASKED: dict[str, SearchStrategy[object]] = {
    "command_id": _command_ids,
    "now": st.sampled_from([0.0, 1.0, 7.5]),
}
_deaths = st.builds(
    ReportDeath,
    cause=st.sampled_from(["", "a bug"]),
    streams=st.lists(_streams, max_size=2, unique=True).map(tuple),
    letters=st.lists(_letters, max_size=3, unique_by=lambda one: one.earlier or id(one)).map(
        tuple
    ),
    **_ASKED,
)
_ends = st.builds(
    lambda number, attempt, how: RecordRedriveEnd(
        effect_id=EffectId(f"redrive-L{number}.{attempt}"),
        letter_id=f"L{number}",
        how=how,
        now=1.0,
        words="so",
    ),
    _numbers,
    st.integers(1, 2),
    st.sampled_from(["accepted", "refused", "failed"]),
)


def supervision_histories(max_size: int = 30) -> SearchStrategy[list[SupervisionCommand]]:
    """Deaths of two streams, and what people ask for, some of it twice, in any order."""
    kinds: list[SearchStrategy[Any]] = [
        *[_deaths] * 3,
        *[st.builds(RedriveLetter, letter_id=_letter_ids, **_ASKED)] * 3,
        *[_ends] * 2,
        st.builds(LiftQuarantine, stream_id=_streams, **_ASKED),
        st.builds(RedriveStream, stream_id=_streams, **_ASKED),
        st.builds(DiscardLetter, letter_id=_letter_ids, **_ASKED),
    ]
    step = st.sampled_from(kinds).flatmap(lambda strategy: strategy)
    return st.lists(step, max_size=max_size)
